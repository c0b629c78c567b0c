/**
 * What the parts of a session share.
 *
 * @module
 */
import type { SessionErrorCode } from "../../errors/call_error.ts";
import type { ReassemblyBudget } from "./reassembly.ts";
import type { RaisePool, ReceiveWindow } from "./receive_window.ts";
import { ReassemblyTurns } from "./reassembly_turns.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "../wire/limits.ts";
import type { Channel } from "./send_queue.ts";
import { TimerWheel } from "../time/timer_wheel.ts";
import type { FrameWriter } from "./frame_writer.ts";

/** What a session counts. */
export interface SessionStats {
  /** Frames for calls that are over: replies and items that crossed a cancel. */
  lateFrames: number;
  /** Calls of the peer's that were refused. */
  refusedCalls: number;
  /** Bodies and frames that broke the rules of one call. */
  malformedCalls: number;
  /** Frames of a kind that is not known, with the flag that lets them pass. */
  ignoredFrames: number;
}

/** Told about the items of a call. */
export interface StreamObserver {
  /** The item that was waited for; the bytes are valid during the call. */
  onItem(body: Uint8Array): void;
  /** No more items will come. */
  onItemsEnded(): void;
  /** An item may be sent again. */
  onSendable(): void;
}

/** A call as far as its items are concerned. */
export interface SessionStream extends Channel {
  /** Items from the peer, where the shape has any. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Whether this side may send items in the state that the call is in. */
  readonly maySend: boolean;
  /** Who is told. */
  readonly observer: StreamObserver;
  /** Whether the call is over for this side, so that items for it are merely late. */
  readonly over: boolean;
  /** Ends the call because the peer broke its rules, or because a limit of ours did. */
  broken(code: "malformed" | "overloaded", message: string): void;
}

/** Shared by the parts of one session. */
export class SharedState {
  /** Writes frames. */
  readonly writer: FrameWriter;
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Deadlines. */
  readonly wheel: TimerWheel = new TimerWheel();
  /** Bytes of unfinished messages. */
  readonly budget: ReassemblyBudget = { used: 0 };
  /** Whose large items go on. */
  readonly turns: ReassemblyTurns<ReceiveWindow, SessionStream>;
  /** Credit for streams that are read. */
  readonly pool: RaisePool;
  /** Counters. */
  readonly stats: SessionStats = {
    lateFrames: 0,
    refusedCalls: 0,
    malformedCalls: 0,
    ignoredFrames: 0,
  };
  /** Streams that want to send and may not. */
  readonly blocked: Set<SessionStream> = new Set();
  /** Of those, the ones whose item is too large for what waits already, with its bytes, in their order. */
  readonly crowded: Map<SessionStream, number> = new Map();
  /** The stream whose item waits encoded although there is no room for it. */
  oversize: SessionStream | undefined = undefined;
  /** The time, as of the call into the session that is under way. */
  now = 0;
  /** Calls that the peer accepts in flight. */
  peerMaxCalls: number = INITIAL_PEER_LIMITS.maxCalls;
  /** Credit that the peer gives to each stream. */
  peerStreamWindow: number = INITIAL_PEER_LIMITS.streamWindow;
  /** Ends the connection. */
  readonly fail: (code: SessionErrorCode, message: string) => void;

  /**
   * @param writer writes frames
   * @param limits this side's limits
   * @param fail ends the connection
   */
  constructor(
    writer: FrameWriter,
    limits: SessionLimits,
    fail: (code: SessionErrorCode, message: string) => void,
  ) {
    this.writer = writer;
    this.limits = limits;
    this.fail = fail;
    this.turns = new ReassemblyTurns(this.budget, limits);
    this.pool = { left: limits.connectionWindow };
  }
}
