/**
 * The receiving half of a stream: received items, still encoded, and the
 * peer's credit for more (PROTOCOL.md, "Credit").
 *
 * ```text
 *   window ─┬─ available: not used by the peer yet (may go below 0 by one frame)
 *           ├─ queued:    items not taken yet, unpaid parts of an incomplete item
 *           └─ owed:      taken or paid in advance, not granted again yet
 * ```
 *
 * @module
 */
import { GrantedCredit, LARGE_GRANT } from "./credit.ts";
import type { Reassembly } from "./reassembly.ts";
import type { RaisableWindow, WindowRaises } from "./window_raises.ts";

/** A received item that has not been taken. */
export interface QueuedItem {
  /** The item, still encoded; its fields, if any, and its value. */
  readonly body: Uint8Array;
  /** Offset of the value in `body`; 0 if the fields were removed. */
  readonly start: number;
  /** Whether it has a value, which the application receives. */
  readonly hasValue: boolean;
  /** The charge that has not been returned. */
  readonly charge: number;
  /** Bytes of the item budget that it claims. */
  readonly claimed: number;
}

/**
 * Whether items arrive:
 *
 * | phase | arriving items | queued items |
 * | --- | --- | --- |
 * | `open` | are accepted | can be taken |
 * | `ended` | break the call | can be taken |
 * | `discarding` | are dropped | were dropped |
 */
export type ReceivePhase = "open" | "ended" | "discarding";

/** Frames up to this size share a chunk. Separate arrays would cost more. */
const SMALL_ITEM = 1024;
/** Size of a chunk in bytes. */
const CHUNK = 4 * SMALL_ITEM;

const NO_CHUNK = /* @__PURE__ */ new Uint8Array(0);

/** Items that the application has not taken, and the credit for more. */
export class ReceiveWindow implements RaisableWindow {
  /** The phase. */
  phase: ReceivePhase = "open";
  /** Whether the application is waiting for an item. */
  readPending = false;
  /** Time of the last read, ms; `Infinity` while no application can read. */
  readAt: number;
  /** The item whose frames are still arriving. */
  partial: Reassembly | undefined = undefined;
  /** @inheritdoc */
  readonly initial: number;
  /** @inheritdoc */
  round = -1;
  readonly #credit: GrantedCredit;
  #window: number;
  #raised = 0;
  #queue: QueuedItem[] = [];
  #head = 0;
  /** The chunk that is being filled with small items. */
  #chunk: Uint8Array = NO_CHUNK;
  #filled = 0;
  readonly #maxWindow: number;
  readonly #raises: WindowRaises;

  /**
   * @param limits initial credit, and credit that the window may be raised to
   * @param raises raises the window
   * @param now the current time, ms
   */
  constructor(
    limits: {
      readonly streamWindow: number;
      readonly maxStreamWindow: number;
    },
    raises: WindowRaises,
    now: number,
  ) {
    this.#window = this.initial = limits.streamWindow;
    this.#credit = new GrantedCredit(limits.streamWindow);
    this.#maxWindow = limits.maxStreamWindow;
    this.#raises = raises;
    this.readAt = now;
  }

  /** Number of queued items. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Whether items or parts of one were not taken. */
  get holdsItems(): boolean {
    return this.length > 0 || this.partial !== undefined;
  }

  /** Number of bytes in queued items and parts of an incomplete item. */
  get held(): number {
    return this.#sum(({ body }) => body.length) + (this.partial?.bytes ?? 0);
  }

  /** Charges that have not been returned: of queued items and unpaid parts. */
  get unreturned(): number {
    return this.#sum(({ charge }) => charge) + (this.partial?.owed ?? 0);
  }

  /** Bytes of the item budget that the held items claim. */
  get claimed(): number {
    return this.#sum(({ claimed }) => claimed) + (this.partial?.claimed ?? 0);
  }

  #sum(of: (item: QueuedItem) => number): number {
    let sum = 0;
    for (let index = this.#head; index < this.#queue.length; index++) {
      sum += of(this.#queue[index]!); // in range: the index is below the length
    }
    return sum;
  }

  /** Bytes by which the window was raised. */
  get raised(): number {
    return this.#raised;
  }

  /** The peer's remaining credit. */
  get available(): number {
    return this.#credit.available;
  }

  /** Charges a frame; returns whether the peer was allowed to send it. */
  charge(amount: number): boolean {
    return this.#credit.charge(amount);
  }

  /**
   * Queues an item until it is taken. Its body must not be a view of a reused
   * buffer.
   */
  put(item: QueuedItem): void {
    this.#queue.push(item);
  }

  /**
   * Returns a copy of an item's body, for {@linkcode ReceiveWindow.put}. An item
   * is decoded as soon as it is taken, so once the queue is empty, its chunk is
   * filled from the start again.
   *
   * @param frame the frame that contains the body
   * @param from offset of the body in the frame
   */
  copy(frame: Uint8Array, from = 0): Uint8Array {
    const { length } = frame;
    if (length > SMALL_ITEM) return frame.slice(from);
    if (this.length === 0) this.#filled = 0;
    if (this.#filled + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK);
      this.#filled = 0;
    }
    const start = this.#filled;
    this.#filled += length;
    // The whole frame, as a view of its body takes longer than a few bytes more.
    this.#chunk.set(frame, start);
    return this.#chunk.subarray(start + from, this.#filled);
  }

  /** Takes the next item; its charge must be returned with `owe()`. */
  take(): QueuedItem | undefined {
    const item = this.#queue[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#queue.length || this.#head === 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#returnRaise();
    return item;
  }

  /** Owes the peer a charge: its items were taken or paid. */
  owe(charge: number): void {
    this.#credit.owe(charge);
  }

  /**
   * Returns the total to grant now; 0 if it is not worth a frame. Each grant
   * also doubles the window, as far as `maxStreamWindow`, the link and the memory
   * allow. A stream that is read steadily therefore gets a larger window.
   */
  grant(): number {
    const { owed } = this.#credit;
    if (this.phase !== "open" || owed === 0) return 0;
    if (owed < Math.min(this.#window / 2, LARGE_GRANT)) return 0;
    const room = Math.max(0, this.#maxWindow - this.#window);
    const raise = this.#raises.take(this, Math.min(this.#window, room));
    this.#raised += raise;
    this.#window += raise;
    return this.#credit.grant(raise);
  }

  /**
   * Accepts no more items; queued items can still be taken unless the phase is
   * `discarding`.
   */
  close(phase: "ended" | "discarding"): void {
    this.phase = phase;
    this.#returnRaise();
  }

  /** Returns and removes the queued items. */
  clear(): QueuedItem[] {
    const queued = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#chunk = NO_CHUNK;
    this.#returnRaise();
    return queued;
  }

  /**
   * Returns the raise to the pool. Does nothing while the window is open or
   * items are queued.
   */
  #returnRaise(): void {
    if (this.phase === "open" || this.length > 0) return;
    this.#raises.pool.give(this.#raised);
    this.#raised = 0;
  }
}
