/**
 * PING and PONG (PROTOCOL.md, "PING and PONG"): a PONG returns the bytes of a
 * PING. It shows that the peer is alive, measures the round trip, and proves
 * that the peer has handled the frames sent before the PING.
 *
 * @module
 */
import type { SharedState } from "../flow/shared_state.ts";
import { MalformedError } from "../wire/malformed_error.ts";
import { TimerEntry } from "../time/timer_wheel.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import {
  getU16,
  getU48,
  getU64,
  HEADER,
  Kind,
  putU48,
  putU64,
} from "../wire/frame_header.ts";

/** Size of a PING's body; with a position, twice as much. */
const BODY = 8;

/** The PONG that waits because PINGs arrive too fast; the newest PING counts. */
class DelayedPong extends TimerEntry {
  body: Uint8Array | undefined = undefined;
  readonly #ping: { reply(): void };

  constructor(ping: { reply(): void }) {
    super();
    this.#ping = ping;
  }

  /** @inheritdoc */
  override expire(): void {
    this.#ping.reply();
  }
}

/** The PINGs of both sides, and the replies to them. */
export class Ping {
  /**
   * Round-trip time in ms of the last answered PING; `undefined` before the
   * first PONG.
   */
  roundTrip: number | undefined = undefined;
  /** Returns the position that a PING states; `undefined` if it states none. */
  position: (() => number) | undefined = undefined;
  /** Position of the last PING that was answered; the peer has read up to it. */
  answeredPosition = 0;
  #sent = 0;
  #answered = 0;
  #sentAt = 0;
  /** Number of bytes that the transport had accepted before the last PING. */
  #sentAfter = 0;
  // These parts are created on first use: a server may hold thousands of idle
  // sessions.

  /** Positions of the PINGs that are not answered, by their numbers. */
  #positions: Map<number, number> | undefined = undefined;
  #received: TokenBucket | undefined = undefined;
  #delayed: DelayedPong | undefined = undefined;
  readonly #shared: SharedState;

  /** @param shared state that the session's parts share */
  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Sends a PING and returns its number. */
  send(): number {
    const { writer } = this.#shared;
    this.#sentAt = this.#shared.now;
    this.#sentAfter = writer.position - writer.unsent;
    const position = this.position?.();
    const body = new Uint8Array(position === undefined ? BODY : 2 * BODY);
    putU48(body, 0, ++this.#sent);
    if (position !== undefined) {
      putU64(body, BODY, position);
      (this.#positions ??= new Map()).set(this.#sent, position);
    }
    writer.frame(Kind.PING, 0, 0, body);
    return this.#sent;
  }

  /**
   * Replies to a PING, at once or when the rate allows. A later PING replaces
   * one that waits: its PONG answers both.
   *
   * @throws {MalformedError}
   */
  receivePing(frame: Uint8Array): void {
    checkLength(frame);
    const delayed = this.#delayed ??= new DelayedPong(this);
    const waits = delayed.body !== undefined;
    delayed.body = frame.slice(HEADER);
    if (!waits) this.reply();
  }

  /** Sends the PONG that waits, if the rate allows it. */
  reply(): void {
    const { now, limits: { pingsPerSecond }, timerWheel, writer } =
      this.#shared;
    const delayed = this.#delayed;
    if (delayed?.body === undefined) return;
    const { body } = delayed;
    this.#received ??= new TokenBucket(pingsPerSecond, pingsPerSecond);
    if (!this.#received.take(now)) {
      return timerWheel.add(delayed, now + 1000 / pingsPerSecond);
    }
    delayed.body = undefined;
    writer.frame(Kind.PONG, 0, 0, body);
  }

  /**
   * Handles a PONG. One that matches no unanswered PING is late.
   *
   * @returns the highest number of an answered PING
   * @throws {MalformedError}
   */
  receivePong(frame: Uint8Array): number {
    checkLength(frame);
    const number = getU48(frame, HEADER);
    const position = frame.length === HEADER + BODY
      ? undefined
      : getU64(frame, HEADER + BODY);
    const matches = position === this.#positions?.get(number) &&
      getU16(frame, HEADER + 6) === 0 && number <= this.#sent;
    if (!matches || number <= this.#answered) {
      this.#shared.stats.lateFrames++;
      return this.#answered;
    }
    if (position !== undefined) this.#takePosition(number, position);
    this.#answered = number;
    if (number === this.#sent) {
      const { now, writer } = this.#shared;
      this.roundTrip = now - this.#sentAt;
      writer.arrived = Math.max(writer.arrived, this.#sentAfter);
    }
    return number;
  }

  #takePosition(number: number, position: number): void {
    this.answeredPosition = position;
    for (const earlier of this.#positions?.keys() ?? []) {
      if (earlier <= number) this.#positions?.delete(earlier);
    }
  }

  /** Forgets the PINGs of a link that was lost: they are not answered. */
  restart(): void {
    this.#answered = this.#sent;
    this.#positions = undefined;
    this.drop();
  }

  /** Discards the PONG that waits when the session ends. */
  drop(): void {
    if (this.#delayed === undefined) return;
    this.#delayed.body = undefined;
    this.#shared.timerWheel.remove(this.#delayed);
  }
}

function checkLength(frame: Uint8Array): void {
  const length = frame.length - HEADER;
  if (length === BODY || length === 2 * BODY) return;
  throw new MalformedError(
    `a PING or PONG has a body of ${length} bytes; expected ${BODY} or ${
      2 * BODY
    }`,
  );
}
