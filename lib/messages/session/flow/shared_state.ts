/**
 * State that the parts of a session share.
 *
 * @module
 */
import type { SessionErrorCode } from "../../errors/call_error.ts";
import type { ReassemblyBudget } from "./reassembly.ts";
import type { CreditPool, ReceiveWindow } from "./receive_window.ts";
import { ReassemblyTurns } from "./reassembly_turns.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "../wire/limits.ts";
import type { Channel } from "./send_queue.ts";
import { TimerWheel } from "../time/timer_wheel.ts";
import type { FrameWriter } from "./frame_writer.ts";

/** Counters of a session. */
export interface SessionStats {
  /**
   * Number of late frames. Examples are replies and items that crossed a
   * CANCEL.
   */
  lateFrames: number;
  /** Number of the peer's calls and notifications that were refused. */
  refusedCalls: number;
  /** Number of bodies and frames that violated the rules of one call. */
  malformedCalls: number;
  /** Number of frames of an unknown kind with the flag IGNORABLE. */
  ignoredFrames: number;
}

/** Receiver of the events of a call's items. */
export interface StreamObserver {
  /** Called with the awaited item; its bytes are valid only during `onItem`. */
  onItem(body: Uint8Array): void;
  /** Called when no more items will arrive. */
  onItemsEnded(): void;
  /** Called when sending items becomes possible again. */
  onSendable(): void;
}

/** A call, as seen by code that sends or receives items. */
export interface SessionStream extends Channel {
  /** Items from the peer; `undefined` if the call's shape has none. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Whether the call's state allows this side to send items. */
  readonly maySend: boolean;
  /** Observer of the items. */
  readonly observer: StreamObserver;
  /**
   * Whether the call is over for this side. Items for it are then merely late.
   */
  readonly over: boolean;
  /** Fails the call after a protocol violation or an exceeded limit. */
  fail(code: "malformed" | "overloaded", message: string): void;
}

/** State that the parts of one session share. */
export class SharedState {
  /** Writer of the session's frames. */
  readonly writer: FrameWriter;
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Timer wheel for the session's deadlines. */
  readonly timerWheel: TimerWheel = new TimerWheel();
  /** Budget for unfinished messages. */
  readonly reassemblyBudget: ReassemblyBudget = { used: 0 };
  /** Turns of streams that receive large items. */
  readonly reassemblyTurns: ReassemblyTurns<ReceiveWindow, SessionStream>;
  /** Credit for raising the windows of streams. */
  readonly creditPool: CreditPool;
  /** Counters of the session. */
  readonly stats: SessionStats = {
    lateFrames: 0,
    refusedCalls: 0,
    malformedCalls: 0,
    ignoredFrames: 0,
  };
  /** Streams with an item that may not be sent yet. */
  readonly blocked: Set<SessionStream> = new Set();
  /**
   * Blocked streams waiting for space in the item backlog, in FIFO order. The
   * value is the encoded size of their next item in bytes.
   */
  readonly waitingForSpace: Map<SessionStream, number> = new Map();
  /** The stream whose queued item exceeds the backlog's limit, if any. */
  overLimit: SessionStream | undefined = undefined;
  /** Time of the current call into the session, in milliseconds. */
  now = 0;
  /** Number of calls in flight that the peer accepts. */
  peerMaxCalls: number = INITIAL_PEER_LIMITS.maxCalls;
  /** Initial credit that the peer grants to each stream. */
  peerStreamWindow: number = INITIAL_PEER_LIMITS.streamWindow;
  /** Called when a call made by either side may have ended. */
  onCallEnded: () => void = () => {};
  /** Ends the session. */
  readonly fail: (code: SessionErrorCode, message: string) => void;

  /**
   * @param writer writer of the session's frames
   * @param limits this side's limits
   * @param fail ends the session
   */
  constructor(
    writer: FrameWriter,
    limits: SessionLimits,
    fail: (code: SessionErrorCode, message: string) => void,
  ) {
    this.writer = writer;
    this.limits = limits;
    this.fail = fail;
    this.reassemblyTurns = new ReassemblyTurns(this.reassemblyBudget, limits);
    this.creditPool = { left: limits.connectionWindow };
  }
}
