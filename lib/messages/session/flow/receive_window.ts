/**
 * The receiving half of a stream: received items, still encoded, and the
 * peer's credit for more (PROTOCOL.md, "Credit").
 *
 * ```text
 *   granted ─┬─ available: not used by the peer yet (may go below 0 by one frame)
 *            ├─ queued:    items not taken yet, parts of an unfinished item
 *            └─ owed:      taken by the application, not granted again yet
 * ```
 *
 * @module
 */
import type { Reassembly } from "./reassembly.ts";

/** Credit that a connection's streams share for raising their windows. */
export interface CreditPool {
  /** Number of bytes left. */
  left: number;
}

interface QueuedItem {
  readonly body: Uint8Array;
  readonly charge: number;
}

/** Items that the application has not taken, and the credit for more. */
export class ReceiveWindow {
  /** Whether the application is waiting for an item. */
  readPending = false;
  /** Whether the items have ended. */
  ended = false;
  /** Whether arriving items are dropped. */
  discarding = false;
  /** The item whose frames are still arriving. */
  partial: Reassembly | undefined = undefined;
  #available: number;
  #owed = 0;
  #window: number;
  #raised = 0;
  #closed = false;
  #queue: QueuedItem[] = [];
  #head = 0;
  readonly #maxWindow: number;
  readonly #pool: CreditPool;

  /**
   * @param window initial credit
   * @param maxWindow credit that the window may be raised to
   * @param pool credit for raises
   */
  constructor(window: number, maxWindow: number, pool: CreditPool) {
    this.#available = this.#window = window;
    this.#maxWindow = maxWindow;
    this.#pool = pool;
  }

  /** Number of queued items. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Number of bytes in queued items and parts of an unfinished item.
   */
  get held(): number {
    let held = this.partial?.bytes ?? 0;
    for (let index = this.#head; index < this.#queue.length; index++) {
      held += this.#queue[index]!.body.length; // in range: checked by the loop
    }
    return held;
  }

  /** The peer's remaining credit. */
  get available(): number {
    return this.#available;
  }

  /**
   * Charges a frame against the peer's credit.
   *
   * @returns whether the peer was allowed to send the frame
   */
  charge(amount: number): boolean {
    const allowed = this.#available > 0;
    this.#available -= amount;
    return allowed;
  }

  /**
   * Queues an item until it is taken. `body` must not be a view of a reused
   * buffer.
   */
  put(body: Uint8Array, charge: number): void {
    this.#queue.push({ body, charge });
  }

  /** Takes the next item, whose charge is then owed to the peer. */
  take(): Uint8Array | undefined {
    const item = this.#queue[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#queue.length || this.#head === 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#owed += item.charge;
    this.#returnRaise();
    return item.body;
  }

  /** Adds a charge to the credit that is owed to the peer. */
  release(charge: number): void {
    this.#owed += charge;
  }

  /**
   * Returns the credit to grant now; 0 if it is not worth a frame. Each grant
   * also doubles the window, as far as `maxWindow` and the pool allow. A stream
   * that is read steadily therefore gets a larger window.
   */
  grant(): number {
    if (this.#owed === 0 || this.#owed * 2 < this.#window) return 0;
    const room = Math.max(0, this.#maxWindow - this.#window);
    const raise = Math.min(this.#window, room, this.#pool.left);
    this.#pool.left -= raise;
    this.#raised += raise;
    this.#window += raise;
    const amount = this.#owed + raise;
    this.#owed = 0;
    this.#available += amount;
    return amount;
  }

  /** Closes the window and drops an unfinished item. Queued items can still be taken. */
  close(): void {
    this.#closed = true;
    this.partial?.drop();
    this.partial = undefined;
    this.#returnRaise();
  }

  /** Drops the queued items. */
  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#returnRaise();
  }

  /**
   * Returns the raise to the pool. Does nothing while the window is open or
   * items are queued.
   */
  #returnRaise(): void {
    if (!this.#closed || this.length > 0) return;
    this.#pool.left += this.#raised;
    this.#raised = 0;
  }
}
