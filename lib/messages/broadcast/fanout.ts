/**
 * Sends one message to many clients: it is encoded once per codec, and slow
 * clients do not delay the others.
 *
 * @module
 */
import {
  type QueueLimits,
  SLOW_POLICIES,
  SubscriberQueue,
} from "./subscriber_queue.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { lazyTree } from "../protocol/method_tree.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { CallerInput, MethodDeclaration } from "../protocol/method.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/**
 * Options for slow subscribers of topics and broadcasts.
 *
 * @category Topics and sources
 */
export interface SlowOptions {
  /**
   * Policy for a subscriber whose queue is full.
   *
   * - `"drop-oldest"`: drops the oldest queued message.
   * - `"drop-newest"`: drops the new message.
   * - `"disconnect"`: ends the subscriber's session.
   *
   * @default {"drop-oldest"}
   */
  slow?: "drop-oldest" | "drop-newest" | "disconnect" | undefined;
  /**
   * Maximum number of messages queued for one subscriber.
   *
   * @default no limit besides `maxQueuedBytes`
   */
  maxQueued?: number | undefined;
  /**
   * Maximum size of the messages queued for one subscriber, in bytes. Each is
   * charged 64 bytes in addition; a single one may be longer.
   *
   * @default {1048576}
   */
  maxQueuedBytes?: number | undefined;
}

const PUBLISH_OPTIONS: OptionNames<PublishOptions> = { key: true };

const SLOW_OPTIONS: OptionNames<SlowOptions> = {
  slow: true,
  maxQueued: true,
  maxQueuedBytes: true,
};

/**
 * Counters of a topic or of a server's broadcasts.
 *
 * @category Figures
 */
export interface TopicStats {
  /** Number of published messages, also of other servers on the same bus. */
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

/**
 * Figures of a topic, or of `server.broadcast`, at the moment of reading.
 *
 * @category Figures
 */
export interface TopicFigures extends Readonly<TopicStats> {
  /** Number of copies that wait for slow subscribers. */
  readonly queued: number;
  /** Bytes of these copies. */
  readonly queuedBytes: number;
  /** Bytes that wait for the slowest subscriber. */
  readonly mostQueuedBytes: number;
}

/**
 * Options for one published message.
 *
 * @category Topics and sources
 */
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
 *
 * @category Topics and sources
 */
export interface Publish<In> {
  /**
   * Sends the notification to every subscriber.
   *
   * With the option `bus`, subscribers of the other servers receive it, too, unless
   * the bus is down.
   *
   * @param input input of the notification
   * @param options options for this message
   * @returns the number of subscribed sessions of this server
   * @throws {CallError} `too-large` if the bus cannot carry the message; no
   * subscriber has received it then
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
 *
 * @category Topics and sources
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

/** A queue of messages for one session. */
interface Waiting {
  /** Sends the oldest message; returns whether others remain. */
  sendNext(): boolean;
}

/**
 * The queues of one session that hold messages. A session that can accept more
 * looks at these only, however many topics it has subscribed to.
 */
export class Backlog {
  /** Bytes of the messages in the queues. */
  held = 0;
  /** Created on first use: a server may hold thousands of idle sessions. */
  #queues: Set<Waiting> | undefined = undefined;
  readonly #owner: { onBacklog(): void } | undefined;

  /** @param owner whose `onBacklog()` is called when a message is added */
  constructor(owner?: { onBacklog(): void }) {
    this.#owner = owner;
  }

  /** Number of queues that hold messages. */
  get size(): number {
    return this.#queues?.size ?? 0;
  }

