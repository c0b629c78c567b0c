/**
 * The account of all items that the peer sends (account 2). Unread items can use
 * it up while an application waits for an item of another stream; the account
 * then helps that reader:
 *
 * ```text
 *  a quarter or less is available, and a reader waits
 *    ├─ something is owed ────────▶ grant it now
 *    ├─ the item budget has room ─▶ lend from it, up to half of the window
 *    ├─ its reserve is in use ────▶ lend one frame at a time
 *    └─ else, after unreadTimeout ▶ end streams, the one unread longest first
 * ```
 *
 * Other unread streams may use up what the ended ones have released. A shortage
 * that follows within `unreadTimeout` is therefore the same one. The account then
 * waits for a tenth of that time only, and for half as long each further time,
 * but for a hundredth at least: the peer's items take a while to arrive.
 *
 * A sender begins an item only while more than a quarter is available, and
 * leaves the last quarter to items that it has begun.
 *
 * @module
 */
import { Account, ConnectionCredit, LARGE_GRANT } from "./credit.ts";
import { ItemBudget } from "./item_budget.ts";
import { CreditPool } from "./credit_pool.ts";
import type { ReceiveWindow } from "./receive_window.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { WindowRaises } from "./window_raises.ts";
import { TimerEntry, type TimerWheel } from "../time/timer_wheel.ts";
import type { SessionLimits } from "../wire/limits.ts";

/** Bytes of an item that precede its value. */
const ITEM_HEAD = 64 * 1024;

/** Heap bytes of an item that waits, in addition to its charge. */
const ITEM_COST = 512;
/** Heap bytes of a stream that holds items: its chunk for small ones. */
const STREAM_COST = 4608;

/** A call whose peer may send items. */
export interface ItemStream {
  /** Items from the peer; `undefined` if the call's shape has none. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Fails the call. */
  fail(code: "overloaded", message: string): void;
}

/** State of the session that the account requires. */
export interface ItemAccountState {
  readonly writer: FrameWriter;
  readonly limits: SessionLimits;
  readonly timerWheel: TimerWheel;
  /** Time of the current call into the session, ms. */
  readonly now: number;
  /** Sends a PING; returns its number. */
  ping(): number;
}

/** The account of the items of all calls. */
export class ItemAccount<Stream extends ItemStream> extends TimerEntry {
  /** Credit for the items. */
  readonly credit: ConnectionCredit;
  /** Budget for items beyond the windows of their streams. */
  readonly budget: ItemBudget<Stream>;
  /** Raises the windows of streams. */
  readonly raises: WindowRaises;
  /** Number of streams whose applications wait for an item. */
  readers = 0;
  /** Number of items that wait to be taken. */
  queued = 0;
  /** Streams that hold items or parts, even after the call has ended. */
  readonly holders: Set<Stream> = new Set();
  #lent = 0;
  /** Whether no credit is granted or lent. */
  #paused = false;
  /** Time of the last check that found a shortage, ms. */
  #shortAt = -Infinity;
  /** Pause before the next stream ends if the shortage goes on, ms. */
  #pause = 0;
  readonly #shared: ItemAccountState;

  /**
   * @param shared state that the session's parts share
   * @param raises credit for raises that several sessions share
   */
  constructor(shared: ItemAccountState, raises: CreditPool) {
    super();
    this.#shared = shared;
    const { itemsWindow, maxAssembly, maxMessage } = shared.limits;
    this.credit = new ConnectionCredit(
      shared.writer,
      Account.ITEMS,
      itemsWindow,
      2 * LARGE_GRANT,
    );
    this.raises = new WindowRaises(
      shared,
      new CreditPool(itemsWindow, raises),
      () => this.credit.charged,
    );
    this.budget = new ItemBudget(maxAssembly / 2, maxMessage + ITEM_HEAD);
  }

  /** Heap bytes of unread items and of their parts. */
  get held(): number {
    return this.credit.unreturned + this.budget.used - this.#lent +
      ITEM_COST * this.queued + STREAM_COST * this.holders.size;
  }

  /** Stops granting credit, or makes up for it. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.raises.pool.paused = paused;
    this.credit.pause(paused);
    this.relieve();
  }

  /** Number of bytes lent from the budget. */
  get lent(): number {
    return this.#lent;
  }

  /**
   * Returns the charge of items that were taken, paid or dropped.
   *
   * @param grants whether the stream of the items has just been granted credit
   */
  release(amount: number, grants = false): void {
    const repaid = Math.min(this.#lent, amount);
    this.#lent -= repaid;
    this.budget.release(repaid);
    this.credit.repay(repaid);
    this.credit.release(amount - repaid, grants);
    this.relieve();
  }

  /** Whether the peer cannot begin an item although a reader waits. */
  get #starved(): boolean {
    return this.readers > 0 && !this.#paused &&
      this.credit.available <= this.credit.quarter;
  }

  /** Helps readers if unread items have used up the account. */
  relieve(): void {
    const { limits: { unreadTimeout }, timerWheel, now } = this.#shared;
    if (this.#starved && this.credit.owed > 0) this.credit.send();
    if (this.#starved) this.#lend();
    if (!this.#starved) timerWheel.remove(this);
    else if (this.slot < 0) {
      const same = now < this.#shortAt + unreadTimeout;
      timerWheel.add(this, now + (same ? this.#pause : unreadTimeout));
    }
  }

  #lend(): void {
    const { available, quarter } = this.credit;
    const half = Math.ceil(2 * quarter - available);
    const frame = 1 - available; // enough for one frame, whatever its size
    if (this.budget.claimGeneral(half)) this.#grantLoan(half);
    else if (available <= 0 && this.budget.claimForReserved(frame)) {
      this.#grantLoan(frame);
    }
  }

  #grantLoan(amount: number): void {
    this.#lent += amount;
    this.credit.send(amount);
  }

  /** @inheritdoc */
  override expire(): void {
    const { limits: { unreadTimeout }, timerWheel, now } = this.#shared;
    const same = now < this.#shortAt + unreadTimeout;
    this.#pause = same
      ? Math.max(unreadTimeout / 100, this.#pause / 2)
      : unreadTimeout / 10;
    this.#shortAt = now;
    this.relieve(); // sets the timer again if a reader still waits
    for (const { stream, readAt } of this.#unread()) {
      if (!this.#starved) return;
      const due = readAt + unreadTimeout;
      if (now < due) return timerWheel.add(this, due);
      stream.fail(
        "overloaded",
        `its items were not read for ${unreadTimeout} ms, and other streams need their space`,
      );
    }
  }

  /** Returns the streams with unread items, the one unread longest first. */
  #unread(): { readonly stream: Stream; readonly readAt: number }[] {
    const unread: { readonly stream: Stream; readonly readAt: number }[] = [];
    for (const stream of this.holders) {
      const { receiveWindow } = stream;
      if (receiveWindow === undefined || receiveWindow.readPending) continue;
      const { readAt } = receiveWindow;
      if (readAt < Infinity) unread.push({ stream, readAt });
    }
    return unread.sort((one, other) => one.readAt - other.readAt);
  }
}
