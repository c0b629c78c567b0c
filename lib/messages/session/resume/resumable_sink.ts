/**
 * The destination of a session's frames across several links. It keeps the
 * frames that have a position until the peer acknowledges them.
 *
 * ```text
 *          acknowledged                 passed               sent
 *  ─────────────┼───────────────────────────┼──────────────────┤
 *    freed      │ kept; sent on a link      │ kept; a link     │
 *               │                           │ sends it later   │
 * ```
 *
 * While a link is in use, frames are passed on at once. After a cut they wait,
 * and a new link begins with the first one that the peer has not read. The
 * writer never waits for any of this.
 *
 * @module
 */
import type { FrameSink, OpenFrame } from "../flow/frame_writer.ts";
import { hasPosition, Kind } from "../wire/frame_header.ts";
import { SentFrames } from "./sent_frames.ts";

/** The sending side of a link: a `FrameStream`, or a simulated link in tests. */
export interface LinkSink extends FrameSink {
  /** Frames a copy of a payload. */
  write(payload: Uint8Array): void;
}

/** Unsent bytes of a link above which kept frames wait. */
const PASSED_AHEAD = 256 * 1024;

/** Size in bytes of the length before each frame. */
const LENGTH = 4;

/** Sends a session's frames on its current link. */
export class ResumableSink implements FrameSink {
  /** The frames that can be sent again. */
  readonly frames: SentFrames = new SentFrames();
  /** Bytes that may be kept. */
  limit = Infinity;
  /** Whether too many frames wait for a link; the session must end. */
  overflowed = false;
  /** @inheritdoc */
  bytesFramed = 0;
  /** `undefined` while the session has no link. */
  #link: LinkSink | undefined;
  /** Whether frames are kept. */
  #keeps = true;
  /** Position of the next frame to pass to a link. */
  #next = 1;
  /** Number of the session's bytes that were passed to links. */
  #passed = 0;
  /** Number of the session's bytes that were handed to a transport. */
  #handed = 0;
  /** Number of the session's bytes at the last resumption. */
  #replayEnd = 0;

  /** @param link the first link */
  constructor(link: LinkSink) {
    this.#link = link;
  }

  /** @inheritdoc */
  begin(capacity: number): OpenFrame {
    return this.#keeps || this.#link === undefined
      ? this.frames.begin(capacity)
      : this.#link.begin(capacity);
  }

  /** @inheritdoc */
  abandon(): void {
    if (this.#keeps || this.#link === undefined) this.frames.abandon();
    else this.#link.abandon();
  }

  /** @inheritdoc */
  commit(end: number): void {
    if (!this.#keeps) return this.#commitOnly(end);
    const frame = this.frames.view(end);
    const kind = frame[0]!; // in range: frames have a header
    if (hasPosition(kind)) this.#keep(end, frame);
    else this.#passOnly(kind, frame);
  }

  #commitOnly(end: number): void {
    const link = this.#link;
    if (link === undefined) return;
    link.commit(end);
    this.bytesFramed = this.#passed = link.bytesFramed;
  }

  #keep(end: number, frame: Uint8Array): void {
    const waits = !this.#upToDate;
    this.bytesFramed += LENGTH + frame.length;
    this.frames.commit(end, this.bytesFramed);
    if (waits) {
      this.overflowed ||= this.frames.held > this.limit;
      return this.feed();
    }
    this.#link!.write(frame); // there is a link
    this.#next++;
    this.#passed = this.bytesFramed;
    if (this.frames.held > this.limit) this.frames.dropOldest(this.limit);
  }

  /** Sends a frame that concerns only the current link. */
  #passOnly(kind: number, frame: Uint8Array): void {
    this.frames.abandon();
    if (this.#link === undefined) return;
    if (kind === Kind.GOAWAY) this.#feed(Infinity); // it ends the session
    this.#link.write(frame);
    this.bytesFramed += LENGTH + frame.length;
    if (this.#upToDate) this.#passed = this.bytesFramed;
  }

  /** Whether the link has been passed every frame. */
  get #upToDate(): boolean {
    return this.#next === this.frames.sent + 1;
  }

  /** Passes frames that wait to the link, while it has room. */
  feed(): void {
    this.#feed(PASSED_AHEAD);
  }

  #feed(most: number): void {
    const link = this.#link;
    if (link === undefined) return;
    const { frames } = this;
    while (this.#next <= frames.sent && link.unsent < most) {
      const { bytes, streamEnd } = frames.at(this.#next++);
      link.write(bytes);
      this.#passed = streamEnd;
    }
    if (this.#upToDate) this.#passed = this.bytesFramed;
  }

  // ── progress ───────────────────────────────────────────────────────────

  /** @inheritdoc */
  get unsent(): number {
    return this.waiting + (this.#link?.unsent ?? 0);
  }

  /** Bytes that wait for a link, or for room in its buffer. */
  get waiting(): number {
    return this.bytesFramed - this.#passed;
  }

  /** Unsent bytes that were framed before the last resumption. */
  get replaying(): number {
    const sent = this.bytesFramed - this.unsent;
    return Math.max(0, this.#replayEnd - sent);
  }

  /** @inheritdoc */
  get bytesHanded(): number {
    const link = this.#link;
    if (link === undefined) return this.#handed;
    const waiting = link.bytesFramed - link.bytesHanded;
    return Math.max(this.#handed, this.#passed - waiting);
  }

  /** Position of the last frame that was passed to the current link. */
  get passedPosition(): number {
    return this.#next - 1;
  }

  /** Heap bytes of kept frames that do not count as unsent. */
  get held(): number {
    return Math.max(0, this.frames.held - this.waiting);
  }

  // ── links ──────────────────────────────────────────────────────────────

  /** Stops keeping frames: the peer does not resume sessions. */
  stopKeeping(): void {
    this.#keeps = false;
    this.frames.free();
  }

  /** Forgets the link, which is lost. */
  cut(): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#handed = this.bytesHanded;
    this.#passed = Math.max(0, this.#passed - link.unsent);
    this.#next = Infinity; // nothing is passed on until the peer says what it has read
    this.#link = undefined;
  }

  /** Uses a new link for frames without a position. */
  attach(link: LinkSink): void {
    this.#link = link;
  }

  /**
   * Sends the frames after a position on the new link.
   *
   * @param received position up to which the peer has read; the frames after it
   * are kept
   */
  replayAfter(received: number): void {
    const { frames } = this;
    this.#passed = received < frames.sent
      ? this.#startOf(received + 1)
      : this.bytesFramed;
    this.#next = received + 1;
    this.#replayEnd = this.bytesFramed;
    this.overflowed = false;
    this.feed();
  }

  /** Number of the session's bytes before a frame that is kept. */
  #startOf(position: number): number {
    const { bytes, streamEnd } = this.frames.at(position);
    return streamEnd - bytes.length - LENGTH;
  }

  /**
   * Records what the peer of an ended session had read: what follows was not
   * handled, although it may have been sent.
   */
  endedAt(received: number): void {
    const { frames } = this;
    if (received >= frames.sent || received + 1 < frames.firstKept) return;
    this.#handed = this.#startOf(received + 1);
  }
}
