/**
 * The events of a client, and the streams that deliver them.
 *
 * @module
 */
import type { ClientStatus } from "./client_status.ts";

/**
 * A change in a client's connections.
 *
 * @category Clients
 */
export interface ClientEvent {
  /**
   * The kind of the change.
   *
   * - `connecting`: an attempt begins.
   * - `connected`: a session is open.
   * - `draining`: the server drains the session; the client opens another one.
   * - `resuming`: the session has lost its connection; the client connects again.
   * - `resumed`: the session goes on, with another connection.
   * - `lost`: the session was lost.
   * - `backing-off`: an attempt failed; the next one follows after `delay`.
   * - `ejected`: calls to the address have failed; it receives none for `delay`.
   *   Only clients with the option `balance` have this event.
   * - `refused`: all servers refuse this client for good.
   * - `closed`: the client is closed.
   */
  readonly kind:
    | "connecting"
    | "connected"
    | "draining"
    | "resuming"
    | "resumed"
    | "lost"
    | "backing-off"
    | "ejected"
    | "refused"
    | "closed";
  /** Address of the server in its URL form; `""` if none is concerned. */
  readonly address: string;
  /**
   * Number of the attempt since the last session; 0 if none is concerned. Each
   * of several connections counts its own.
   */
  readonly attempt: number;
  /** The error that caused the event. */
  readonly cause?: unknown;
  /**
   * Milliseconds until the next attempt, or for which an address is ejected;
   * `Infinity` if no attempt follows.
   */
  readonly delay?: number;
  /** Status of the client after the event. */
  readonly status: ClientStatus;
}

/** Number of events that a reader may leave unread; older ones are dropped. */
const MOST_UNREAD = 100;

/** The events of one client. */
export class ClientEvents {
  readonly #readers: Set<EventReader> = new Set();
  #ended = false;

  /** Passes an event to all readers. */
  emit(event: ClientEvent): void {
    for (const reader of this.#readers) reader.put(event);
  }

  /** Ends all streams after their last events. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.end();
  }

  /** Returns a stream of the events from now on. */
  read(): AsyncIterableIterator<ClientEvent> {
    const reader = new EventReader(() => this.#readers.delete(reader));
    if (this.#ended) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

/** One stream of events. */
class EventReader implements AsyncIterableIterator<ClientEvent> {
  readonly #left: () => void;
  readonly #unread: ClientEvent[] = [];
  readonly #waiting: ((result: IteratorResult<ClientEvent>) => void)[] = [];
  #ended = false;

  constructor(left: () => void) {
    this.#left = left;
  }

  put(event: ClientEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ done: false, value: event });
    this.#unread.push(event);
    if (this.#unread.length > MOST_UNREAD) this.#unread.shift();
  }

  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting(DONE);
  }

  next(): Promise<IteratorResult<ClientEvent>> {
    const event = this.#unread.shift();
    if (event !== undefined) {
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<ClientEvent>> {
    this.#left();
    this.#unread.length = 0;
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE: IteratorResult<ClientEvent> = { done: true, value: undefined };
