/**
 * A server's topics and the sessions that are subscribed to them.
 *
 * @module
 */
import {
  type BroadcastTarget,
  Fanout,
  lazyPublishers,
  type PublishedMethod,
  publishedMethods,
  type Publishers,
  resolveSlowOptions,
  type SlowOptions,
  type TopicFigures,
} from "../broadcast/fanout.ts";
import type { QueueLimits } from "../broadcast/subscriber_queue.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import type { ServerSession, Topic } from "./server_types.ts";

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

  /**
   * @param methods the client's methods
   * @param slow how broadcasts treat slow sessions
   */
  constructor(methods: readonly BoundMethod[], slow: QueueLimits) {
    this.published = publishedMethods(methods);
    this.#slow = slow;
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

  /** Returns a topic's fanout, or `undefined` if it has no subscribers. */
  fanout(name: string): Fanout<ServerSession<P, Auth, State>> | undefined {
    return this.#topics.get(name);
  }

  /**
   * Adds a session to a topic, unless it drains or has ended. The options are
   * checked in either case.
   *
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  subscribe(
    name: string,
    session: ServerSession<P, Auth, State>,
    options: SlowOptions,
  ): void {
    const resolved = resolveSlowOptions(options, "subscribe()");
    const target = this.allSessions.targetOf(session);
    if (target === undefined) return;
    const fanout = this.#topics.get(name) ?? new Fanout();
    fanout.add(session, target, resolved);
    this.#topics.set(name, fanout);
    const names = this.#names.get(session) ?? new Set();
    this.#names.set(session, names.add(name));
  }

  /** Removes a session from a topic. */
  unsubscribe(name: string, session: ServerSession<P, Auth, State>): void {
    const names = this.#names.get(session);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(session);
    const fanout = this.#topics.get(name);
    fanout?.delete(session);
    if (fanout?.size === 0) this.#topics.delete(name);
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
      () => this.#registry.fanout(this.name),
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

  subscribe(
    session: ServerSession<P, Auth, State>,
    options: SlowOptions = {},
  ): Disposable {
    this.#registry.subscribe(this.name, session, options);
    return { [Symbol.dispose]: () => this.unsubscribe(session) };
  }

  unsubscribe(session: ServerSession<P, Auth, State>): void {
    this.#registry.unsubscribe(this.name, session);
  }
}
