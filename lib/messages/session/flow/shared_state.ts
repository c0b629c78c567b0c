/**
 * State that the parts of a session share.
 *
 * @module
 */
import type { SessionErrorCode } from "../../errors/call_error.ts";
import { newCounters, type SessionCounters } from "./counters.ts";
import { SendCredit } from "./credit.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { CreditPool } from "./credit_pool.ts";
import { ItemAccount } from "./item_account.ts";
import type { ReassemblyBudget } from "./reassembly.ts";
import type { ReceiveWindow } from "./receive_window.ts";
import type { Channel } from "./send_queue.ts";
import { RINGS } from "./send_scheduler.ts";
import type { QueuedBytes, SendState } from "./send_state.ts";
import { UnfinishedMessages } from "./unfinished_messages.ts";
import type { Fields, Position } from "../wire/fields.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "../wire/limits.ts";
import { LinkTime } from "../time/link_time.ts";
import { TimerWheel } from "../time/timer_wheel.ts";

/** Receiver of the events of a call's items. */
export interface StreamObserver {
  /** Called with the awaited item; its bytes are valid only during `onItem`. */
  onItem(body: Uint8Array): void;
  /**
   * Called with an item's fields before it is handed out. May end the call.
   *
   * The item may have no value.
   */
  onItemFields?(fields: Readonly<Fields>): void;
  /** Called when no more items will arrive. */
  onItemsEnded(): void;
  /** Called with the encoded size of an item to be sent. */
  onItemSent?(bytes: number): void;
}

/** A call, as seen by code that sends or receives items. */
export interface SessionStream extends Channel {
  /** Items from the peer; `undefined` if the call's shape has none. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Whether the call's state allows this side to send items. */
  readonly maySendItems: boolean;
  /** Whether the peer may send items at this point. */
  readonly mayReceiveItems: boolean;
  /** Observer of the items. */
  readonly observer: StreamObserver;
  /** Types of the fields that received items may have. */
  readonly itemFields: readonly number[];
  /**
   * Checks that the position of an item follows the one before.
   *
   * @throws {MalformedError} if it does not
   */
  checkPosition(position: Position | undefined, joins: boolean): void;
  /**
   * Whether the call is over for this side. Items for it are then merely late.
   */
  readonly over: boolean;
  /** Fails the call after a protocol violation or an exceeded limit. */
  fail(code: "malformed" | "overloaded", message: string): void;
}

/** The session, as seen by the parts that share the state. */
export interface SharedStateOwner {
  /** Ends the session. */
  fail(code: SessionErrorCode, message: string): void;
  /** Sends a PING; returns its number. */
  sendPing(): number;
  /** Called when a call made by either side may have ended. */
  onCallEnded(): void;
}

/** Bounds that several sessions share. */
interface SharedBudget {
  /** Credit for raising windows. */
  readonly raises: CreditPool;
  /** Whether the session's results are dropped if it has not sent others. */
  readonly dropsResults: boolean;
}

/** State that the parts of one session share. */
export class SharedState implements SendState {
  /** @inheritdoc */
  readonly writer: FrameWriter;
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Timer wheel for the session's deadlines. */
  readonly timerWheel: TimerWheel = new TimerWheel();
  /** Time for the peer, which rests while there is no link. */
  readonly linkTime: LinkTime = new LinkTime(this);
  /** @inheritdoc */
  readonly requestCredit: SendCredit = new SendCredit(
    INITIAL_PEER_LIMITS.connectionWindow,
  );
  /** @inheritdoc */
  readonly notifyCredit: SendCredit = new SendCredit(
    INITIAL_PEER_LIMITS.notifyWindow,
  );
  /** @inheritdoc */
  readonly itemCredit: SendCredit = new SendCredit(
    INITIAL_PEER_LIMITS.itemsWindow,
  );
  /** @inheritdoc */
  readonly unfinished: UnfinishedMessages = new UnfinishedMessages(
    INITIAL_PEER_LIMITS.maxAssembly,
  );
  /** @inheritdoc */
  readonly queued: QueuedBytes = {
    responses: new Array(RINGS).fill(0),
    items: 0,
    ownItems: 0,
    requests: 0,
  };
  /** Heap bytes that the inputs of running handlers hold. */
  readonly inputs: { held: number } = { held: 0 };
  /** Budget for the messages, except for items, that the peer has begun. */
  readonly reassemblyBudget: ReassemblyBudget;
  /** Created on first use: a server may hold thousands of idle sessions. */
  #items: ItemAccount<SessionStream> | undefined = undefined;
  /** Features in use, which both ends offer; see `Feature`. */
  features = 0;
  /** Whether new calls are refused, because too much memory is in use. */
  refusesCalls = false;
  /** Counters of the session. */
  readonly stats: SessionCounters = newCounters();
  /** @inheritdoc */
  now = 0;
  readonly #owner: SharedStateOwner;
  readonly #budget: SharedBudget;

  /**
   * @param writer writer of the session's frames
   * @param limits this side's limits
   * @param owner the session
   * @param budget bounds that several sessions share
   */
  constructor(
    writer: FrameWriter,
    limits: SessionLimits,
    owner: SharedStateOwner,
    budget: SharedBudget,
  ) {
    this.writer = writer;
    this.limits = limits;
    this.#owner = owner;
    this.#budget = budget;
    this.reassemblyBudget = { used: 0, limit: limits.maxAssembly / 2 };
  }

  /** Account of the items of all calls that the peer sends. */
  get items(): ItemAccount<SessionStream> {
    if (this.#items !== undefined) return this.#items;
    this.#items = new ItemAccount(this, this.#budget.raises);
    if (this.refusesCalls) this.#items.pause(true);
    return this.#items;
  }

  /** The same account; `undefined` before it is used. */
  get itemsInUse(): ItemAccount<SessionStream> | undefined {
    return this.#items;
  }

  /** Whether this side's results are dropped if others are unsent. */
  get dropsResults(): boolean {
    return this.#budget.dropsResults;
  }

  /** Ends the session. */
  fail(code: SessionErrorCode, message: string): void {
    this.#owner.fail(code, message);
  }

  /** @inheritdoc */
  ping(): number {
    return this.#owner.sendPing();
  }

  /** Called when a call made by either side may have ended. */
  onCallEnded(): void {
    this.#owner.onCallEnded();
  }
}
