/**
 * The notifications that the peer sends. As many handlers run at once as calls
 * may be in flight. Further notifications wait as bytes, in order, and their
 * credit is withheld.
 *
 * @module
 */
import type { ConnectionCredit } from "../flow/credit.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { Fields } from "../wire/fields.ts";
import { FRAME_CHARGE } from "../wire/frame_header.ts";

/** Receiver of notifications. */
export interface NotificationHost {
  /**
   * Called with a notification; the body is valid during this callback only.
   * The host must call {@linkcode ReceivedNotifications.settled} once the
   * handler has settled.
   *
   * @param method index of the method in this side's own table
   */
  onNotified(method: number, body: Uint8Array, fields: Readonly<Fields>): void;
}

/** A notification that waits for a handler. */
interface Waiting {
  readonly method: number;
  readonly body: Uint8Array;
  readonly fields: Readonly<Fields>;
}

/** Heap bytes of a notification that waits, in addition to its charge. */
const WAITING_COST = 256;

/** The notifications of a session. */
export class ReceivedNotifications {
  #bytes = 0;
  /** Heap bytes of the metadata. */
  #metadata = 0;
  #running = 0;
  #resuming = false;
  readonly #waiting: Set<Waiting> = new Set();
  readonly #shared: SharedState;
  readonly #credit: ConnectionCredit;
  readonly #host: NotificationHost;

  /**
   * @param shared state that the session's parts share
   * @param credit account of the NOTIFYs
   * @param host enters the handlers
   */
  constructor(
    shared: SharedState,
    credit: ConnectionCredit,
    host: NotificationHost,
  ) {
    this.#shared = shared;
    this.#credit = credit;
    this.#host = host;
  }

  /** Credit that the notifications that wait hold back. */
  get withheld(): number {
    return this.#bytes + this.#metadata;
  }

  /** Heap bytes of the notifications that wait. */
  get held(): number {
    return this.withheld + WAITING_COST * this.#waiting.size;
  }

  /** Number of notifications that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get #isOpen(): boolean {
    const { inputs, limits } = this.#shared;
    return this.#running < limits.maxCalls && inputs.held < limits.maxInputs;
  }

  /** Enters the handler, or keeps a copy of the body. */
  receive(method: number, body: Uint8Array, fields: Readonly<Fields>): void {
    if (this.#waiting.size === 0 && this.#isOpen) {
      return this.#enter(method, body, fields);
    }
    const { notifyWindow, maxMessage } = this.#shared.limits;
    if (this.#bytes + body.length > notifyWindow + maxMessage) {
      this.#shared.stats.refusedCalls++;
      return;
    }
    this.#waiting.add({ method, body: body.slice(), fields });
    this.#bytes += body.length + FRAME_CHARGE;
    this.#metadata += fields.held;
    this.#credit.withhold(body.length + FRAME_CHARGE + fields.held);
  }

  #enter(method: number, body: Uint8Array, fields: Readonly<Fields>): void {
    this.#running++;
    this.#host.onNotified(method, body, fields);
  }

  /** Called when the handler of a notification has settled. */
  settled(): void {
    this.#running--;
    this.resume();
  }

  /** Enters waiting handlers, while they may run. */
  resume(): void {
    if (this.#resuming || this.#waiting.size === 0) return;
    this.#resuming = true; // a handler may settle at once, which resumes again
    try {
      for (const waiting of this.#waiting) {
        if (!this.#isOpen) break;
        this.#remove(waiting);
        this.#enter(waiting.method, waiting.body, waiting.fields);
      }
    } finally {
      this.#resuming = false;
    }
  }

  #remove(waiting: Waiting): void {
    const { body, fields } = waiting;
    this.#waiting.delete(waiting);
    this.#bytes -= body.length + FRAME_CHARGE;
    this.#metadata -= fields.held;
    this.#credit.release(body.length + FRAME_CHARGE + fields.held);
  }

  /** Drops the notifications that wait. */
  clear(): void {
    this.#shared.stats.refusedCalls += this.#waiting.size;
    this.#waiting.clear();
    this.#credit.owe(this.withheld);
    this.#bytes = this.#metadata = 0;
  }
}
