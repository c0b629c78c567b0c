/**
 * Sends one message to many clients: it is encoded once per codec, and slow
 * clients do not delay the others.
 *
 * @module
 */
import {
  SLOW_POLICIES,
  type SlowPolicy,
  SubscriberQueue,
} from "./subscriber_queue.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { lazyTree } from "../protocol/method_tree.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { CallerInput, MethodDeclaration } from "../protocol/method.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/** Options for slow subscribers of topics and broadcasts. */
export interface SlowOptions {
  /**
   * Policy for a subscriber whose queue is full.
   *
   * @default {"drop-oldest"}
   */
  slow?: SlowPolicy | undefined;
  /**
   * Maximum number of messages queued for one subscriber.
   *
   * @default {64}
   */
  maxQueued?: number | undefined;
}

const PUBLISH_OPTIONS: OptionNames<PublishOptions> = { key: true };

const SLOW_OPTIONS: OptionNames<SlowOptions> = { slow: true, maxQueued: true };

/** Counters of a topic or of a server's broadcasts. */
export interface TopicStats {
  /** Number of published messages. */
  published: number;
  /** Number of copies that were passed to a connection. */
  delivered: number;
  /**
   * Number of copies that were dropped.
   *
   * A copy is dropped if the subscriber is too slow, if the message is too
   * large for it, or if its codec cannot encode the message. Copies that were
   * queued for a removed or disconnected subscriber are not counted, nor are
   * notifications that a client discards because it does not handle them.
   */
  dropped: number;
  /** Number of queued copies replaced by a message with the same key. */
  conflated: number;
  /** Number of subscribers that were disconnected because they were too slow. */
  disconnected: number;
}

/** Options for one published message. */
export interface PublishOptions {
  /**
   * Key of the object whose state the message describes.
   *
   * A message replaces a queued one with the same key, so that a slow
   * subscriber receives only the latest state.
   *
   * @default none
   */
  key?: string | number | undefined;
}

/**
 * Function that sends a notification to many sessions.
 *
 * @typeParam In the type of the notification's input
 */
export interface Publish<In> {
  /**
   * Sends the notification to every subscriber.
   *
   * @param input input of the notification
   * @param options options for this message
   * @returns the number of subscribed sessions
   * @throws {CodecError} if a subscriber's codec cannot encode the input;
   * subscribers with other codecs have been served by then
   * @throws {TypeError} if an option is unknown
   */
  (input: In, options?: PublishOptions): number;
}

/**
 * The notifications of a side, as functions that send to many sessions.
 *
 * @typeParam Methods a side of a protocol
 */
export type Publishers<Methods> = {
  readonly [
    Name in keyof Methods as Methods[Name] extends MethodDeclaration
      ? Methods[Name]["shape"] extends "notification" ? Name : never
      : Name
  ]: Methods[Name] extends {
    readonly types?: {
      readonly caller: (input: infer CallerIn extends CallerInput) => unknown;
    };
  } ? Publish<CallerIn["input"]>
    : Publishers<Methods[Name]>;
};

/** Connection of a subscriber. */
export interface BroadcastTarget {
  /** Codec of the connection. */
  readonly codec: MessageCodec;
  /** Whether a notification can be sent now, without being queued. */
  readonly ready: boolean;
  /** Sends an encoded notification. @throws {CallError} if the connection cannot send it */
  send(method: number, body: Uint8Array): void;
  /** Ends the session because the subscriber is too slow. */
  disconnect(message: string): void;
}

interface Encoded {
  readonly method: number;
  readonly body: Uint8Array;
}

/** Options for slow subscribers, with defaults filled in. */
export interface ResolvedSlowOptions {
  /** Policy for a full queue. */
  readonly slow: SlowPolicy;
  /** Maximum number of messages queued for one subscriber. */
  readonly maxQueued: number;
}

/**
 * Validates the options and fills in the defaults.
 *
 * @param where the function or option that takes the options
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 */
export function resolveSlowOptions(
  options: SlowOptions,
  where: string,
): ResolvedSlowOptions {
  checkOptions(where, options, SLOW_OPTIONS);
  const { slow = "drop-oldest", maxQueued = 64 } = options;
  if (!Number.isInteger(maxQueued) || maxQueued < 1) {
    throw new RangeError(
      `Cannot serve slow subscribers with maxQueued ${maxQueued}: it must be an integer of at least 1`,
    );
  }
  if (!SLOW_POLICIES.includes(slow)) {
    throw new RangeError(
      `Unknown policy "${slow}" for slow subscribers; expected "drop-oldest", "drop-newest" or "disconnect"`,
    );
  }
  return { slow, maxQueued };
}

/** One subscriber of a topic. */
class Subscriber {
  readonly target: BroadcastTarget;
  readonly #queue: SubscriberQueue<Encoded>;
  readonly #stats: TopicStats;

  constructor(
    target: BroadcastTarget,
    stats: TopicStats,
    { maxQueued, slow }: ResolvedSlowOptions,
  ) {
    this.target = target;
    this.#queue = new SubscriberQueue(maxQueued, slow);
    this.#stats = stats;
  }

