/**
 * AUTH (PROTOCOL.md, "Credentials"): new credentials for an open session.
 *
 * @module
 */
import { messageOf } from "../../../support/message_of.ts";
import { CallError } from "../../errors/call_error.ts";
import type { SharedState } from "../flow/shared_state.ts";
import {
  credentialsTooLarge,
  decodeCredentials,
  type DecodedCredentials,
  NO_CREDENTIALS,
} from "./credentials.ts";
import { MalformedError } from "../wire/malformed_error.ts";
import { TimerEntry } from "../time/timer_wheel.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import { Flag, HEADER, Kind } from "../wire/frame_header.ts";

/**
 * Maximum number of AUTH frames without a reply (PROTOCOL.md). Each one keeps
 * the server's authentication busy.
 */
const MAX_UNANSWERED = 8;

/** Receiver of the events of credential refreshes. */
export interface RefreshHost {
  /** Called when the client sends new credentials (server only). */
  onRefresh(id: number, credentials: DecodedCredentials): void;
  /** Called when the server has accepted new credentials (client only). */
  onRefreshed(id: number): void;
}

/** A refresh that the server has not decided on yet. */
class PendingRefresh extends TimerEntry {
  /** Called when the timer expires. */
  due: () => void = () => {};

  /** @inheritdoc */
  override expire(): void {
    this.due();
  }
}

/** Role of a side, and whether it checks credentials. */
export interface CredentialRefreshConfig {
  /** The role; a client sends credentials. */
  readonly role: "client" | "server";
  /** Whether credentials are checked. If not, they are never decoded. */
  readonly checksCredentials: boolean;
}

/** The credential refreshes of one session, at either end. */
export class CredentialRefresh {
  #lastId = 0;
  /** Created on first use: a server may hold thousands of idle sessions. */
  #refreshes: Map<number, PendingRefresh> | undefined = undefined;
  readonly #shared: SharedState;
  readonly #host: RefreshHost;
  readonly #isClient: boolean;
  readonly #checks: boolean;
  /** Rate at which this side checks credentials; created on first use. */
  #rate: TokenBucket | undefined = undefined;

  /**
   * @param shared state that the session's parts share
   * @param host receives the events
   * @param config role of this side, and whether it checks credentials
   */
  constructor(
    shared: SharedState,
    host: RefreshHost,
    { role, checksCredentials }: CredentialRefreshConfig,
  ) {
    this.#shared = shared;
    this.#host = host;
    this.#isClient = role === "client";
    this.#checks = checksCredentials;
  }

  /**
   * Sends new credentials (client only).
   *
   * @returns the id of the refresh
   * @throws {CodecError} if the codec cannot encode the credentials
   * @throws {CallError} `too-large`, or `overloaded` if 8 refreshes are
   * unanswered
   */
  send(credentials: unknown): number {
    const { writer } = this.#shared;
    if (this.#pending.size >= MAX_UNANSWERED) {
      throw refreshError(
        "overloaded",
        `${MAX_UNANSWERED} refreshes are unanswered; wait until the server has replied to one`,
      );
    }
    const body = writer.codec.encode(credentials);
    const { maxFrameBody } = writer.peerLimits;
    if (body.length > maxFrameBody) {
      throw refreshError(
        "too-large",
        `they are ${body.length} bytes long when encoded; the peer accepts at most ${maxFrameBody}`,
      );
    }
    const id = ++this.#lastId;
    // No timeout here: the server closes the connection if its reply takes too
    // long.
    this.#pending.set(id, new PendingRefresh());
    writer.frame(Kind.AUTH, 0, id, body);
    return id;
  }

  /** Confirms new credentials to the client (server only). */
  accept(id: number): void {
    const refresh = this.#pending.get(id);
    if (refresh === undefined) return;
    this.#pending.delete(id);
    this.#shared.timerWheel.remove(refresh);
    this.#shared.writer.frame(Kind.AUTH, Flag.REPLY, id);
  }

  /** Handles an AUTH frame. @throws {MalformedError} */
  receive(id: number, frame: Uint8Array): void {
    const reply = (frame[1]! & Flag.REPLY) !== 0; // in range: frames have a header
    if (reply !== this.#isClient) {
      throw new MalformedError(
        this.#isClient
          ? "AUTH from a server must have the flag REPLY"
          : "AUTH from a client must not have the flag REPLY",
      );
    }
    if (!reply) return this.#receiveCredentials(id, frame);
    if (this.#pending.delete(id)) this.#host.onRefreshed(id);
    else this.#shared.stats.lateFrames++;
  }

  #receiveCredentials(id: number, frame: Uint8Array): void {
    if (id <= this.#lastId) {
      throw new MalformedError(
        `AUTH has id ${id} after ${this.#lastId}; ids must increase`,
      );
    }
    if (this.#pending.size >= MAX_UNANSWERED) {
      return this.#shared.fail(
        "too-many",
        `more than ${MAX_UNANSWERED} credential refreshes are unanswered`,
      );
    }
    const { limits, now, timerWheel } = this.#shared;
    const bytes = frame.subarray(HEADER);
    if (bytes.length > limits.maxCredentials) {
      return this.#shared.fail("too-large", credentialsTooLarge(bytes, limits));
    }
    this.#lastId = id;
    const pending = new PendingRefresh();
    this.#pending.set(id, pending);
    const startAt = this.#reserve(now);
    if (startAt <= now) return this.#check(id, pending, bytes);
    const kept = bytes.slice();
    pending.due = () => this.#check(id, pending, kept);
    timerWheel.add(pending, startAt);
  }

  get #pending(): Map<number, PendingRefresh> {
    return this.#refreshes ??= new Map();
  }

  /** Returns the time at which the next credentials may be checked. */
  #reserve(now: number): number {
    const { refreshesPerSecond } = this.#shared.limits;
    this.#rate ??= new TokenBucket(
      refreshesPerSecond,
      Math.max(refreshesPerSecond, MAX_UNANSWERED),
    );
    return this.#rate.reserve(now);
  }

  #check(id: number, pending: PendingRefresh, bytes: Uint8Array): void {
    const { writer, limits, now, timerWheel } = this.#shared;
    let credentials = NO_CREDENTIALS;
    try {
      if (this.#checks) {
        credentials = decodeCredentials(writer.codec, bytes, limits);
      }
    } catch (error) {
      return this.#shared.fail(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    // Limits how long the old credentials remain in use during a refresh.
    const { handshakeTimeout } = limits;
    pending.due = () =>
      this.#shared.fail(
        "timeout",
        `new credentials were not accepted within ${handshakeTimeout} ms`,
      );
    timerWheel.add(pending, now + handshakeTimeout);
    this.#host.onRefresh(id, credentials);
  }

  /** Discards the pending refreshes when the session ends. */
  drop(): void {
    for (const pending of this.#refreshes?.values() ?? []) {
      this.#shared.timerWheel.remove(pending);
    }
    this.#refreshes = undefined;
  }
}

function refreshError(
  code: "too-large" | "overloaded",
  why: string,
): CallError {
  return new CallError(`Cannot send credentials: ${why}`, {
    code,
    processed: "no",
    retry: code === "overloaded" ? "later" : "never",
  });
}
