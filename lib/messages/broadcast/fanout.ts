/**
 * One message for many clients: encoded once, and never held up by the slowest
 * of them.
 *
 * @module
 */
import {
  SLOW_POLICIES,
  type SlowPolicy,
  SubscriberQueue,
} from "./subscriber_queue.ts";
import { buildTree } from "../protocol/method_tree.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { CallerInput, MethodDeclaration } from "../protocol/method.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

export type { SlowPolicy };

/** Options of {@linkcode Topic.subscribe} and of `broadcast`. */
export interface SlowOptions {
  /**
   * What gives way when a subscriber is so slow that `maxQueued` messages wait
   * for it.
   *
   * @default {"drop-oldest"}
   */
  slow?: SlowPolicy;
  /**
   * Messages that may wait for one subscriber.
   *
   * @default {64}
   */
  maxQueued?: number;
}

/** What a topic counts. */
export interface TopicStats {
  /** Messages published. */
  published: number;
  /** Copies handed to a connection. */
  delivered: number;
  /**
   * Copies given up: for a slow subscriber, or for one that cannot take the
   * message, be it too large for it or without an encoding in its codec. A
   * client that does not handle the notification drops it by itself.
   */
  dropped: number;
  /** Copies replaced by a later one of the same key, while they waited. */
  conflated: number;
  /** Subscribers disconnected for being too slow. */
  disconnected: number;
}

/** Options of one message. */
export interface PublishOptions {
  /**
   * Messages of the same key are states of the same thing: a slow subscriber
   * gets only the latest of those that wait.
   */
  key?: string | number;
}

/** How a notification is sent to many: gives the number of sessions it is for. */
export interface Publish<In> {
  /**
   * @param input what the clients get
   * @param options options of this message
   * @throws {CodecError} for an input that the codec of one of them cannot
   * encode, once all others have been served
   */
  (input: In, options?: PublishOptions): number;
}

/** The notifications of a side, as functions that send to many. */
export type Publishers<Methods> = {
  readonly [
    Name in keyof Methods as Methods[Name] extends MethodDeclaration
      ? Methods[Name]["shape"] extends "notification" ? Name : never
      : Name
  ]: Methods[Name] extends {
    readonly types?: {
      readonly caller: (gives: infer Gives extends CallerInput) => unknown;
    };
  } ? Publish<Gives["input"]>
    : Publishers<Methods[Name]>;
};

/** Where a message for many goes to: one connection. */
export interface BroadcastTarget {
  /** Codec of its bodies. */
  readonly codec: MessageCodec;
  /** Whether a notification may leave now without piling up. */
  readonly ready: boolean;
  /** Sends an encoded notification. @throws {CallError} if this connection cannot take it */
  send(method: number, body: Uint8Array): void;
  /** Ends the session: it is too slow. */
  disconnect(message: string): void;
}

interface Encoded {
  readonly method: number;
  readonly body: Uint8Array;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} for an option out of its range
 */
export function resolveSlowOptions(
  { slow = "drop-oldest", maxQueued = 64 }: SlowOptions,
): Required<SlowOptions> {
  if (!Number.isInteger(maxQueued) || maxQueued < 1) {
    throw new RangeError(
      `Cannot queue ${maxQueued} messages for a slow subscriber: it must be an integer of 1 or more`,
    );
  }
  if (!SLOW_POLICIES.includes(slow)) {
    throw new RangeError(
      `Cannot treat slow subscribers with "${slow}": slow is "drop-oldest", "drop-newest" or "disconnect"`,
    );
  }
  return { slow, maxQueued };
}

/** One subscriber of a topic. */
class Subscriber {
  readonly receiver: BroadcastTarget;
  readonly #queue: SubscriberQueue<Encoded>;
  readonly #stats: TopicStats;

  constructor(
    receiver: BroadcastTarget,
    stats: TopicStats,
    { maxQueued, slow }: Required<SlowOptions>,
  ) {
    this.receiver = receiver;
    this.#queue = new SubscriberQueue(maxQueued, slow);
    this.#stats = stats;
  }

