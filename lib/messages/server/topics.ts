/**
 * A server's topics and the sessions that are subscribed to them.
 *
 * @module
 */
import {
  type BroadcastTarget,
  Encodings,
  Fanout,
  lazyPublishers,
  type PublishedMethod,
  publishedMethods,
  type Publishers,
  type PublishKey,
  resolveSlowOptions,
  type SlowOptions,
  type TopicFigures,
} from "../broadcast/fanout.ts";
import type { QueueLimits } from "../broadcast/subscriber_queue.ts";
import type { BusMember } from "../bus/bus_member.ts";
import type { Envelope } from "../bus/envelope.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import type { TopicSubscription } from "../bus/bus.ts";
import type { ServerSession, Topic } from "./server_types.ts";

const READY: Promise<void> = Promise.resolve();

/** The open sessions of a server, and its topics by name. */
export class TopicRegistry<P extends AnyProtocol, Auth, State> {
  /** The sessions that may subscribe to topics: their handshake is complete. */
  readonly sessions: Set<ServerSession<P, Auth, State>> = new Set();
  /** The fanout of `server.broadcast`, whose subscribers are `sessions`. */
  readonly allSessions: Fanout<ServerSession<P, Auth, State>> = new Fanout();
  /** The client's notifications. */
  readonly published: readonly PublishedMethod[];
  readonly #topics: Map<string, Fanout<ServerSession<P, Auth, State>>> =
    new Map();
  /** Names of the topics of each session that has subscribed to any. */
  readonly #names: Map<ServerSession<P, Auth, State>, Set<string>> = new Map();
  readonly #slow: QueueLimits;
  readonly #codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** The bus that joins the server with others; set after construction. */
  bus: BusMember | undefined = undefined;

  /**
   * @param methods the client's methods
   * @param slow how broadcasts treat slow sessions
   * @param codecs the codecs of sessions; the first is that of the bus
   */
  constructor(
    methods: readonly BoundMethod[],
    slow: QueueLimits,
    codecs: readonly [MessageCodec, ...MessageCodec[]],
  ) {
    this.published = publishedMethods(methods);
    this.#slow = slow;
    this.#codecs = codecs;
  }

  /**
   * Adds a session whose handshake is complete.
   *
   * @param target receives its messages; `undefined` if it receives none, because
   * its client has another session for them
   */
  join(
    session: ServerSession<P, Auth, State>,
    target: BroadcastTarget | undefined,
  ): void {
    this.sessions.add(session);
    if (target !== undefined) {
      this.allSessions.add(session, target, this.#slow);
    }
  }

  /** Sends queued messages to a session that can accept more messages. */
  drain(session: ServerSession<P, Auth, State>): void {
    const target = this.allSessions.targetOf(session);
    target?.backlog.drain(target);
  }

  /** Passes the messages queued for a session to its connection. */
  flush(session: ServerSession<P, Auth, State>): void {
    this.allSessions.targetOf(session)?.backlog.flush();
  }

  /** Removes a session that has ended. */
  leave(session: ServerSession<P, Auth, State>): void {
    this.sessions.delete(session);
    this.retire(session);
  }

  /**
   * Removes a session that drains from all topics: it sends no notifications any
   * more. Its client has another session, or opens one.
   */
  retire(session: ServerSession<P, Auth, State>): void {
    this.allSessions.delete(session);
    const names = this.#names.get(session) ?? [];
    for (const name of [...names]) this.unsubscribe(name, session);
  }

  /** Returns the number of topics that a session is subscribed to. */
  subscriptions(session: ServerSession<P, Auth, State>): number {
    return this.#names.get(session)?.size ?? 0;
  }

  /** Names of the topics that have subscribers. */
  get names(): IterableIterator<string> {
    return this.#topics.keys();
  }

  /** Returns a topic's fanout, or `undefined` if it has no subscribers. */
  fanout(name: string): Fanout<ServerSession<P, Auth, State>> | undefined {
    return this.#topics.get(name);
  }

  /**
   * Sends a message to the subscribers of a topic, on all servers.
   *
   * @param topic name of the topic; `undefined` for all sessions
   * @returns the number of subscribers on this server
   * @throws {CallError} `too-large` if the bus cannot carry the message
   * @throws the error thrown by a codec that cannot encode the input;
   * subscribers with other codecs have been served by then
   */
  publish(
    topic: string | undefined,
    { name: method, index }: PublishedMethod,
    input: unknown,
    key: PublishKey,
  ): number {
    const { bus } = this;
    if (bus === undefined) {
      return this.#fanoutOf(topic)?.publish(index, input, key) ?? 0;
    }
    const encodings = new Encodings(index, () => input);
    const [codec] = this.#codecs;
    const encoded = encodings.in(codec);
    if (encoded !== undefined) {
      const { body } = encoded;
      bus.publish(topic, { codec: codec.name, method, key, body });
    }
    const size = this.#fanoutOf(topic)?.deliver(encodings, key) ?? 0;
    if (encodings.failure !== undefined) throw encodings.failure.error;
    return size;
  }

  #fanoutOf(topic: string | undefined) {
    return topic === undefined ? this.allSessions : this.#topics.get(topic);
  }

