/**
 * Decides when a request reaches its handler. Responses and items that cannot be
 * sent stay in memory, so handlers are entered only while there is room for what
 * they may return. Other requests wait as bytes, and their credit is withheld.
 *
 * ```text
 *               ┌ inputs of running handlers < maxInputs, and
 *               ├ small responses:  unsent + waiting + reserved < unsentSoft
 *  REQUEST ─▶ gate medium, large: the same for each size      ─────▶ handler
 *               ├ unknown:          unsent + reserved < unsentSoft
 *               ├ streams:          waiting items + reserved < 2 × unsentHard
 *               └ else it waits, for queueTimeout at most
 * ```
 *
 * Handlers that are known to return large results are bounded for as long as they
 * run, in each session and in all sessions that share a budget. Handlers whose
 * results have an unknown size, and those of streams whose items are not known to
 * be small, are bounded in all sessions together until they have sent one; see
 * {@linkcode AwaitedResponses}. Of each kind, one of each session may run in any
 * case.
 *
 * Responses have the sizes of the send scheduler's rings, so that large responses
 * that wait do not hold back calls with small ones. Nor do they hold back the
 * first calls of methods whose size is not known yet; calls of one such method do
 * not hold back those of another.
 *
 * An entered handler reserves the largest recent response or item of its method,
 * so that many handlers that first wait are counted before they respond. A
 * reservation lasts for 64 ms, so handlers that run longer, for example because
 * they call back, cannot hold back others forever.
 *
 * @module
 */
import type { CallError } from "../../errors/call_error.ts";
import { overloaded } from "../../errors/overload_cause.ts";
import { UNKNOWN_FIRST } from "./awaited_responses.ts";
import { receivesItems } from "./call_state.ts";
import type { IncomingCall, ItemSizes } from "./incoming_call.ts";
import type { RecentSizes } from "./recent_sizes.ts";
import { RESERVATION_STEP, Reservations } from "./reservations.ts";
import type { RunningHandlers } from "./running_handlers.ts";
import type { ConnectionCredit } from "../flow/credit.ts";
import { ringOf, RINGS } from "../flow/send_scheduler.ts";
import { ITEM_COPIES } from "../flow/send_state.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { TimerEntry } from "../time/timer_wheel.ts";
import { FRAME_CHARGE } from "../wire/frame_header.ts";

/** Bytes expected of a response if none is known. */
const UNKNOWN_RESPONSE = { first: 128 * 1024, least: 32 * 1024 } as const;
/** Bytes expected of an item if none is known. */
const UNKNOWN_ITEM = { first: 1536 * 1024, least: 256 * 1024 } as const;
/** Bytes expected of an item in the queue if none is known. */
const UNKNOWN_VALUE = { first: 1024, least: 1024 } as const;
/** Index of the lane of streams; those before it belong to rings. */
const STREAMS = RINGS;
/** Index of the first lane of results of unknown size; each method has one. */
const UNKNOWN = RINGS + 1;
/** Least bytes that are reserved. */
const LEAST = 1024;

/** Operations that the gate requires. */
export interface GateHost {
  /** Enters the handler of a request that waited. */
  enterHandler(call: IncomingCall, body: Uint8Array): void;
  /** Ends a call whose handler was never entered. */
  failWaiting(call: IncomingCall, error: CallError): void;
}

/** A request that waits. */
interface WaitingRequest {
  readonly body: Uint8Array;
  /** Heap bytes that it holds, with its metadata. */
  readonly held: number;
  /** Time in ms until which it may wait. */
  readonly until: number;
}

/** Requests whose responses have about the same size, or that open streams. */
class Lane {
  readonly waiting: Map<IncomingCall, WaitingRequest> = new Map();
  readonly reserved: Reservations;

  constructor(reserved: Reservations) {
    this.reserved = reserved;
  }
}

/** Gate before the handlers of a session. */
export class HandlerGate extends TimerEntry implements ItemSizes {
  /** Bytes of the requests that wait. */
  held = 0;
  /** Lanes in use: of results by ring, of streams, of unknown results by method. */
  readonly #lanes: (Lane | undefined)[] = [];
  /** Reservations of all results of unknown size. */
  #reservedUnknown: Reservations | undefined;
  #waiting = 0;
  readonly #shared: SharedState;
  readonly #credit: ConnectionCredit;
  readonly #sizes: RecentSizes;
  readonly #host: GateHost;
  readonly #running: RunningHandlers;
  /** Bytes that large results of this session's running handlers may have. */
  #expected = 0;
  /** Number of handlers whose first responses are awaited. */
  #awaited = 0;
  #resuming = false;

