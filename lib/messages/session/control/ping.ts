/**
 * PING and PONG (PROTOCOL.md, "PING and PONG"): a PONG returns the eight bytes of
 * a PING. It shows that the peer is alive, measures the round trip, and proves
 * that the peer has handled the frames sent before the PING.
 *
 * @module
 */
import type { SharedState } from "../flow/shared_state.ts";
import { MalformedError } from "../wire/malformed_error.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import { getU48, HEADER, Kind, putU48 } from "../wire/frame_header.ts";

const BODY = 8;

/** The PINGs of both sides, and the replies to them. */
export class Ping {
  /**
   * Round-trip time in ms of the last answered PING; `undefined` before the
   * first PONG.
   */
  roundTrip: number | undefined = undefined;
  #sent = 0;
  #answered = 0;
  #sentAt = 0;
  readonly #received: TokenBucket;
  readonly #shared: SharedState;

  /** @param shared state that the session's parts share */
  constructor(shared: SharedState) {
    this.#shared = shared;
    const { pingsPerSecond } = shared.limits;
    this.#received = new TokenBucket(pingsPerSecond, 2 * pingsPerSecond);
  }

  /** Sends a PING and returns its number. */
  send(): number {
    this.#sentAt = this.#shared.now;
    const body = new Uint8Array(BODY);
    putU48(body, 0, ++this.#sent);
    this.#shared.writer.frame(Kind.PING, 0, 0, body);
    return this.#sent;
  }

  /** Replies to a PING. @throws {MalformedError} */
  receivePing(frame: Uint8Array): void {
    checkLength(frame);
    if (this.#received.take(this.#shared.now)) {
      this.#shared.writer.frame(Kind.PONG, 0, 0, frame.subarray(HEADER));
      return;
    }
    this.#shared.fail(
      "too-many",
      `more than ${this.#shared.limits.pingsPerSecond} PINGs per second were received`,
    );
  }

  /**
   * Handles a PONG.
   *
   * @returns the highest number of an answered PING
   * @throws {MalformedError}
   */
  receivePong(frame: Uint8Array): number {
    checkLength(frame);
    const number = getU48(frame, HEADER);
    // Ignore a PONG without a PING, and a second one for the same PING.
    if (number <= this.#answered || number > this.#sent) return this.#answered;
    this.#answered = number;
    if (number === this.#sent) this.roundTrip = this.#shared.now - this.#sentAt;
    return number;
  }
}

function checkLength(frame: Uint8Array): void {
  if (frame.length === HEADER + BODY) return;
  throw new MalformedError(
    `a PING or PONG has a body of ${
      frame.length - HEADER
    } bytes; expected ${BODY}`,
  );
}
