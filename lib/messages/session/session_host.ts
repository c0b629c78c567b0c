/**
 * What a session is made of, and who is told what happens to it.
 *
 * @module
 */
import type { SessionError } from "../errors/call_error.ts";
import type { RequestHost } from "./calls/incoming_calls.ts";
import type { HandshakeParts } from "./control/handshake.ts";
import type { Hello } from "./wire/hello.ts";
import type { SessionLimits } from "./wire/limits.ts";
import type { RefreshHost } from "./control/credential_refresh.ts";
import type { FrameSink } from "./flow/frame_writer.ts";

/** Told what happens to a session. */
export interface SessionHost extends RequestHost, RefreshHost {
  /**
   * A client has come (server only). Answer with `Session.accept`
   * or `Session.refuse`, now or later.
   *
   * @param hello what it says of itself
   * @param credentials decoded, `undefined` if it sent none
   */
  onAuthenticate(hello: Hello, credentials: unknown): void;
  /** The handshake is done. */
  onOpened(hello: Hello): void;
  /** The peer wants nothing new to be started. */
  onPeerDraining(): void;
  /** There is room again for notifications that were held back; see `Session.mayNotify`. */
  onRoom(): void;
  /** A drain is over: nothing is in flight any more, or the grace has passed. */
  onDrained(): void;
  /** It is over; `undefined`: in good order. Called once. */
  onEnded(error: SessionError | undefined): void;
}

/** What a session is made of. */
export interface SessionConfig extends HandshakeParts {
  /** Where frames go. */
  readonly sink: FrameSink;
  /** Limits, whole. */
  readonly limits: SessionLimits;
  /** Who is told. */
  readonly host: SessionHost;
  /** The time. */
  readonly now: number;
}
