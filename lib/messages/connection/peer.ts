/**
 * One side of a connection at work: moves bytes between the pump and the
 * session, arms one timer, and lets handlers run. All rules are the session's.
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
import type { Report } from "../errors/incident_report.ts";
import type { AnyMiddleware } from "../handlers/run_middleware.ts";
import type { CallContext } from "../handlers/context.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { CallError, SessionError } from "../errors/call_error.ts";
import type { IncomingCall } from "../session/calls/incoming_calls.ts";
import type { Fields } from "../session/wire/fields.ts";
import { type Hello, MAX_HELLO } from "../session/wire/hello.ts";
import type { SessionLimits } from "../session/wire/limits.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import type { MethodTables } from "../session/control/method_matching.ts";
import { Session, type SessionHost } from "../session/session.ts";
import { HEADER } from "../session/wire/frame_header.ts";

/** Told what becomes of a peer. */
export interface PeerEvents {
  /** A client wants in; answer with `peer.session.accept` or `refuse`. */
  onAuthenticate(hello: Hello, credentials: unknown): void;
  /** The handshake is done. */
  onOpened(hello: Hello): void;
  /** New credentials came. */
  onRefresh(id: number, credentials: unknown): void;
  /** The other side wants nothing new. */
  onPeerDraining(): void;
  /** There is room again for notifications that were held back. */
  onRoom(): void;
  /** It is over; what is unsent may still leave. */
  onEnded(error: SessionError | undefined): void;
  /** Something failed that no method declares. */
  report(error: unknown, method: string): Report;
  /** The other side's methods, for calls on behalf of a call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/** What a peer is made of. */
export interface PeerOptions {
  /** Which side dialled. */
  readonly role: "client" | "server";
  /** The connection; the peer owns it from here on. */
  readonly connection: Connection;
  /** Codecs that this side speaks. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** Limits, whole. */
  readonly limits: SessionLimits;
  /** The methods of both sides. */
  readonly methods: MethodTables;
  /** What handles this side's methods, in the order of its table. */
  readonly handlers: readonly ServedHandler[];
  /** Around every handler. */
  readonly middleware: AnyMiddleware | undefined;
  /** The session, as handlers see it. */
  readonly publicSession: object;
  /** Who is told. */
  readonly events: PeerEvents;
}

/** Milliseconds that a peer has to end its side after a goodbye: closing at once could destroy what it has not read yet. */
const LINGER = 1000;

interface PromiseSettlers {
  resolve(): void;
  reject(error: unknown): void;
}

const DONE: Promise<void> = Promise.resolve();

const peers = new WeakMap<object, Peer>();

/** What works behind a session, for tests that count what it holds. */
export function peerOf(publicSession: object): Peer | undefined {
  return peers.get(publicSession);
}

/** One side of a connection at work. */
export class Peer implements SessionHost, NotificationHost {
  /** The session. */
  readonly session: Session;
  /** Settles when the connection is closed and nothing of it is left. */
  readonly closed: Promise<void>;
  /** @inheritdoc */
  readonly publicSession: unknown;
  /** @inheritdoc */
  readonly middleware: AnyMiddleware | undefined;
  /** @inheritdoc */
  readonly notices: Set<NotificationHandling> = new Set();
  readonly #stream: FrameStream;
  readonly #options: PeerOptions;
  readonly #refreshes: Map<number, PromiseSettlers> = new Map();
  #lastRefresh: Promise<void> = DONE;
  #ended: SessionError | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #armedFor = Infinity;
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
    this.#stream.onWritten = () => this.#onWritten();
    this.#stream.onWriteFailed = (error) =>
      this.session.inputEnded(error, this.now());
    this.session = new Session({
      role,
      sink: this.#stream,
      codecs,
      limits,
      methods,
      host: this,
      now: this.#now,
    });
    this.touched(); // first: a connection may be dead on arrival
    this.closed = this.#run();
  }

  /** The time: read once for all frames of a read. */
  now(): number {
    return this.#inRead ? this.#now : this.#now = performance.now();
  }

