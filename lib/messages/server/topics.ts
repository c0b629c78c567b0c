/**
 * A server's topics: who is subscribed to what, and what is sent to them.
 *
 * @module
 */
import {
  type BroadcastTarget,
  buildPublishers,
  Fanout,
  type Publishers,
  resolveSlowOptions,
  type SlowOptions,
  type TopicStats,
} from "../broadcast/fanout.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import type { ServerSession, Topic } from "./server_types.ts";

/** Topics by name, and the one to which every session belongs. */
export class TopicRegistry<P extends AnyProtocol, Auth, State> {
  /** Every session. */
  readonly everyone: Fanout<ServerSession<P, Auth, State>> = new Fanout();
  /** The client's methods. */
  readonly methods: readonly BoundMethod[];
  readonly #topics: Map<string, Fanout<ServerSession<P, Auth, State>>> =
    new Map();
  readonly #members: Map<ServerSession<P, Auth, State>, Member> = new Map();

  readonly #slow: Required<SlowOptions>;

  /**
   * @param methods the client's methods
   * @param slow what becomes of sessions that are too slow for what all get
   */
  constructor(methods: readonly BoundMethod[], slow: Required<SlowOptions>) {
    this.methods = methods;
    this.#slow = slow;
  }

  /** A session's handshake is done. */
  join(
    session: ServerSession<P, Auth, State>,
    receiver: BroadcastTarget,
  ): void {
    this.#members.set(session, { receiver, topics: new Set() });
    this.everyone.add(session, receiver, this.#slow);
  }

  /** A session has room again. */
  drain(session: ServerSession<P, Auth, State>): void {
    this.everyone.drain(session);
    const topics = this.#members.get(session)?.topics ?? [];
    for (const name of topics) this.#topics.get(name)?.drain(session);
  }

  /** A session has ended. */
  leave(session: ServerSession<P, Auth, State>): void {
    this.everyone.delete(session);
    const topics = this.#members.get(session)?.topics ?? [];
    for (const name of [...topics]) this.unsubscribe(name, session);
    this.#members.delete(session);
  }

  /** Who is subscribed to a topic; it is there as long as somebody is. */
  fanout(name: string): Fanout<ServerSession<P, Auth, State>> | undefined {
    return this.#topics.get(name);
  }

  /**
   * Adds a session to a topic, unless the session has ended.
   *
   * @throws {RangeError} for an option out of its range, in either case
   */
  subscribe(
    name: string,
    session: ServerSession<P, Auth, State>,
    options: SlowOptions,
  ): void {
    const resolved = resolveSlowOptions(options);
    const member = this.#members.get(session);
    if (member === undefined) return;
    const fanout = this.#topics.get(name) ?? new Fanout();
    fanout.add(session, member.receiver, resolved);
    this.#topics.set(name, fanout);
    member.topics.add(name);
  }

  /** Removes a session from a topic. */
  unsubscribe(name: string, session: ServerSession<P, Auth, State>): void {
    this.#members.get(session)?.topics.delete(name);
    const fanout = this.#topics.get(name);
    fanout?.delete(session);
    if (fanout?.size === 0) this.#topics.delete(name);
  }
}

interface Member {
  readonly receiver: BroadcastTarget;
  readonly topics: Set<string>;
}

const NOTHING: Readonly<TopicStats> = Object.freeze(new Fanout().stats);

/** See `Topic`. Holds nothing: any number may stand for the same topic. */
export class NamedTopic<P extends AnyProtocol, Auth, State>
  implements Topic<P, Auth, State> {
  readonly name: string;
  readonly #registry: TopicRegistry<P, Auth, State>;

  constructor(name: string, registry: TopicRegistry<P, Auth, State>) {
    this.name = name;
    this.#registry = registry;
  }

  get publish(): Publishers<P["client"]> {
    const publishers = buildPublishers(
      this.#registry.methods,
      () => this.#registry.fanout(this.name),
    );
    return publishers as Publishers<P["client"]>; // built from the protocol that the type stands for
  }

  get sessions(): Iterable<ServerSession<P, Auth, State>> {
    const members = () => this.#registry.fanout(this.name)?.sessions ?? [];
    return { [Symbol.iterator]: () => members()[Symbol.iterator]() };
  }

  get size(): number {
    return this.#registry.fanout(this.name)?.size ?? 0;
  }

  get stats(): Readonly<TopicStats> {
    return this.#registry.fanout(this.name)?.stats ?? NOTHING;
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