  /** Adds a queue that holds messages. */
  add(queue: Waiting): void {
    (this.#queues ??= new Set()).add(queue);
    this.#owner?.onBacklog();
  }

  /** Removes a queue. */
  delete(queue: Waiting): void {
    this.#queues?.delete(queue);
  }

  /** Sends messages of the queues in turn while the target is ready. */
  drain(target: { readonly ready: boolean }): void {
    while (this.size > 0 && target.ready) this.#sendNext();
  }

  /** Passes all messages to the connection, whose queue they join. */
  flush(): void {
    while (this.size > 0) this.#sendNext();
  }

  #sendNext(): void {
    const queues = this.#queues;
    const [queue] = queues ?? [];
    if (queue === undefined) return;
    queues?.delete(queue);
    if (queue.sendNext()) queues?.add(queue);
  }
}

/** Connection of a subscriber. */
export interface BroadcastTarget {
  /** Queues that hold messages for the connection. */
  readonly backlog: Backlog;
  /** Codec of the connection. */
  readonly codec: MessageCodec;
  /** Whether a notification can be sent now, without being queued. */
  readonly ready: boolean;
  /** Sends an encoded notification. @throws {CallError} if the connection cannot send it */
  send(method: number, body: Uint8Array): void;
  /** Ends the session because the subscriber is too slow. */
  disconnect(message: string): void;
  /** Called with the number of messages that were dropped. */
  onMessagesDropped?(count: number): void;
}

/** An encoded notification, which all subscribers with its codec share. */
interface Encoded {
  readonly method: number;
  readonly body: Uint8Array;
  readonly size: number;
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
): QueueLimits {
  checkOptions(where, options, SLOW_OPTIONS);
  const { slow = "drop-oldest", maxQueued, maxQueuedBytes } = options;
  for (const [name, value] of Object.entries({ maxQueued, maxQueuedBytes })) {
    if (value === undefined || Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(
      `Cannot serve slow subscribers with ${name} ${value}: it must be an integer of at least 1`,
    );
  }
  if (!SLOW_POLICIES.includes(slow)) {
    throw new RangeError(
      `Unknown policy "${slow}" for slow subscribers; expected "drop-oldest", "drop-newest" or "disconnect"`,
    );
  }
  return {
    slow,
    maxQueued: maxQueued ?? Infinity,
    maxQueuedBytes: maxQueuedBytes ?? 2 ** 20,
  };
}

/** One subscriber of a topic. */
class Subscriber implements Waiting {
  readonly target: BroadcastTarget;
  /** Messages that wait for the subscriber. */
  #queue: SubscriberQueue<Encoded> | undefined = undefined;
  #limits: QueueLimits;
  readonly #stats: TopicStats;

  constructor(
    target: BroadcastTarget,
    stats: TopicStats,
    limits: QueueLimits,
  ) {
    this.target = target;
    this.#limits = limits;
    this.#stats = stats;
  }

  /** Changes the limits; keeps as many queued messages as they allow. */
  change(limits: QueueLimits): void {
    this.#limits = limits;
    this.#dropped(this.#queue?.change(limits) ?? 0);
  }

  /** Number of messages that wait. */
  get length(): number {
    return this.#queue?.length ?? 0;
  }

  /** Bytes of these messages. */
  get bytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  #dropped(count: number): void {
    if (count === 0) return;
    this.#stats.dropped += count;
    this.target.onMessagesDropped?.(count);
  }

  deliver(message: Encoded, key: unknown): void {
    if (this.length === 0 && this.target.ready) {
      return this.#send(message);
    }
    const queue = this.#queue ??= new SubscriberQueue(
      this.#limits,
      this.target.backlog,
    );
    const { outcome, dropped } = queue.put(message, key);
    this.#dropped(dropped);
    this.target.backlog.add(this);
    if (outcome === "conflated") this.#stats.conflated++;
    else if (outcome === "disconnect") {
      this.#stats.disconnected++;
      this.end();
      this.target.disconnect(
        "the client reads notifications more slowly than they are sent",
      );
    }
  }

  /** @inheritdoc */
  sendNext(): boolean {
    const message = this.#queue?.take();
    if (message !== undefined) this.#send(message);
    return this.length > 0;
  }

