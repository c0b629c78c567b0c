/**
 * Drives one side of a connection: moves frames between the stream and the
 * session, arms one timer, and runs handlers. The session holds all protocol
 * rules.
 *
 * @module
 */
import { FrameError } from "../../framing/errors.ts";
import { frames, type FrameStream } from "../../framing/stream/frame_stream.ts";
import { lengthPrefixed } from "../../framing/layouts/length_prefixed.ts";
import type { Connection } from "../../transport/connection.ts";
import { CallHandling, type ServedHandler } from "../handlers/call_handling.ts";
import {
  NotificationHandling,
  type NotificationHost,
} from "../handlers/notification_handling.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import type { AnyMiddleware } from "../handlers/run_middleware.ts";
import type { CallContext } from "../handlers/context.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { CallError, SessionError } from "../errors/call_error.ts";
import type { IncomingCall } from "../session/calls/incoming_calls.ts";
import type { Fields } from "../session/wire/fields.ts";
import { type Hello, MAX_HELLO } from "../session/wire/hello.ts";
import type { SessionLimits } from "../session/wire/limits.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import {
  type MethodMismatch,
  methodMismatches,
  type MethodTables,
} from "../session/control/method_matching.ts";
import { Session, type SessionView } from "../session/session.ts";
import type { SessionHost } from "../session/session_host.ts";
import { HEADER } from "../session/wire/frame_header.ts";

/** Callbacks of a {@linkcode Peer}. */
export interface PeerEvents {
  /**
   * Called on a server with the client's HELLO and credentials. The server then
   * calls `peer.enter().accept()` or `peer.enter().refuse()`.
   */
  onAuthenticate(hello: Hello, credentials: unknown): void;
  /** Called when the handshake is complete. */
  onOpened(hello: Hello): void;
  /** Called on a server with refreshed credentials. */
  onRefresh(id: number, credentials: unknown): void;
  /** Called when the peer begins to drain and accepts no new calls. */
  onPeerDraining(): void;
  /** Called when a notification can be sent without being queued. */
  onRoom(): void;
  /** Called when the session has ended; unsent bytes may still be sent. */
  onEnded(error: SessionError | undefined): void;
  /** Reports a failure that no method declares. */
  report(error: unknown, method: string): IncidentReport;
  /** Returns a remote for calls made on behalf of the given call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/** Options for a {@linkcode Peer}. */
export interface PeerOptions {
  /** This side's role in the connection. */
  readonly role: "client" | "server";
  /** The connection, which the `Peer` then owns. */
  readonly connection: Connection;
  /** Codecs that this side supports. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** All limits. */
  readonly limits: SessionLimits;
  /** Methods of both sides. */
  readonly methods: MethodTables;
  /** Handlers of this side's methods, in the order of the methods. */
  readonly handlers: readonly ServedHandler[];
  /** Middleware around every handler. */
  readonly middleware: AnyMiddleware | undefined;
  /** The `ClientSession` or `ServerSession` that handlers receive. */
  readonly publicSession: object;
  /** Callbacks. */
  readonly events: PeerEvents;
}

/**
 * Milliseconds to wait after GOAWAY for the peer to end its stream. Closing
 * immediately could destroy bytes that the peer has not read yet.
 */
const LINGER = 1000;

interface PromiseSettlers {
  resolve(): void;
  reject(error: unknown): void;
}

const DONE: Promise<void> = Promise.resolve();

const peers = new WeakMap<object, Peer>();

/** Returns the `Peer` of a session, for tests that inspect it. */
export function peerOf(publicSession: object): Peer | undefined {
  return peers.get(publicSession);
}

/** Driver of one side of a connection. */
export class Peer implements SessionHost, NotificationHost {
  /**
   * The session's readable state; commands go through {@linkcode Peer.enter}.
   */
  readonly session: SessionView;
  /** Resolves when the connection is closed and its resources are released. */
  readonly closed: Promise<void>;
  /** @inheritdoc */
  readonly publicSession: unknown;
  /** @inheritdoc */
  readonly middleware: AnyMiddleware | undefined;
  /** @inheritdoc */
  readonly notifications: Set<NotificationHandling> = new Set();
  readonly #session: Session;
  readonly #stream: FrameStream;
  readonly #options: PeerOptions;
  readonly #refreshes: Map<number, PromiseSettlers> = new Map();
  #lastRefresh: Promise<void> = DONE;
  #ended: SessionError | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #armedFor = Infinity;
  #armQueued = false;
  /** Arms the timer; allocated once, because `enter` queues it often. */
  readonly #armLater = () => this.#arm();
  #linger: ReturnType<typeof setTimeout> | undefined = undefined;
  #now: number = performance.now();
  #inRead = false;

