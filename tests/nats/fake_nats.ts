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
  readonly callback: NatsSubscriptionOptions["callback"];
}

/** Connections that receive each other's messages. */
export class FakeNats {
  readonly connections: Set<FakeConnection> = new Set();

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

  publish(subject: string, data: Uint8Array = new Uint8Array()) {
    if (this.#isClosed) throw new Error("closed");
    const message: NatsMessage = { data, subject, respond: () => false };
    queueMicrotask(() => {
      for (const { subscribed } of this.#nats.connections) {
        for (const each of [...subscribed]) {
          if (each.subject === subject) each.callback(null, message);
        }
      }
    });
  }

  subscribe(subject: string, { callback }: NatsSubscriptionOptions) {
    if (this.#isClosed) throw new Error("closed");
    const subscribed = { subject, callback };
    this.subscribed.add(subscribed);
    return { unsubscribe: () => void this.subscribed.delete(subscribed) };
  }

  request(): Promise<NatsMessage> {
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