  /** Changes the options; keeps as many queued messages as they allow. */
  change({ maxQueued, slow }: ResolvedSlowOptions): void {
    this.#stats.dropped += this.#queue.change(maxQueued, slow);
  }

  deliver(message: Encoded, key: unknown): void {
    if (this.#queue.length === 0 && this.target.ready) {
      return this.#send(message);
    }
    const outcome = this.#queue.put(message, key);
    if (outcome === "dropped") this.#stats.dropped++;
    else if (outcome === "conflated") this.#stats.conflated++;
    else if (outcome === "disconnect") {
      this.#stats.disconnected++;
      this.#queue.clear();
      this.target.disconnect(
        "the client reads notifications more slowly than they are sent",
      );
    }
  }

  /** Sends queued messages while the connection can send. */
  drain(): void {
    while (this.#queue.length > 0 && this.target.ready) {
      this.#send(this.#queue.take()!); // the queue is not empty
    }
  }

  /** Sends a message. A failure is counted and does not affect other subscribers. */
  #send({ method, body }: Encoded): void {
    try {
      this.target.send(method, body);
    } catch {
      this.#stats.dropped++;
      return;
    }
    this.#stats.delivered++;
  }
}

/** Encodings of one input, one for each codec in use. */
class Encodings {
  readonly #input: unknown;
  readonly #bodies: Map<MessageCodec, Uint8Array | undefined> = new Map();
  /** Error thrown by the first codec that failed to encode the input. */
  failure: { readonly error: unknown } | undefined = undefined;

  constructor(input: unknown) {
    this.#input = input;
  }

  /** Returns the body, or `undefined` if the codec cannot encode the input. */
  in(codec: MessageCodec): Uint8Array | undefined {
    if (this.#bodies.has(codec)) return this.#bodies.get(codec);
    let body: Uint8Array | undefined;
    try {
      // Copy the body in case a custom codec reuses its buffer.
      body = codec.encode(this.#input).slice();
    } catch (error) {
      this.failure ??= { error };
    }
    this.#bodies.set(codec, body);
    return body;
  }
}

/**
 * Set of subscribers that receive the same messages.
 *
 * It is the basis of `server.topic()` and `server.broadcast`.
 */
export class Fanout<Session extends object> {
  /** Counters. */
  readonly stats: TopicStats = {
    published: 0,
    delivered: 0,
    dropped: 0,
    conflated: 0,
    disconnected: 0,
  };
  readonly #subscribers: Map<Session, Subscriber> = new Map();

  /** The subscribed sessions. */
  get sessions(): IterableIterator<Session> {
    return this.#subscribers.keys();
  }

  /** Number of subscribed sessions. */
  get size(): number {
    return this.#subscribers.size;
  }

  /** Adds a subscriber, or changes the options of an existing one. */
  add(
    session: Session,
    target: BroadcastTarget,
    options: ResolvedSlowOptions,
  ): void {
    const existing = this.#subscribers.get(session);
    if (existing !== undefined) return existing.change(options);
    const subscriber = new Subscriber(target, this.stats, options);
    this.#subscribers.set(session, subscriber);
  }

  /** Removes a subscriber. */
  delete(session: Session): void {
    this.#subscribers.delete(session);
  }

  /** Returns the connection of a subscriber. */
  targetOf(session: Session): BroadcastTarget | undefined {
    return this.#subscribers.get(session)?.target;
  }

  /** Sends queued messages to a subscriber that can accept more. */
  drain(session: Session): void {
    this.#subscribers.get(session)?.drain();
  }

  /**
   * Sends a message to every subscriber.
   *
   * @returns the number of subscribers
   * @throws the error thrown by a codec that cannot encode the input;
   * subscribers with other codecs have been served by then
   */
  publish(method: number, input: unknown, key: unknown): number {
    this.stats.published++;
    const encodings = new Encodings(input);
    // A copy: a slow subscriber may be disconnected and removed in the loop.
    const subscribers = [...this.#subscribers.values()];
    for (const subscriber of subscribers) {
      const body = encodings.in(subscriber.target.codec);
      if (body === undefined) this.stats.dropped++;
      else subscriber.deliver({ method, body }, key);
    }
    if (encodings.failure !== undefined) throw encodings.failure.error;
    return subscribers.length;
  }
}

/** Notification that can be published. */
export interface PublishedMethod {
  /** Dotted name. */
  readonly name: string;
  /** Number of the method on the wire. */
  readonly index: number;
}

/** Returns the notifications among the methods. */
export function publishedMethods(
  methods: readonly BoundMethod[],
): readonly PublishedMethod[] {
  return methods.flatMap(({ name, shape }, index) =>
    shape === "notification" ? [{ name, index }] : []
  );
}

/**
 * Returns nested functions that publish notifications. Each is created when it
 * is read.
 */
export function lazyPublishers<Session extends object>(
  methods: readonly PublishedMethod[],
  fanout: () => Fanout<Session> | undefined,
): object {
  return lazyTree(
    methods,
    ({ name, index }) => (input: unknown, options: PublishOptions = {}) => {
      checkOptions(name, options, PUBLISH_OPTIONS);
      return fanout()?.publish(index, input, options.key) ?? 0;
    },
  );
}