  constructor(options: PeerOptions) {
    const { connection, limits, role, codecs, methods } = options;
    this.#options = options;
    this.publicSession = options.publicSession;
    peers.set(options.publicSession, this);
    this.middleware = options.middleware;
    this.#stream = frames(connection, framing(limits), {
      frameTimeout: limits.assemblyTimeout,
    });
    this.#stream.onWritten = () => this.enter().written();
    this.#stream.onWriteFailed = (error) => this.enter().inputEnded(error);
    this.session = this.#session = new Session({
      role,
      sink: this.#stream,
      codecs,
      limits,
      methods,
      host: this,
      now: this.#now,
    });
    this.#arm(); // before reading: the connection may be dead already
    this.closed = this.#run();
  }

  /**
   * Returns the current time. The clock is read only once for all frames of an
   * incoming chunk.
   */
  now(): number {
    return this.#inRead ? this.#now : this.#now = performance.now();
  }

  /**
   * Enters the session. Sets its time, and arms its timer in a microtask, after
   * the command that follows. Commands are available only through this method,
   * so the timer is always updated.
   */
  enter(): Session {
    if (!this.#armQueued) {
      this.#armQueued = true;
      queueMicrotask(this.#armLater);
    }
    return this.#session.enter(this.now());
  }

  /**
   * Whether both sides have the same protocol hash; `false` until the handshake
   * is complete.
   */
  get sameProtocol(): boolean {
    return this.session.peer?.protocolHash === this.#options.methods.hash;
  }

  /**
   * Methods that this side knows to be declared differently by the peer; empty
   * until the handshake is complete.
   */
  get mismatches(): readonly MethodMismatch[] {
    const { peer } = this.session;
    return peer === undefined
      ? []
      : methodMismatches(peer, this.#options.methods);
  }

  /** @inheritdoc */
  get stats(): SessionStats {
    return this.session.stats;
  }

  /** @inheritdoc */
  accepted(): Promise<void> {
    return this.#stream.unsent < this.session.limits.unsentSoft
      ? DONE
      : this.#stream.flush().catch((cause) => {
        throw new CallError("The connection was lost", {
          code: "disconnected",
          cause,
        });
      });
  }

  /**
   * Sends new credentials and waits until the server has accepted them.
   * Refreshes are sent one at a time, so that the last credentials take effect.
   *
   * @throws {SessionError} if the session has ended, or ends before the server
   * has accepted the credentials
   */
  refresh(credentials: unknown): Promise<void> {
    const refreshed = this.#lastRefresh.then(() => this.#refresh(credentials));
    this.#lastRefresh = refreshed.catch(() => {});
    return refreshed;
  }

  #refresh(credentials: unknown): Promise<void> {
    if (this.session.state !== "open") throw this.#ended ?? closedError();
    const id = this.enter().refresh(credentials);
    return new Promise((resolve, reject) => {
      this.#refreshes.set(id, { resolve, reject });
    });
  }

  /** Closes the session and the connection without waiting for the peer. */
  abort(): void {
    this.enter().close();
    this.#stream.close();
  }

  // ── callbacks of the session ───────────────────────────────────────────

  /** @inheritdoc */
  onRequest(call: IncomingCall, body: Uint8Array): void {
    const served = this.#options.handlers[call.method.index]!; // both tables have the same order
    const handling = new CallHandling(this, call, served);
    call.observer = handling;
    handling.begin(body);
  }

  /**
   * @inheritdoc
   *
   * At most `limits.maxCalls` notifications are handled at the same time, in
   * addition to calls; further ones are dropped and counted.
   */
  onNotified(
    method: number,
    body: Uint8Array,
    fields: Readonly<Fields>,
  ): void {
    if (this.notifications.size >= this.session.limits.maxCalls) {
      this.stats.refusedCalls++;
      return;
    }
    const served = this.#options.handlers[method]!; // as in onRequest()
    new NotificationHandling(this, served, fields).begin(body);
  }

  /** @inheritdoc */
  onAuthenticate(hello: Hello, credentials: unknown): void {
    this.#options.events.onAuthenticate(hello, credentials);
  }

  /** @inheritdoc */
  onOpened(hello: Hello): void {
    this.#options.events.onOpened(hello);
  }

  /** @inheritdoc */
  onRefresh(id: number, credentials: unknown): void {
    this.#options.events.onRefresh(id, credentials);
  }

  /** @inheritdoc */
  onRefreshed(id: number): void {
    this.#refreshes.get(id)?.resolve();
    this.#refreshes.delete(id);
  }

  /** @inheritdoc */
  onPeerDraining(): void {
    this.#options.events.onPeerDraining();
  }

  /** @inheritdoc */
  onRoom(): void {
    this.#options.events.onRoom();
  }

  /** @inheritdoc */
  onDrained(): void {
    this.enter().close();
  }

  /** @inheritdoc */
  onEnded(error: SessionError | undefined): void {
    this.#ended = error;
    for (const { reject } of this.#refreshes.values()) {
      reject(error ?? closedError());
    }
    this.#refreshes.clear();
    for (const notification of this.notifications) {
      notification.cancel(error?.message ?? closedError().message);
    }
    this.#closeStream();
    this.#options.events.onEnded(error);
  }

  /**
   * Flushes GOAWAY and ends the outgoing stream. The peer then has `LINGER` ms
   * to end its own stream.
   */
  #closeStream(): void {
    // Without GOAWAY, drop unsent bytes, because their calls have already
    // failed as unsent.
    if (!this.session.sentGoaway) return this.#close();
    this.#stream.closeWrite().catch(() => this.#close());
    this.#linger = setTimeout(() => this.#close(), LINGER);
  }

  /** Closes the connection. A custom implementation of `Connection` may throw. */
  #close(): void {
    try {
      this.#stream.close();
    } catch (error) {
      this.report(error, "");
    }
  }

  /** @inheritdoc */
  report(error: unknown, method: string): IncidentReport {
    return this.#options.events.report(error, method);
  }

  /** @inheritdoc */
  remoteFor(context: CallContext<unknown, unknown>): unknown {
    return this.#options.events.remoteFor(context);
  }

  // ── bytes and time ─────────────────────────────────────────────────────

  async #run(): Promise<void> {
    const onFrame = (frame: Uint8Array) => this.#onFrame(frame);
    const afterRead = () => this.#afterRead();
    try {
      await this.#stream.receive(onFrame, afterRead);
      this.enter().inputEnded(undefined);
    } catch (error) {
      this.#inRead = false;
      this.#inputFailed(error);
    } finally {
      clearTimeout(this.#timer);
      this.#armedFor = -Infinity;
      await this.#dispose();
      clearTimeout(this.#linger);
    }
  }

  /**
   * Reports a violation of the framing to the peer. A truncated stream or a frame
   * timeout counts as a lost connection instead.
   */
  #inputFailed(error: unknown): void {
    const violation = error instanceof FrameError &&
      error.code !== "truncated" && error.code !== "timeout";
    if (violation) this.enter().framingFailed(error.message);
    else this.enter().inputEnded(error);
  }

  async #dispose(): Promise<void> {
    try {
      await this.#stream[Symbol.asyncDispose]();
    } catch (error) {
      this.report(error, "");
    }
  }

  #onFrame(frame: Uint8Array): void {
    if (!this.#inRead) {
      this.#inRead = true;
      this.#now = performance.now();
    }
    this.enter().receive(frame);
  }

  #afterRead(): void {
    this.enter().readSome();
    this.#inRead = false;
  }

  /** Rearms the timer if the session must now wake up earlier. */
  #arm(): void {
    this.#armQueued = false;
    const { wakeAt } = this.#session;
    if (wakeAt >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = wakeAt;
    const wait = Math.max(1, Math.min(wakeAt - this.now(), 2 ** 31 - 1));
    this.#timer = setTimeout(() => this.#onTimer(), wait);
  }

  #onTimer(): void {
    this.#armedFor = Infinity;
    this.enter().tick();
  }
}

function closedError(): SessionError {
  return new SessionError("The connection was closed", {
    code: "disconnected",
  });
}

/** Returns the framing of PROTOCOL.md: a u32 length, the header and the body. */
function framing(limits: SessionLimits) {
  return lengthPrefixed({
    width: 4,
    maxFrameLength: HEADER + Math.max(limits.maxFrameBody, MAX_HELLO),
  });
}
