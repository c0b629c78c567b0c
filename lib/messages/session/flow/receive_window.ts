/**
 * The receiving half of a stream: items that have come and wait, undecoded,
 * and the credit that the peer has for more (PROTOCOL.md, "Credit").
 *
 * ```text
 *   granted ─┬─ available: what the peer may still send (may go below 0 by one frame)
 *            ├─ waiting:   items in the queue, parts of an unfinished one
 *            └─ owed:      taken by the application, not yet granted anew
 * ```
 *
 * @module
 */
import type { Reassembly } from "./reassembly.ts";

/** Credit from which streams that are read are raised above what they start with. */
export interface RaisePool {
  /** Bytes left. */
  left: number;
}

interface Waiting {
  readonly body: Uint8Array;
  readonly charge: number;
}

/** Items that have come and were not taken, and the credit for more. */
export class ReceiveWindow {
  /** The application waits for an item. */
  waiting = false;
  /** The peer has said that no more will come. */
  ended = false;
  /** Nobody wants what still comes. */
  discarding = false;
  /** The item whose frames are still coming. */
  partial: Reassembly | undefined = undefined;
  #available: number;
  #owed = 0;
  #window: number;
  #raised = 0;
  #closed = false;
  #queue: Waiting[] = [];
  #head = 0;
  readonly #maxWindow: number;
  readonly #pool: RaisePool;

  /**
   * @param window credit it starts with
   * @param maxWindow credit it may be raised to
   * @param pool where the raise comes from
   */
  constructor(window: number, maxWindow: number, pool: RaisePool) {
    this.#available = this.#window = window;
    this.#maxWindow = maxWindow;
    this.#pool = pool;
  }

  /** Items that wait. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Bytes of memory that items and parts of items hold. */
  get held(): number {
    let held = this.partial?.bytes ?? 0;
    for (let index = this.#head; index < this.#queue.length; index++) {
      held += this.#queue[index]!.body.length; // in range: the loop's condition
    }
    return held;
  }

  /** Credit granted in all and not used up, as the peer sees it. */
  get available(): number {
    return this.#available;
  }

  /**
   * Books a frame against the credit.
   *
   * @returns whether the peer was allowed to send it
   */
  charge(amount: number): boolean {
    const allowed = this.#available > 0;
    this.#available -= amount;
    return allowed;
  }

  /** Keeps an item until it is taken; `body` must be owned. */
  put(body: Uint8Array, charge: number): void {
    this.#queue.push({ body, charge });
  }

  /** The next item, whose charge is then owed to the peer. */
  take(): Uint8Array | undefined {
    const item = this.#queue[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#queue.length || this.#head === 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#owed += item.charge;
    this.#refund();
    return item.body;
  }

  /** Books credit that the application no longer needs. */
  owe(charge: number): void {
    this.#owed += charge;
  }

  /**
   * Credit to grant now, 0 while it is not worth a frame. A stream that uses
   * its window up while it is read gets a larger one, as long as the pool lasts.
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

  /** No more is granted. Items that wait can still be taken. */
  close(): void {
    this.#closed = true;
    this.partial?.drop();
    this.partial = undefined;
    this.#refund();
  }

  /** Drops what waits. */
  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#refund();
  }

  /** What was raised goes back to the pool with the last item that it let in. */
  #refund(): void {
    if (!this.#closed || this.length > 0) return;
    this.#pool.left += this.#raised;
    this.#raised = 0;
  }
}