  /** @inheritdoc */
  touched(): void {
    if (this.session.wakeAt < this.#armedFor) this.#arm();
  }

  /** Whether both sides know the same methods, and nothing differs; `false` until the handshake is done. */
  get sameProtocol(): boolean {
    return this.session.peer?.protocolHash === this.#options.methods.hash;
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
        throw new CallError("disconnected", "The connection is gone", {
          cause,
        });
      });
  }

  /**
   * Sends new credentials; settles when the other side has taken them, or the
   * connection is gone. One after the other: the last ones are to hold.
   */
  refresh(credentials: unknown): Promise<void> {
    const refreshed = this.#lastRefresh.then(() => this.#refresh(credentials));
    this.#lastRefresh = refreshed.catch(() => {});
    return refreshed;
  }

  #refresh(credentials: unknown): Promise<void> {
    if (this.session.state !== "open") throw this.#ended ?? gone();
    const id = this.session.refresh(credentials, this.now());
    return new Promise((resolve, reject) => {
      this.#refreshes.set(id, { resolve, reject });
    });
  }

  /** Ends without a goodbye: nobody waits for the other side. */
  abort(): void {
    this.session.close(this.now());
    this.#stream.close();
  }

  // ── what the session tells ─────────────────────────────────────────────

  /** @inheritdoc */
  onRequest(call: IncomingCall, body: Uint8Array): void {
    const served = this.#options.handlers[call.method.index]!; // the tables were made from one list
    const handling = new CallHandling(this, call, served);
    call.observer = handling;
    handling.begin(body);
  }

  /**
   * @inheritdoc
   *
   * Notifications are no calls, but their handlers are as many at a time as
   * those of calls: more are dropped and counted.
   */
  onNotified(
    method: number,
    body: Uint8Array,
    fields: Readonly<Fields>,
  ): void {
    if (this.notices.size >= this.session.limits.maxCalls) {
      this.stats.refusedCalls++;
      return;
    }
    const served = this.#options.handlers[method]!; // as above
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
    this.session.close(this.now());
  }

  /** @inheritdoc */
  onEnded(error: SessionError | undefined): void {
    this.#ended = error;
    for (const { reject } of this.#refreshes.values()) reject(error ?? gone());
    this.#refreshes.clear();
    for (const notice of this.notices) {
      notice.cancel(error?.message ?? gone().message);
    }
    this.#leave();
    this.#options.events.onEnded(error);
  }

  /** The goodbye goes out, then this side's stream ends; the other side has a moment to end its own. */
  #leave(): void {
    // Without a goodbye what is unsent must not leave: its calls were told that it did not.
    if (!this.session.sentGoaway) return this.#close();
    this.#stream.closeWrite().catch(() => this.#close());
    this.#linger = setTimeout(() => this.#close(), LINGER);
  }

  /** A connection that somebody else has brought may fail to close. */
  #close(): void {
    try {
      this.#stream.close();
    } catch (error) {
      this.report(error, "");
    }
  }

  /** @inheritdoc */
  report(error: unknown, method: string): Report {
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
      this.session.inputEnded(undefined, this.now());
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

  /** Bytes that make no frames are told to the peer; after a cut, or a frame that took too long, nobody listens. */
  #inputFailed(error: unknown): void {
    const told = error instanceof FrameError &&
      error.kind !== "truncated" && error.kind !== "timeout";
    if (told) this.session.framingFailed(error.message, this.now());
    else this.session.inputEnded(error, this.now());
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
    this.session.receive(frame, this.#now);
  }

  #afterRead(): void {
    if (!this.#inRead) this.#now = performance.now();
    this.#inRead = false;
    this.session.readSome(this.#now);
    this.touched();
  }

  #onWritten(): void {
    this.session.written(this.now());
    this.touched();
  }

  #arm(): void {
    const { wakeAt } = this.session;
    clearTimeout(this.#timer);
    this.#armedFor = wakeAt;
    if (wakeAt === Infinity) return;
    const wait = Math.max(1, Math.min(wakeAt - this.now(), 2 ** 31 - 1));
    this.#timer = setTimeout(() => this.#onTimer(), wait);
  }

  #onTimer(): void {
    this.#armedFor = Infinity;
    this.session.tick(this.now());
    this.touched();
  }
}

function gone(): SessionError {
  return new SessionError("disconnected", "The connection was closed");
}

/** The frames of the wire: u32 length, header, body. */
function framing(limits: SessionLimits) {
  return lengthPrefixed({
    width: 4,
    maxFrameLength: HEADER + Math.max(limits.maxFrameBody, MAX_HELLO),
  });
}
