/**
 * A server as a member of a bus: it publishes the messages of its topics, and
 * subscribes to the topics that have subscribers here.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import { setRef } from "../support/keep_alive.ts";
import type { Bus, BusStatus, BusSubscription } from "./bus.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  numberEnvelope,
} from "./envelope.ts";
import { PublishedNumbers, ReceivedNumbers } from "./numbering.ts";
import { subjectPart } from "./subject.ts";

/** Figures of a server's bus. */
export interface BusFigures {
  /** Whether the bus carries messages. */
  readonly status: BusStatus;
  /** Number of subscriptions of the server. */
  readonly subscriptions: number;
  /** Number of messages that the bus took. */
  readonly published: number;
  /** Number of messages that it did not take; other servers miss them. */
  readonly dropped: number;
  /** Number of messages of other servers that were received. */
  readonly received: number;
  /** Number of times that messages of another server were missing. */
  readonly gaps: number;
  /** Number of these messages. */
  readonly missing: number;
  /** Number of messages that were received a second time, and dropped. */
  readonly repeated: number;
  /**
   * Number of received messages that this server cannot use: of another version,
   * of an unknown method or codec, or malformed.
   */
  readonly unusable: number;
}

/** Messages of another server that this server has not received. */
export interface BusGap {
  /** Name of the topic; `undefined` for broadcasts. */
  readonly topic: string | undefined;
  /** Random id of the server that published them. */
  readonly origin: string;
  /** How many are missing. */
  readonly missing: number;
}

/** How a server uses its bus. */
export interface BusOptions {
  /**
   * First part of all subjects, so that applications can share a bus: 1 to 64
   * characters of `A-Z a-z 0-9 _ -`.
   *
   * @default {"lw"}
   */
  prefix?: string | undefined;
  /**
   * Milliseconds for which a topic without subscribers stays subscribed.
   *
   * @default {5000}
   */
  linger?: number | undefined;
  /**
   * Maximum number of topics with subscribers on this server.
   *
   * Each is a subscription of the bus. Further topics are refused: `subscribe()`
   * throws a `CallError` with the code `overloaded`.
   *
   * @default {50000}
   */
  maxTopics?: number | undefined;
  /** Called when messages of another server are missing. */
  onGap?: ((gap: BusGap) => void) | undefined;
  /** Called when the status of the bus has changed. */
  onStatus?: ((status: BusStatus) => void) | undefined;
}

/** Options for a {@linkcode BusMember}. */
export interface BusMemberOptions {
  /** The bus. */
  readonly bus: Bus;
  /** Random id of the server, of which 16 hexadecimal digits are used. */
  readonly instance: string;
  /** Name of the protocol, which keeps protocols with equal topics apart. */
  readonly protocol: string;
  /** First part of all subjects. */
  readonly prefix: string;
  /** Milliseconds for which a subscription is kept without subscribers. */
  readonly linger: number;
  /** Maximum number of topics with subscribers. */
  readonly maxTopics: number;
  /** Called when messages are missing. */
  readonly onGap: BusOptions["onGap"];
  /** Called with each change of the status. */
  readonly onStatus: BusOptions["onStatus"];
  /**
   * Delivers a message to the subscribers of this server.
   *
   * @returns whether it could be used
   */
  deliver(topic: string | undefined, message: Envelope): boolean;
  /** Reports an error of the bus or of the application. */
  report(error: unknown): void;
}

/** Most subscriptions that are kept without subscribers. */
const MAX_LINGERING = 1_000;

/** The subscription of a topic. */
interface Subscribed {
  readonly subscription: BusSubscription;
  /** Whether messages that are published from now on arrive. */
  isReady: boolean;
  /** Time in ms at which it ends; `undefined` while the topic has subscribers. */
  until: number | undefined;
}

const READY: Promise<void> = Promise.resolve();

