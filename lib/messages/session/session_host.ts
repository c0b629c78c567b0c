/**
 * The configuration of a session, and the host that receives its events.
 *
 * @module
 */
import type { IncomingCalls, RequestHost } from "./calls/incoming_calls.ts";
import type { HandlerBudget } from "./calls/running_handlers.ts";
import type { NotifyHost } from "./calls/outgoing_calls.ts";
import type { LifecycleHost } from "./control/lifecycle.ts";
import type { HandshakeConfig } from "./control/handshake.ts";
import type { Hello } from "./wire/hello.ts";
import type { ResumePoint, SessionToken } from "./wire/resumption.ts";
import type { SessionError } from "../errors/call_error.ts";
import type { SessionLimits } from "./wire/limits.ts";
import type { RefreshHost } from "./control/credential_refresh.ts";
import type { DecodedCredentials } from "./control/credentials.ts";
import type { CreditPool } from "./flow/credit_pool.ts";
import type { FrameSink } from "./flow/frame_writer.ts";

/** Receiver of a session's events. */
export interface SessionHost
  extends RequestHost, RefreshHost, NotifyHost, LifecycleHost {
  /**
   * Called when a client's HELLO arrives (server only). Call `Session.accept`
   * or `Session.refuse`, now or later.
   *
   * @param hello the client's HELLO
   * @param credentials the credentials; their value is `undefined` if the client
   * sent none, or if this side does not check credentials
   */
  onAuthenticate(hello: Hello, credentials: DecodedCredentials): void;
  /** Called when the handshake is complete. */
  onOpened(hello: Hello): void;
  /**
   * Called when the server resumes another session on this link (client only).
   * Call `Session.handOver`, then `Session.resume` of the other session.
   */
  onResumed(point: ResumePoint, token: SessionToken): void;
  /**
   * Called when the link is lost. Drop it: nothing that it still delivers may
   * reach the session. `Session.resume` continues on another link.
   */
  onCut(reason: SessionError): void;
}

/** Constructor of the part that handles the calls of the peer. */
export type NewIncomingCalls = new (
  ...args: ConstructorParameters<typeof IncomingCalls>
) => IncomingCalls;

/** Bounds that the sessions of a server, or of a client, share. */
export interface SessionBudget extends HandlerBudget {
  /** Credit for raising windows. */
  readonly raises: CreditPool;
  /** Whether the session's results are dropped if it has not sent others. */
  readonly dropsResults: boolean;
}

/** The parts and limits of a session. */
export interface SessionConfig extends HandshakeConfig {
  /** The sink that receives frames. */
  readonly sink: FrameSink;
  /** Limits, with every default filled in. */
  readonly limits: SessionLimits;
  /** Receiver of the events. */
  readonly host: SessionHost;
  /** Handles the calls of the peer; `undefined` if each one is refused. */
  readonly calls: NewIncomingCalls | undefined;
  /** Bounds that it shares with other sessions. */
  readonly budget: SessionBudget;
  /** Number of frame headers to record. @default {0} */
  readonly recorder?: number;
  /** The current time, ms. */
  readonly now: number;
}
