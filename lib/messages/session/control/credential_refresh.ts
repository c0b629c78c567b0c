/**
 * AUTH (PROTOCOL.md, "AUTH"): new credentials on a connection that lives.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { MalformedError, messageOf } from "../wire/malformed_error.ts";
import { Timed } from "../time/timer_wheel.ts";
import { Flag, HEADER, Kind } from "../wire/frame_header.ts";

/** AUTH frames that may be unanswered (PROTOCOL.md): each keeps the server's authentication busy. */
const MAX_UNANSWERED = 8;

/** Told of credentials. */
export interface RefreshHost {
  /** The client sends new credentials. */
  onRefresh(id: number, credentials: unknown): void;
  /** The server has taken new credentials. */
  onRefreshed(id: number): void;
}

/** Credentials that wait for an answer. */
class Unanswered extends Timed {
  readonly #expired: () => void;

  constructor(expired: () => void) {
    super();
    this.#expired = expired;
  }

  /** @inheritdoc */
  override expire(): void {
    this.#expired();
  }
}

/** Credentials that are sent, or checked, and not yet taken. */
export class CredentialRefresh {
  #lastId = 0;
  readonly #unanswered: Map<number, Unanswered> = new Map();
  readonly #shared: SharedState;
  readonly #host: RefreshHost;
  readonly #dials: boolean;

  /**
   * @param link shared by the session's parts
   * @param host told of credentials
   * @param dials whether this is the side that sends them
   */
  constructor(shared: SharedState, host: RefreshHost, dials: boolean) {
    this.#shared = shared;
    this.#host = host;
    this.#dials = dials;
  }

  /**
   * Sends new credentials (client).
   *
   * @throws {CodecError} for credentials that have no encoding
   * @throws {CallError} `too-large`, or `overloaded`: many are unanswered
   */
  send(credentials: unknown): number {
    const { writer } = this.#shared;
    if (this.#unanswered.size >= MAX_UNANSWERED) {
      throw refused("overloaded", `${MAX_UNANSWERED} are not answered yet`);
    }
    const body = writer.codec.encode(credentials);
    if (body.length > writer.maxFrameBody) {
      throw refused(
        "too-large",
        `they are ${body.length} bytes, the peer accepts at most ${writer.maxFrameBody}`,
      );
    }
    const id = ++this.#lastId;
    // The time is the server's to keep.
    this.#unanswered.set(id, new Unanswered(() => {}));
    writer.frame(Kind.AUTH, 0, id, body);
    return id;
  }

  /** Says that the new credentials hold (server). */
  answer(id: number): void {
    const waited = this.#unanswered.get(id);
    if (waited === undefined) return;
    this.#unanswered.delete(id);
    this.#shared.wheel.remove(waited);
    this.#shared.writer.frame(Kind.AUTH, Flag.REPLY, id);
  }

  /** Takes an AUTH frame. @throws {MalformedError} */
  receive(id: number, frame: Uint8Array): void {
    const reply = (frame[1]! & Flag.REPLY) !== 0; // in range: frames have a header
    if (reply !== this.#dials) {
      throw new MalformedError(
        "only the client sends credentials, only the server answers",
      );
    }
    if (!reply) return this.#check(id, frame);
    if (this.#unanswered.delete(id)) this.#host.onRefreshed(id);
    else this.#shared.stats.lateFrames++;
  }

  #check(id: number, frame: Uint8Array): void {
    if (id <= this.#lastId) throw new MalformedError("ids of AUTH must rise");
    if (this.#unanswered.size >= MAX_UNANSWERED) {
      return this.#shared.fail(
        "too-many",
        `more than ${MAX_UNANSWERED} credentials wait for an answer`,
      );
    }
    let credentials: unknown;
    try {
      credentials = this.#shared.writer.codec.decode(frame.subarray(HEADER));
    } catch (error) {
      return this.#shared.fail(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    this.#lastId = id;
    this.#await(id);
    this.#host.onRefresh(id, credentials);
  }

  /** Old credentials hold until new ones are taken: not for ever. */
  #await(id: number): void {
    const { limits, wheel, now, fail } = this.#shared;
    const { handshakeTimeout } = limits;
    const unanswered = new Unanswered(() =>
      fail(
        "timeout",
        `new credentials were not accepted within ${handshakeTimeout} ms`,
      )
    );
    this.#unanswered.set(id, unanswered);
    wheel.add(unanswered, now + handshakeTimeout);
  }

  /** Forgets what waits: the session is over. */
  drop(): void {
    for (const waits of this.#unanswered.values()) {
      this.#shared.wheel.remove(waits);
    }
    this.#unanswered.clear();
  }
}

function refused(code: "too-large" | "overloaded", why: string): CallError {
  return new CallError(code, `Cannot send credentials: ${why}`, {
    processed: "no",
    retry: code === "overloaded" ? "later" : "never",
  });
}