  /**
   * @param shared state that the session's parts share
   * @param credit account of the REQUESTs
   * @param sizes sizes of recent responses and items
   * @param host enters the handlers
   * @param running the handlers of all sessions that share a budget
   */
  constructor(
    shared: SharedState,
    credit: ConnectionCredit,
    sizes: RecentSizes,
    host: GateHost,
    running: RunningHandlers,
  ) {
    super();
    this.#running = running;
    this.#shared = shared;
    this.#credit = credit;
    this.#sizes = sizes;
    this.#host = host;
  }

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Reserves room for the response, or keeps a copy of the request. The timer of
   * a request that waits is set by `resume()`, which runs after each frame.
   *
   * @returns whether the handler is to be entered now
   */
  admit(call: IncomingCall, body: Uint8Array): boolean {
    this.#estimate(call);
    const lane = this.#laneOf(call);
    if (lane.waiting.size === 0 && this.#isOpen(call)) {
      this.#reserve(call);
      return true;
    }
    const { linkTime, limits } = this.#shared;
    const until = linkTime.now + limits.queueTimeout;
    const held = body.length + FRAME_CHARGE + call.fields.held;
    lane.waiting.set(call, { body: body.slice(), held, until });
    this.#waiting++;
    setReadable(call, Infinity);
    this.held += held;
    this.#credit.withhold(held);
    return false;
  }

  /** Whether a request of this size may wait; all together are bounded. */
  mayWait(bytes: number): boolean {
    const { connectionWindow, maxAssembly } = this.#shared.limits;
    // A peer that respects its credit stays below this.
    return this.held + bytes <= connectionWindow + maxAssembly;
  }

