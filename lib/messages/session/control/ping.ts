/**
 * PING and PONG (PROTOCOL.md, "PING"): eight bytes there and back. They tell
 * whether the peer lives, how long a round trip takes, and that what was sent
 * before has been handled.
 *
 * @module
 */
import type { SharedState } from "../flow/shared_state.ts";
import { MalformedError } from "../wire/malformed_error.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import { getU48, HEADER, Kind, putU48 } from "../wire/frame_header.ts";

const BODY = 8;

/** PINGs of both sides. */
export class Ping {
  /** Round-trip time of the last one that was answered, ms; `undefined` before. */
  roundTrip: number | undefined = undefined;
  #sent = 0;
  #answered = 0;
  #sentAt = 0;
  readonly #received: TokenBucket;
  readonly #shared: SharedState;

  /** @param link shared by the session's parts */
  constructor(shared: SharedState) {
    this.#shared = shared;
    const { pingsPerSecond } = shared.limits;
    this.#received = new TokenBucket(pingsPerSecond, 2 * pingsPerSecond);
  }

  /** Sends a PING and gives its number. */
  send(): number {
    this.#sentAt = this.#shared.now;
    const body = new Uint8Array(BODY);
    putU48(body, 0, ++this.#sent);
    this.#shared.writer.frame(Kind.PING, 0, 0, body);
    return this.#sent;
  }

  /** Answers a PING. @throws {MalformedError} */
  receivePing(frame: Uint8Array): void {
    checkLength(frame);
    if (this.#received.take(this.#shared.now)) {
      this.#shared.writer.frame(Kind.PONG, 0, 0, frame.subarray(HEADER));
      return;
    }
    this.#shared.fail(
      "too-many",
      `more than ${this.#shared.limits.pingsPerSecond} PINGs a second came`,
    );
  }

  /**
   * Takes a PONG.
   *
   * @returns up to which number PINGs have been answered now
   * @throws {MalformedError}
   */
  receivePong(frame: Uint8Array): number {
    checkLength(frame);
    const number = getU48(frame, HEADER);
    // Only what was asked is an answer, and only once.
    if (number <= this.#answered || number > this.#sent) return this.#answered;
    this.#answered = number;
    if (number === this.#sent) this.roundTrip = this.#shared.now - this.#sentAt;
    return number;
  }
}

function checkLength(frame: Uint8Array): void {
  if (frame.length === HEADER + BODY) return;
  throw new MalformedError("the body of a PING or PONG is not 8 bytes");
}