  /** Drops the queued messages. */
  end(): void {
    this.#queue?.clear();
    this.target.backlog.delete(this);
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
export class Encodings {
  readonly #input: () => unknown;
  readonly #method: number;
  readonly #messages: Map<MessageCodec, Encoded | undefined> = new Map();
  /** Error thrown by the first codec that failed to encode the input. */
  failure: { readonly error: unknown } | undefined = undefined;

  /**
   * @param method number of the method on the wire
   * @param input returns the input; called for each encoding that is needed
   */
  constructor(method: number, input: () => unknown) {
    this.#method = method;
    this.#input = input;
  }

  /** Returns the encodings of an input that was received encoded. */
  static ofBody(
    method: number,
    codec: MessageCodec,
    body: Uint8Array,
  ): Encodings {
    const encodings = new Encodings(method, () => codec.decode(body));
    encodings.#messages.set(codec, { method, body, size: body.length });
    return encodings;
  }

  /** Returns the message, or `undefined` if the codec cannot encode the input. */
  in(codec: MessageCodec): Encoded | undefined {
    if (this.#messages.has(codec)) return this.#messages.get(codec);
    let message: Encoded | undefined;
    try {
      // Copy the body in case a custom codec reuses its buffer.
      const body = new Uint8Array(codec.encode(this.#input()));
      message = { method: this.#method, body, size: body.length };
    } catch (error) {
      this.failure ??= { error };
    }
    this.#messages.set(codec, message);
    return message;
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

  /** Returns the figures; takes time for each subscriber. */
  figures(): TopicFigures {
    let queued = 0;
    let queuedBytes = 0;
    let mostQueuedBytes = 0;
    for (const { length, bytes } of this.#subscribers.values()) {
      queued += length;
      queuedBytes += bytes;
      mostQueuedBytes = Math.max(mostQueuedBytes, bytes);
    }
    return { ...this.stats, queued, queuedBytes, mostQueuedBytes };
  }

  /** Returns the session for which most bytes wait, if any do. */
  slowest(): Session | undefined {
    let most = 0;
    let slowest: Session | undefined;
    for (const [session, { bytes }] of this.#subscribers) {
      if (bytes <= most) continue;
      most = bytes;
      slowest = session;
    }
    return slowest;
  }

  /** Adds a subscriber, or changes the options of an existing one. */
  add(
    session: Session,
    target: BroadcastTarget,
    limits: QueueLimits,
  ): void {
    const existing = this.#subscribers.get(session);
    if (existing !== undefined) return existing.change(limits);
    const subscriber = new Subscriber(target, this.stats, limits);
    this.#subscribers.set(session, subscriber);
  }

  /** Removes a subscriber. */
  delete(session: Session): void {
    this.#subscribers.get(session)?.end();
    this.#subscribers.delete(session);
  }

  /** Returns the connection of a subscriber. */
  targetOf(session: Session): BroadcastTarget | undefined {
    return this.#subscribers.get(session)?.target;
  }

  /**
   * Sends a message to every subscriber.
   *
   * @returns the number of subscribers
   * @throws the error thrown by a codec that cannot encode the input;
   * subscribers with other codecs have been served by then
   */
  publish(method: number, input: unknown, key: unknown): number {
    const encodings = new Encodings(method, () => input);
    const size = this.deliver(encodings, key);
    if (encodings.failure !== undefined) throw encodings.failure.error;
    return size;
  }

  /**
   * Sends a message to every subscriber whose codec can encode it.
   *
   * @returns the number of subscribers
   */
  deliver(encodings: Encodings, key: unknown): number {
    this.stats.published++;
    // A copy: a slow subscriber may be disconnected and removed in the loop.
    const subscribers = [...this.#subscribers.values()];
    for (const subscriber of subscribers) {
      const message = encodings.in(subscriber.target.codec);
      if (message === undefined) this.stats.dropped++;
      else subscriber.deliver(message, key);
    }
    return subscribers.length;
  }
}

/** Key of a published message. */
export type PublishKey = PublishOptions["key"];

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
export function lazyPublishers(
  methods: readonly PublishedMethod[],
  publish: (method: PublishedMethod, input: unknown, key: PublishKey) => number,
): object {
  return lazyTree(
    methods,
    (method) => (input: unknown, options: PublishOptions = {}) => {
      checkOptions(method.name, options, PUBLISH_OPTIONS);
      return publish(method, input, options.key);
    },
  );
}
