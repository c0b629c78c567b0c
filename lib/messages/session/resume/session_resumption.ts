/**
 * How a session continues on another link (PROTOCOL.md, "Positions and
 * resumption"): the positions of both directions, and how long it waits for
 * another link.
 *
 * @module
 */
import {
  getExactU64,
  hasPosition,
  HEADER,
  Kind,
  putU64,
} from "../wire/frame_header.ts";
import type { ResumePoint } from "../wire/resumption.ts";
import { MalformedError } from "../wire/malformed_error.ts";
import type { SessionLimits } from "../wire/limits.ts";
import type { SessionError } from "../../errors/call_error.ts";
import { ReceivedFrames } from "./received_frames.ts";
import type { ResumableSink } from "./resumable_sink.ts";

/** Number of resumptions in a row that may be fruitless. */
const MOST_FRUITLESS = 16;

/** Milliseconds after which a link has lasted, even without frames. */
const LASTING = 10_000;

/** Limits of the bytes that an end may send without a grant. */
const WINDOWS = ["connectionWindow", "notifyWindow", "itemsWindow"] as const;

/** These limits of one end. */
type Windows = Pick<SessionLimits, (typeof WINDOWS)[number]>;

/** Bytes of kept frames besides windows and unsent bytes. */
const KEPT_BESIDES = 256 * 1024;

/** Options for resuming a session. */
export interface ResumeConfig {
  /** Sends and keeps the session's frames. */
  readonly sink: ResumableSink;
  /** Milliseconds that a session waits for another link. */
  readonly grace: number;
}

/** The resumption of one session. */
export class SessionResumption {
  /** Whether both ends resume this session. */
  inUse = false;
  /** Time in ms at which a session without a link ends. */
  deadline = Infinity;
  /** Whether a frame has arrived on the current link. */
  heard = false;
  /** Why the last link was lost. */
  cause: SessionError | undefined = undefined;
  /** Milliseconds that the session waits for another link. */
  grace: number;
  readonly sink: ResumableSink;
  readonly #received: ReceivedFrames = new ReceivedFrames();
  /** Positions of both directions, added, at the last resumption. */
  #progress = 0;
  /** Number of links in a row that were cut before they lasted. */
  shortLinks = 0;
  /** Number of resumptions in a row that brought no frame. */
  #fruitless = 0;
  #resumedAt = -Infinity;

  /** @param config the session's sink, and the time to wait */
  constructor({ sink, grace }: ResumeConfig) {
    this.sink = sink;
    this.grace = grace;
  }

  /** Whether another link could take over. */
  get possible(): boolean {
    return this.inUse && this.grace > 0 && this.sink.frames.complete &&
      this.#fruitless < MOST_FRUITLESS;
  }

  /** Position up to which this end has read. */
  get received(): number {
    return this.#received.position;
  }

  /** Returns the positions that a RESUME or RESUMED states. */
  point(generation: number): ResumePoint {
    const { received, sink: { frames: { firstKept } } } = this;
    return { generation, received, firstKept };
  }

  /** Time in ms of the next ACK, or of the end. */
  get wakeAt(): number {
    if (this.sink.overflowed) return 0;
    return Math.min(this.deadline, this.#received.ackAt);
  }

  /**
   * Resumes this session from now on, because both ends do so.
   *
   * @param grace milliseconds that the server waits for another link
   * @param peer the peer's limits
   * @param limits this side's limits
   */
  begin(grace: number, peer: Windows, limits: SessionLimits): void {
    this.inUse = true;
    this.grace = Math.min(this.grace, grace);
    this.sink.limit = keptLimit(peer, limits);
  }

  // ── frames ─────────────────────────────────────────────────────────────

  /** Counts a frame. @throws {MalformedError} */
  count(frame: Uint8Array, now: number): void {
    this.heard = true;
    const kind = frame[0]!; // in range: the length was checked
    if (hasPosition(kind)) this.#received.count(frame.length, now);
    else if (kind === Kind.PING && frame.length === HEADER + 16) {
      this.#checkPing(getExactU64(frame, HEADER + 8));
    }
  }

  /** Handles an ACK. @throws {MalformedError} */
  receiveAck(frame: Uint8Array): void {
    if (frame.length !== HEADER + 8) {
      throw new MalformedError(
        `an ACK has a body of ${frame.length - HEADER} bytes; expected 8`,
      );
    }
    this.acknowledge(getExactU64(frame, HEADER));
  }

  /** A PING follows the frame whose position it states. @throws {MalformedError} */
  #checkPing(position: number): void {
    if (position === this.received) return;
    throw new MalformedError(
      `a PING states position ${position}, but ${this.received} frames have arrived`,
    );
  }

  /** Frees the frames that the peer has read. @throws {MalformedError} */
  acknowledge(position: number): void {
    const { frames } = this.sink;
    if (frames.acknowledge(position)) return;
    throw new MalformedError(
      `position ${position} is acknowledged, but only ${frames.sent} frames were sent`,
    );
  }

  /** Returns the body of the ACK that is due, if one is. */
  takeAck(now: number): Uint8Array | undefined {
    return now < this.#received.ackAt ? undefined : this.ack();
  }

  /** Returns the body of an ACK. */
  ack(): Uint8Array {
    this.#received.acknowledged();
    const body = new Uint8Array(8);
    putU64(body, 0, this.received);
    return body;
  }

  /** Frees the frames of a session that has ended. */
  end(): void {
    this.inUse = false;
    this.sink.frames.free();
  }

  // ── links ──────────────────────────────────────────────────────────────

  /** Records that the link was lost. */
  cut(now: number, cause: SessionError): void {
    this.sink.cut();
    this.cause = cause;
    this.shortLinks = this.#lasted(now) ? 0 : this.shortLinks + 1;
    this.deadline = now + this.grace;
    this.#received.acknowledged(); // the next link states the position
  }

  /**
   * Returns why the session cannot be resumed, or `undefined`.
   *
   * @param peer positions of the frames that the peer has received and kept
   */
  obstacle({ received, firstKept }: ResumePoint): string | undefined {
    const { frames } = this.sink;
    if (received > frames.sent) {
      return `the peer has read ${received} frames of ${frames.sent}`;
    }
    if (received < frames.acknowledged) {
      return `the peer has read ${received} frames, and acknowledged ${frames.acknowledged} before`;
    }
    if (received + 1 < frames.firstKept || firstKept > this.received + 1) {
      return "frames are no longer kept";
    }
    return undefined;
  }

  /** Sends on the new link what the peer lacks. */
  resume(now: number, { received }: ResumePoint): void {
    const { sink, sink: { frames } } = this;
    const progress = received + this.received;
    const fruitful = progress > this.#progress || this.#lasted(now);
    this.#fruitless = fruitful ? 0 : this.#fruitless + 1;
    this.#progress = progress;
    this.#resumedAt = now;
    this.deadline = Infinity;
    this.cause = undefined;
    this.heard = false;
    frames.acknowledge(received);
    sink.replayAfter(received);
  }

  /** Whether the last resumption is long ago. */
  #lasted(now: number): boolean {
    return now - this.#resumedAt >= LASTING;
  }
}

/**
 * Returns the maximum number of bytes of kept frames.
 *
 * The credit of both ends bounds what an end may send, except for results. Those
 * are bounded by what may be unsent.
 */
function keptLimit(peer: Windows, limits: SessionLimits): number {
  const credit = WINDOWS.reduce(
    (sum, name) => sum + Math.min(peer[name], limits[name]),
    0,
  );
  return credit + limits.unsentHard + KEPT_BESIDES;
}