/** A server on a bus. */
export class BusMember {
  readonly #options: BusMemberOptions;
  readonly #origin: string;
  readonly #subjects: string;
  readonly #numbers: PublishedNumbers = new PublishedNumbers((topic) =>
    this.#subject(topic)
  );
  /** Subscriptions of topics; the name `undefined` stands for broadcasts. */
  readonly #subscribed: Map<string | undefined, Subscribed> = new Map();
  /** Topics without subscribers, the one that ends first at the front. */
  readonly #lingering: Set<string> = new Set();
  readonly #listening: Disposable | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #closed = false;
  readonly #counts = {
    published: 0,
    dropped: 0,
    received: 0,
    gaps: 0,
    missing: 0,
    repeated: 0,
    unusable: 0,
  };

  constructor(options: BusMemberOptions) {
    const { bus, instance, prefix, protocol } = options;
    this.#options = options;
    this.#origin = instance.slice(0, 16);
    this.#subjects = `${prefix}.${subjectPart(protocol)}`;
    this.#listening = bus.onStatus((status) =>
      this.#notify(options.onStatus, status)
    );
    this.subscribe(undefined);
  }

  /** Returns the figures. */
  figures(): BusFigures {
    const { status } = this.#options.bus;
    const subscriptions = this.#subscribed.size;
    return { status, subscriptions, ...this.#counts };
  }

  #subject(topic: string | undefined): string {
    return topic === undefined
      ? `${this.#subjects}.b`
      : `${this.#subjects}.t.${subjectPart(topic)}`;
  }

  /**
   * Publishes a message to the other servers. If the bus does not take it, it is
   * counted; the others notice that it is missing.
   *
   * @throws {CallError} `too-large` if the bus cannot carry it
   */
  publish(
    topic: string | undefined,
    message: Omit<Envelope, "origin" | "epoch" | "number">,
  ): void {
    if (this.#closed) return;
    const { bus } = this.#options;
    const origin = this.#origin;
    const bytes = encodeEnvelope({ ...message, origin, epoch: 0, number: 1 });
    if (bytes.length > bus.maxMessage) {
      throw new CallError(
        `Cannot publish ${message.method}: it has ${bytes.length} bytes on the bus, which carries at most ${bus.maxMessage}; no subscriber received it`,
        { code: "too-large", processed: "no", method: message.method },
      );
    }
    const next = this.#numbers.next(topic);
    numberEnvelope(bytes, next);
    let taken = false;
    try {
      taken = bus.publish(next.subject, bytes);
    } catch (error) {
      this.#options.report(error);
    }
    if (taken) this.#counts.published++;
    else this.#counts.dropped++;
  }

  /**
   * Checks that a topic may have its first subscriber here.
   *
   * @throws {CallError} `overloaded` if too many topics have one
   */
  admit(topic: string): void {
    if (this.#closed) return;
    if (this.#subscribed.has(topic) && !this.#lingering.has(topic)) return;
    const { maxTopics } = this.#options;
    const topics = this.#subscribed.size - this.#lingering.size - 1; // broadcasts
    if (topics < maxTopics) return;
    throw new CallError(
      `Cannot subscribe to another topic: ${maxTopics} have subscribers on this server; raise busOptions.maxTopics, or bound the topics of a client`,
      { code: "overloaded", processed: "no", retry: "later" },
    );
  }

  /**
   * Subscribes to a topic that has got its first subscriber here.
   *
   * @returns resolves when messages of other servers arrive, or if the bus is
   * down; never rejects
   */
  subscribe(topic: string | undefined): Promise<void> {
    if (this.#closed) return READY;
    const existing = this.#subscribed.get(topic);
    if (existing !== undefined) {
      existing.until = undefined;
      if (topic !== undefined) this.#lingering.delete(topic);
      return this.#ready(existing);
    }
    const numbers = new ReceivedNumbers();
    try {
      const subscription = this.#options.bus.subscribe(
        this.#subject(topic),
        (bytes) => this.#receive(topic, numbers, bytes),
      );
      const subscribed: Subscribed = {
        subscription,
        isReady: false,
        until: undefined,
      };
      this.#subscribed.set(topic, subscribed);
      return this.#ready(subscribed);
    } catch (error) {
      this.#options.report(error);
      return READY;
    }
  }

  /** Keeps the subscription of a topic without subscribers for a while. */
  release(topic: string): void {
    const subscribed = this.#subscribed.get(topic);
    if (subscribed === undefined) return;
    subscribed.until = performance.now() + this.#options.linger;
    this.#lingering.add(topic);
    if (this.#lingering.size > MAX_LINGERING) {
      for (const oldest of this.#lingering) {
        this.#end(oldest);
        break;
      }
    }
    this.#setTimer();
  }

  /** Ends all subscriptions. The bus stays open: it belongs to the application. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listening?.[Symbol.dispose]();
    for (const topic of [...this.#subscribed.keys()]) this.#end(topic);
  }

  /** Resolves when a subscription is ready or the bus is down. */
  #ready(subscribed: Subscribed): Promise<void> {
    const { bus } = this.#options;
    if (subscribed.isReady || bus.status !== "up") return READY;
    const { promise, resolve } = Promise.withResolvers<void>();
    const listening = bus.onStatus((status) => {
      if (status !== "up") resolve();
    });
    subscribed.subscription.ready.then(() => {
      subscribed.isReady = true;
      resolve();
    }, () => resolve());
    return promise.finally(() => listening[Symbol.dispose]());
  }

  #end(topic: string | undefined): void {
    const subscribed = this.#subscribed.get(topic);
    this.#subscribed.delete(topic);
    if (topic !== undefined) this.#lingering.delete(topic);
    try {
      subscribed?.subscription[Symbol.dispose]();
    } catch (error) {
      this.#options.report(error);
    }
  }

  #setTimer(): void {
    if (this.#timer !== undefined) return;
    const [first] = this.#lingering;
    const until = first === undefined
      ? undefined
      : this.#subscribed.get(first)?.until;
    if (until === undefined) return;
    const wait = Math.max(0, until - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#endLingering();
    }, wait);
    setRef(this.#timer, false);
  }

  /** Ends the subscriptions whose time has passed, and waits for the next. */
  #endLingering(): void {
    const now = performance.now();
    for (const topic of [...this.#lingering]) {
      const until = this.#subscribed.get(topic)?.until;
      if (until !== undefined && until > now) break;
      this.#end(topic);
    }
    this.#setTimer();
  }

  /** Handles a message of the bus; never throws. */
  #receive(
    topic: string | undefined,
    numbers: ReceivedNumbers,
    bytes: Uint8Array,
  ): void {
    const message = decodeEnvelope(bytes);
    if (typeof message === "string") {
      this.#counts.unusable++;
      return;
    }
    const { origin } = message;
    if (origin === this.#origin || this.#closed) return;
    const missing = numbers.receive(origin, message);
    if (missing === undefined) {
      this.#counts.repeated++;
      return;
    }
    if (missing > 0) {
      this.#counts.gaps++;
      this.#counts.missing += missing;
      this.#notify(this.#options.onGap, { topic, origin, missing });
    }
    this.#counts.received++;
    try {
      if (!this.#options.deliver(topic, message)) this.#counts.unusable++;
    } catch (error) {
      this.#options.report(error);
    }
  }

  #notify<Event>(
    listener: ((event: Event) => unknown) | undefined,
    event: Event,
  ): void {
    if (listener === undefined) return;
    (async () => await listener(event))().catch((error) =>
      this.#options.report(error)
    );
  }
}