  /**
   * Sends a message of another server to the subscribers of a topic.
   *
   * @returns whether the server knows its method and its codec
   */
  deliver(topic: string | undefined, message: Envelope): boolean {
    const method = this.published.find(({ name }) => name === message.method);
    const codec = this.#codecs.find(({ name }) => name === message.codec);
    if (method === undefined || codec === undefined) return false;
    const encodings = Encodings.ofBody(method.index, codec, message.body);
    this.#fanoutOf(topic)?.deliver(encodings, message.key);
    return true;
  }

  /**
   * Adds a session to a topic, unless it drains or has ended. The options are
   * checked in either case.
   *
   * @returns resolves when messages of other servers arrive
   * @throws {CallError} `overloaded` if too many topics have subscribers
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  subscribe(
    name: string,
    session: ServerSession<P, Auth, State>,
    options: SlowOptions,
  ): Promise<void> {
    const resolved = resolveSlowOptions(options, "subscribe()");
    const target = this.allSessions.targetOf(session);
    if (target === undefined) return READY;
    this.bus?.admit(name);
    const fanout = this.#topics.get(name) ?? new Fanout();
    fanout.add(session, target, resolved);
    this.#topics.set(name, fanout);
    const names = this.#names.get(session) ?? new Set();
    this.#names.set(session, names.add(name));
    return this.bus?.subscribe(name) ?? READY;
  }

  /** Removes a session from a topic. */
  unsubscribe(name: string, session: ServerSession<P, Auth, State>): void {
    const names = this.#names.get(session);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(session);
    const fanout = this.#topics.get(name);
    fanout?.delete(session);
    if (fanout?.size !== 0) return;
    this.#topics.delete(name);
    this.bus?.release(name);
  }
}

const ZERO_STATS: TopicFigures = Object.freeze(new Fanout().figures());

/**
 * Implementation of `Topic`. It holds no state of its own, so any number of
 * instances may refer to the same topic.
 */
export class NamedTopic<P extends AnyProtocol, Auth, State>
  implements Topic<P, Auth, State> {
  readonly name: string;
  readonly #registry: TopicRegistry<P, Auth, State>;
  #publish: Publishers<P["client"]> | undefined = undefined;

  constructor(name: string, registry: TopicRegistry<P, Auth, State>) {
    this.name = name;
    this.#registry = registry;
  }

  get publish(): Publishers<P["client"]> {
    return this.#publish ??= lazyPublishers(
      this.#registry.published,
      (...message) => this.#registry.publish(this.name, ...message),
    ) as Publishers<P["client"]>; // built from the protocol P
  }

  get sessions(): Iterable<ServerSession<P, Auth, State>> {
    const members = () => this.#registry.fanout(this.name)?.sessions ?? [];
    return { [Symbol.iterator]: () => members()[Symbol.iterator]() };
  }

  get size(): number {
    return this.#registry.fanout(this.name)?.size ?? 0;
  }

  get stats(): TopicFigures {
    return this.#registry.fanout(this.name)?.figures() ?? ZERO_STATS;
  }

  get slowest(): ServerSession<P, Auth, State> | undefined {
    return this.#registry.fanout(this.name)?.slowest();
  }

  subscribe(
    session: ServerSession<P, Auth, State>,
    options: SlowOptions = {},
  ): TopicSubscription {
    const ready = this.#registry.subscribe(this.name, session, options);
    return { ready, [Symbol.dispose]: () => this.unsubscribe(session) };
  }

  unsubscribe(session: ServerSession<P, Auth, State>): void {
    this.#registry.unsubscribe(this.name, session);
  }
}