  /** What waits is kept, as far as the new options allow. */
  change({ maxQueued, slow }: Required<SlowOptions>): void {
    this.#stats.dropped += this.#queue.change(maxQueued, slow);
  }

  deliver(message: Encoded, key: unknown): void {
    if (this.#queue.length === 0 && this.receiver.ready) {
      return this.#send(message);
    }
    const outcome = this.#queue.put(message, key);
    if (outcome === "dropped") this.#stats.dropped++;
    else if (outcome === "conflated") this.#stats.conflated++;
    else if (outcome === "disconnect") {
      this.#stats.disconnected++;
      this.#queue.clear();
      this.receiver.disconnect("it reads more slowly than it is sent to");
    }
  }

  /** There is room again. */
  drain(): void {
    while (this.#queue.length > 0 && this.receiver.ready) {
      this.#send(this.#queue.take()!); // the loop's condition
    }
  }

  /** What this one cannot take is no reason to keep it from the others. */
  #send({ method, body }: Encoded): void {
    try {
      this.receiver.send(method, body);
    } catch {
      this.#stats.dropped++;
      return;
    }
    this.#stats.delivered++;
  }
}

/** One input in each codec that is asked for, encoded once. */
class Encodings {
  readonly #input: unknown;
  readonly #bodies: Map<MessageCodec, Uint8Array | undefined> = new Map();
  /** What the first codec threw that cannot encode it. */
  failure: { readonly error: unknown } | undefined = undefined;

  constructor(input: unknown) {
    this.#input = input;
  }

  /** The body, or `undefined` where there is none in that codec. */
  in(codec: MessageCodec): Uint8Array | undefined {
    if (this.#bodies.has(codec)) return this.#bodies.get(codec);
    let body: Uint8Array | undefined;
    try {
      // The codec's own buffer is good until its next message only.
      body = codec.encode(this.#input).slice();
    } catch (error) {
      this.failure ??= { error };
    }
    this.#bodies.set(codec, body);
    return body;
  }
}

/** Sends to a changing set of subscribers. What `server.topic()` and `server.broadcast` are made of. */
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

  /** Who is subscribed. */
  get sessions(): IterableIterator<Session> {
    return this.#subscribers.keys();
  }

  /** How many are subscribed. */
  get size(): number {
    return this.#subscribers.size;
  }

  /**
   * Adds a subscriber; again, with other options, changes them.
   *
   * @throws {RangeError} for an option out of its range
   */
  add(session: Session, receiver: BroadcastTarget, options: SlowOptions): void {
    const resolved = resolveSlowOptions(options);
    const known = this.#subscribers.get(session);
    if (known !== undefined) return known.change(resolved);
    const subscriber = new Subscriber(receiver, this.stats, resolved);
    this.#subscribers.set(session, subscriber);
  }

  /** Removes a subscriber. */
  delete(session: Session): void {
    this.#subscribers.delete(session);
  }

  /** A subscriber has room again. */
  drain(session: Session): void {
    this.#subscribers.get(session)?.drain();
  }

  /**
   * Sends to all.
   *
   * @returns how many there are
   * @throws what a codec threw that cannot encode the input; those of the
   * other codecs have it by then
   */
  publish(method: number, input: unknown, key: unknown): number {
    this.stats.published++;
    const encodings = new Encodings(input);
    // Whoever is too slow may be disconnected, and leave, while this goes on.
    const subscribers = [...this.#subscribers.values()];
    for (const subscriber of subscribers) {
      const body = encodings.in(subscriber.receiver.codec);
      if (body === undefined) this.stats.dropped++;
      else subscriber.deliver({ method, body }, key);
    }
    if (encodings.failure !== undefined) throw encodings.failure.error;
    return subscribers.length;
  }
}

/** The notifications among the methods, as functions that send to many. */
export function buildPublishers<Session extends object>(
  methods: readonly BoundMethod[],
  fanout: () => Fanout<Session> | undefined,
): object {
  const notifications = methods.flatMap(({ name, method }, index) =>
    method.shape === "notification" ? [{ name, index }] : []
  );
  return buildTree(
    notifications,
    ({ index }) => (input: unknown, options: PublishOptions = {}) =>
      fanout()?.publish(index, input, options.key) ?? 0,
  );
}
