/**
 * A NATS server and its connections, as the NATS client shows them: what was not
 * sent is lost with the link, and subscriptions are made again.
 *
 * @module
 */
import type {
  NatsConnection,
  NatsMessage,
  NatsSubscriptionOptions,
} from "../../lib/nats/mod.ts";

interface Subscribed {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly callback: NatsSubscriptionOptions["callback"];
}

/** Returns whether a subscription receives the messages of a subject. */
function matches(pattern: string, subject: string): boolean {
  if (!pattern.endsWith(".*")) return pattern === subject;
  const prefix = pattern.slice(0, -1);
  return subject.startsWith(prefix) &&
    !subject.slice(prefix.length).includes(".");
}

/** Connections that receive each other's messages. */
export class FakeNats {
  readonly connections: Set<FakeConnection> = new Set();
  /** Number of messages that were published. */
  published = 0;
  /** Replaces a message by others, to lose, double or swap it. */
  fault: ((message: NatsMessage) => readonly NatsMessage[]) | undefined =
    undefined;

  /** Delivers a message, and replies to the sender if no one receives it. */
  publish(message: NatsMessage): void {
    this.published++;
    for (const each of this.fault?.(message) ?? [message]) this.#deliver(each);
  }

  #deliver(message: NatsMessage): void {
    const groups = new Set<string>();
    let received = 0;
    for (const { subscribed } of [...this.connections]) {
      for (const { subject, queue, callback } of [...subscribed]) {
        if (!matches(subject, message.subject)) continue;
        if (queue !== undefined && groups.has(queue)) continue;
        if (queue !== undefined) groups.add(queue);
        received++;
        callback(null, message);
      }
    }
    if (received > 0 || message.reply === undefined) return;
    const none = new Uint8Array(0);
    this.#deliver({ subject: message.reply, data: none, respond: () => false });
  }

  /** Returns a connection. */
  connect(options?: NatsConnection["options"]): FakeConnection {
    return new FakeConnection(this, options);
  }
}

/** A connection that a test disconnects and stalls. */
export class FakeConnection implements NatsConnection {
  info: { max_payload?: number } | undefined = { max_payload: 2 ** 20 };
  readonly options: NatsConnection["options"];
  /** Flushes that have not been answered; `undefined` while they are at once. */
  stalled: PromiseWithResolvers<void>[] | undefined = undefined;
  /** Number of flushes. */
  flushes = 0;
  draining = false;
  readonly subscribed: Set<Subscribed> = new Set();
  readonly #nats: FakeNats;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #events: string[] = [];
  #event = Promise.withResolvers<void>();

  constructor(nats: FakeNats, options: NatsConnection["options"]) {
    this.#nats = nats;
    this.options = options;
    nats.connections.add(this);
  }

  publish(
    subject: string,
    data: Uint8Array = new Uint8Array(),
    { reply }: { reply?: string } = {},
  ) {
    if (this.#isClosed) throw new Error("closed");
    if (!this.#nats.connections.has(this)) return; // the client drops it
    const message: NatsMessage = { data, subject, reply, respond: () => false };
    queueMicrotask(() => this.#nats.publish(message));
  }

  subscribe(subject: string, { callback, queue }: NatsSubscriptionOptions) {
    if (this.#isClosed) throw new Error("closed");
    const subscribed = { subject, callback, queue };
    this.subscribed.add(subscribed);
    return { unsubscribe: () => void this.subscribed.delete(subscribed) };
  }

  request(_subject: string, _payload?: Uint8Array): Promise<NatsMessage> {
    return Promise.reject(new Error("no responders"));
  }

  flush(): Promise<void> {
    this.flushes++;
    if (this.#isClosed) return Promise.reject(new Error("closed"));
    if (this.stalled === undefined) return Promise.resolve();
    const flush = Promise.withResolvers<void>();
    this.stalled.push(flush);
    return flush.promise;
  }

  /** Answers the flushes that wait, and later ones at once. */
  resume(): void {
    const stalled = this.stalled ?? [];
    this.stalled = undefined;
    for (const flush of stalled) flush.resolve();
  }

  async *status() {
    while (!this.#isClosed) {
      await this.#event.promise;
      this.#event = Promise.withResolvers();
      for (const type of this.#events.splice(0)) yield { type };
    }
  }

  /** Reports an event. */
  emit(type: string): void {
    this.#events.push(type);
    this.#event.resolve();
  }

  /** Loses the link, and with it the flushes that wait. */
  disconnect(): void {
    this.#nats.connections.delete(this);
    const stalled = this.stalled ?? [];
    this.stalled &&= [];
    for (const flush of stalled) flush.reject(new Error("disconnected"));
    this.emit("disconnect");
  }

  /** Connects again. */
  reconnect(): void {
    this.#nats.connections.add(this);
    this.emit("reconnect");
  }

  closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#nats.connections.delete(this);
    this.#event.resolve();
    this.#closed.resolve();
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  isDraining(): boolean {
    return this.draining;
  }
}