  /** Sets the call's lane, and the bytes to reserve for it. */
  #estimate(call: IncomingCall): void {
    const { method } = call;
    const { now } = this.#shared;
    if (receivesItems(method.info.shape)) {
      const size = this.#sizes.expected(method.index, UNKNOWN_ITEM, now);
      call.lane = STREAMS;
      call.reserved = Math.max(LEAST, ITEM_COPIES * size);
    } else {
      const size = this.#sizes.expected(method.index, UNKNOWN_RESPONSE, now);
      const isKnown = this.#sizes.largest(method.index, now) !== undefined;
      const ring = ringOf(size); // 0 if it is known to others and small
      call.lane = isKnown || ring === 0 ? ring : UNKNOWN + method.index;
      call.reserved = Math.max(LEAST, size);
    }
  }

  #laneOf({ lane }: IncomingCall): Lane {
    return this.#lanes[lane] ??= new Lane(
      lane < UNKNOWN
        ? new Reservations()
        : this.#reservedUnknown ??= new Reservations(),
    );
  }

  get #usedLanes(): Lane[] {
    return this.#lanes.filter((lane) => lane !== undefined);
  }

  #isOpen(call: IncomingCall): boolean {
    const { writer, queued, inputs, limits, now } = this.#shared;
    const { unsent } = writer;
    const { unsentSoft, unsentHard, maxInputs } = limits;
    if (inputs.held >= maxInputs || unsent >= unsentSoft) return false;
    if (isLarge(call) && this.#isFull) return false;
    if (isAwaited(call) && this.#isCrowded(call)) return false;
    const { reserved } = this.#laneOf(call);
    reserved.advance(now);
    if (call.lane === STREAMS) {
      return queued.items + reserved.total < 2 * unsentHard;
    }
    const waiting = queued.responses[call.lane] ?? 0; // none: of unknown size
    return unsent + waiting + reserved.total < unsentSoft;
  }

  /** Whether the handlers that run may already return too much. */
  get #isFull(): boolean {
    return this.#running.isFull(this.#expected);
  }

  /** Whether the first responses of too many handlers are awaited. */
  #isCrowded({ method }: IncomingCall): boolean {
    if (this.#awaited === 0) return false;
    return this.#running.awaited.isFull(method.index, this.#shared.now);
  }

  #reserve(call: IncomingCall): void {
    const { now } = this.#shared;
    if (isLarge(call)) this.#enter(call);
    else if (isAwaited(call)) this.#await(call);
    this.#sizes.tried(call.method.index, now);
    call.reservedAt = this.#laneOf(call).reserved.add(call.reserved, now);
  }

  /** @inheritdoc */
  itemSize({ method }: IncomingCall): number {
    return this.#sizes.expected(method.index, UNKNOWN_VALUE, this.#shared.now);
  }

  /** Remembers the size of a response or an item. */
  record(call: IncomingCall, size: number): void {
    this.#sizes.record(call.method.index, size, this.#shared.now);
    this.#responded(call);
  }

  #enter(call: IncomingCall): void {
    call.expected = call.reserved;
    this.#expect(call.reserved);
  }

  #await(call: IncomingCall): void {
    const { now } = this.#shared;
    const { index } = call.method;
    call.awaited = this.#sizes.largestOfAny(index, now) ?? UNKNOWN_FIRST;
    this.#awaited++;
    const { awaited } = this.#running;
    call.awaitedOfAll = awaited.add(index, call.awaited, now);
  }

  /** Records that a handler has settled. */
  left(call: IncomingCall): void {
    this.#expect(-call.expected);
    call.expected = 0;
    this.#responded(call);
  }

  /** Records that the first response of a handler is no longer awaited. */
  #responded(call: IncomingCall): void {
    const { awaited } = call;
    if (awaited === 0) return;
    call.awaited = 0;
    this.#awaited--;
    const { index } = call.method;
    this.#running.awaited.remove(index, awaited, call.awaitedOfAll);
  }

  #expect(bytes: number): void {
    this.#expected += bytes;
    this.#running.expected += bytes;
  }

  /** Releases the reservation of a call whose response has been written. */
  settled(call: IncomingCall): void {
    this.#laneOf(call).reserved.release(call.reserved, call.reservedAt);
    call.reserved = 0;
  }

  /**
   * Removes a request that waits.
   *
   * @returns whether it was waiting, so that no handler will settle
   */
  drop(call: IncomingCall): boolean {
    const { waiting } = this.#laneOf(call);
    const request = waiting.get(call);
    if (request === undefined) return false;
    this.#remove(waiting, call, request);
    call.reserved = 0;
    return true;
  }

  #remove(
    waiting: Lane["waiting"],
    call: IncomingCall,
    { held }: WaitingRequest,
  ): void {
    waiting.delete(call);
    if (--this.#waiting === 0) this.#shared.timerWheel.remove(this);
    this.held -= held;
    this.#credit.release(held);
  }

  /** Drops all requests that wait, when the session ends. */
  clear(): void {
    for (const { waiting } of this.#usedLanes) waiting.clear();
    this.#credit.owe(this.held);
    this.held = this.#waiting = 0;
    this.#shared.timerWheel.remove(this);
  }

  /** Adapts the timer to a cut or a resumption. */
  restartTimer(): void {
    if (this.#waiting > 0) this.#arm();
  }

  /** Enters waiting handlers while there is room. */
  resume(): void {
    if (this.#resuming || this.#waiting === 0) return;
    this.#resuming = true; // a handler may settle at once, which resumes again
    try {
      for (const { waiting } of this.#usedLanes) this.#resumeAll(waiting);
    } finally {
      this.#resuming = false;
    }
    this.#arm();
  }

  #resumeAll(waiting: Lane["waiting"]): void {
    for (const [call, request] of waiting) {
      const { lane } = call;
      this.#estimate(call); // a response may have shown the size meanwhile
      if (!this.#isOpen(call)) {
        call.lane = lane;
        return;
      }
      this.#remove(waiting, call, request);
      setReadable(call, this.#shared.now);
      this.#reserve(call);
      this.#host.enterHandler(call, request.body);
    }
  }

  /**
   * Wakes up when a waiting request or a reservation expires. Reservations of
   * every lane matter: the lane of a request changes with what is known of its
   * response.
   */
  #arm(): void {
    const { timerWheel, linkTime, now } = this.#shared;
    let wakeAt = this.#isFull ? now + RESERVATION_STEP : Infinity;
    for (const { waiting, reserved } of this.#usedLanes) {
      reserved.advance(now);
      if (reserved.total > 0) wakeAt = Math.min(wakeAt, now + RESERVATION_STEP);
      const [oldest] = waiting;
      if (oldest === undefined) continue;
      const [call, { until }] = oldest;
      wakeAt = Math.min(wakeAt, linkTime.of(until));
      if (isAwaited(call) && this.#isCrowded(call)) {
        wakeAt = Math.min(wakeAt, now + RESERVATION_STEP);
      }
    }
    timerWheel.add(this, this.#waiting === 0 ? Infinity : wakeAt);
  }

  /** @inheritdoc */
  override expire(): void {
    const { linkTime } = this.#shared;
    for (const { waiting } of this.#usedLanes) {
      for (const [call, request] of waiting) {
        if (linkTime.now < request.until) break;
        this.drop(call);
        this.#host.failWaiting(call, tooLate(this.#shared));
      }
    }
    this.resume();
    this.#arm();
  }
}

/** Whether a call has a result that is known to be large. */
function isLarge({ lane }: IncomingCall): boolean {
  return lane > 0 && lane < RINGS;
}

/** Whether a call counts until its first response, which may be large. */
function isAwaited({ lane, reserved }: IncomingCall): boolean {
  if (lane === STREAMS) return ringOf(reserved / ITEM_COPIES) > 0;
  return lane >= UNKNOWN;
}

/** Sets the time from which a call's items count as unread. */
function setReadable({ receiveWindow }: IncomingCall, time: number): void {
  if (receiveWindow !== undefined) receiveWindow.readAt = time;
}

function tooLate({ limits: { queueTimeout } }: SharedState): CallError {
  return overloaded(
    `the request waited for ${queueTimeout} ms, but too much is unsent or held by other handlers (limit queueTimeout)`,
    "queueTimeout",
  );
}
