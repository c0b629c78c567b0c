/**
 * The account of all items that the peer sends (account 2). It also resolves
 * the conflict when unread items have used the account up while an application
 * waits for an item of another stream. A sender begins an item only while more than a quarter of the
 * window is available; the last quarter is for items that have begun.
 *
 * ```text
 *  a quarter or less is available, and a reader waits
 *    ├─ something is owed ────────▶ grant it now
 *    ├─ the item budget has room ─▶ lend from it
 *    ├─ its reserve is in use ────▶ lend one frame to the item that uses it
 *    └─ else, after unreadTimeout ▶ end the stream that was unread longest
 * ```
 *
 * @module
 */
import { Account, GrantedCredit, writeTotal } from "./credit.ts";
import { ItemBudget } from "./item_budget.ts";
import type { CreditPool, ReceiveWindow } from "./receive_window.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { TimerEntry, type TimerWheel } from "../time/timer_wheel.ts";
import type { SessionLimits } from "../wire/limits.ts";
import { Kind } from "../wire/frame_header.ts";

/** Bytes of an item that precede its value. */
const ITEM_HEAD = 64 * 1024;

/** A call whose peer may send items. */
export interface ItemStream {
  /** Items from the peer; `undefined` if the call's shape has none. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Fails the call. */
  fail(code: "overloaded", message: string): void;
}

/** State of the session that the account requires. */
export interface ItemAccountState<Stream extends ItemStream> {
  readonly writer: FrameWriter;
  readonly limits: SessionLimits;
  readonly timerWheel: TimerWheel;
  /** Time of the current call into the session, ms. */
  readonly now: number;
  /** Returns all calls in flight. */
  readonly streams: () => readonly Stream[];
}

/** The account of the items of all calls. */
export class ItemAccount<Stream extends ItemStream> extends TimerEntry {
  /** Budget for items beyond the windows of their streams. */
  readonly budget: ItemBudget<Stream>;
  /** Credit for raising the windows of streams. */
  readonly pool: CreditPool;
  /** Number of streams whose applications wait for an item. */
  readers = 0;
  /** Streams that have ended and still have unread items. */
  readonly endedUnread: Set<Stream> = new Set();
  readonly #credit: GrantedCredit;
  /** Bytes of the budget that were lent to the account. */
  #lent = 0;
  /** Bytes that were lent for the item that uses the reserve. */
  #advanced = 0;
  readonly #shared: ItemAccountState<Stream>;

  /** @param shared state that the session's parts share */
  constructor(shared: ItemAccountState<Stream>) {
    super();
    this.#shared = shared;
    const { itemsWindow, maxAssembly, maxMessage } = shared.limits;
    this.#credit = new GrantedCredit(itemsWindow);
    this.pool = { left: itemsWindow };
    this.budget = new ItemBudget(maxAssembly / 2, maxMessage + ITEM_HEAD);
  }

  /** The peer's remaining credit. */
  get available(): number {
    return this.#credit.available;
  }

  /** Number of bytes lent from the budget. */
  get lent(): number {
    return this.#lent;
  }

  /** Number of bytes that the next WINDOW will return. */
  get owed(): number {
    return this.#credit.owed;
  }

  /** Charges a frame; returns whether the peer was allowed to send it. */
  charge(amount: number): boolean {
    return this.#credit.charge(amount);
  }

  /** Returns the charge of items that were taken, paid or dropped. */
  release(amount: number): void {
    const advanced = Math.min(this.#advanced, amount);
    const repaid = Math.min(this.#lent, amount - advanced);
    this.#advanced -= advanced;
    this.#lent -= repaid;
    this.budget.release(repaid);
    this.#credit.owe(amount - advanced - repaid);
    const { owed } = this.#credit;
    if (owed > 0 && owed >= this.#quarter) this.#grant(0);
    this.relieve();
  }

  get #quarter(): number {
    return this.#shared.limits.itemsWindow / 4;
  }

  /** Whether the peer cannot begin an item although a reader waits. */
  get #starved(): boolean {
    return this.readers > 0 && this.available <= this.#quarter;
  }

  #grant(raise: number): void {
    const { writer } = this.#shared;
    const total = this.#credit.grant(raise);
    writeTotal(writer, Kind.WINDOW, Account.ITEMS, total);
  }

  /** Helps readers if unread items have used up the account. */
  relieve(): void {
    const { limits, timerWheel, now } = this.#shared;
    if (this.#starved && this.owed > 0) this.#grant(0);
    if (this.#starved) this.#lend();
    if (!this.#starved) return timerWheel.remove(this); // the shortage is over
    if (this.slot < 0) timerWheel.add(this, now + limits.unreadTimeout);
    if (!this.budget.reserveInUse || this.available > 0) return;
    const frame = 1 - this.available; // enough for one frame, whatever its size
    if (this.#advanced + frame > limits.maxMessage + ITEM_HEAD) return;
    this.#advanced += frame;
    this.#grant(frame);
  }

  /** Lends credit, up to half of the window, if there is room. */
  #lend(): void {
    const loan = Math.ceil(2 * this.#quarter - this.available);
    if (!this.budget.claimGeneral(loan)) return;
    this.#lent += loan;
    this.#grant(loan);
  }

  /** @inheritdoc */
  override expire(): void {
    this.relieve(); // sets the timer again if a reader still waits
    if (!this.#starved) return;
    const { limits, timerWheel, now } = this.#shared;
    const unread = this.#longestUnread();
    if (unread?.receiveWindow !== undefined) {
      const due = unread.receiveWindow.readAt + limits.unreadTimeout;
      if (now < due) return timerWheel.add(this, due);
      unread.fail(
        "overloaded",
        `its items were not read for ${limits.unreadTimeout} ms, and other streams need their space`,
      );
    }
    this.relieve();
  }

  /** Returns the stream with unread items that was read least recently. */
  #longestUnread(): Stream | undefined {
    let longest: Stream | undefined;
    let readAt = Infinity;
    for (const call of [...this.#shared.streams(), ...this.endedUnread]) {
      const { receiveWindow } = call;
      if (receiveWindow === undefined || !receiveWindow.unread) continue;
      if (receiveWindow.readAt >= readAt) continue;
      longest = call;
      ({ readAt } = receiveWindow);
    }
    return longest;
  }
}
