/**
 * A server's session, from accepting the connection to closing it.
 *
 * @module
 */
import type { Connection, SocketAddress } from "../../transport/connection.ts";
import { contextRemote } from "../handlers/context_remote.ts";
import { LazySignal } from "../support/lazy_signal.ts";
import { Peer } from "../connection/peer.ts";
import { publicMessage } from "../errors/incident_report.ts";
import { buildRemote, type CallSite } from "../calls/remote.ts";
import { isThenable } from "../support/thenable.ts";
import type { SideTables } from "../connection/side_tables.ts";
import { connectionInfo } from "../connection/connection_info.ts";
import type { ConnectionInfo } from "../handlers/context.ts";
import { CallError, type SessionError } from "../errors/call_error.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type { AnyProtocol, Remote } from "../protocol/protocol_types.ts";
import type { BroadcastTarget } from "../broadcast/fanout.ts";
import type { OwnOptions, Server, ServerSession } from "./server_types.ts";
import type { TopicRegistry } from "./topics.ts";
import type { Hello } from "../session/wire/hello.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import type { ResolvedSessionOptions } from "../connection/session_options.ts";

/** The parts of a server that its sessions use. */
export interface SessionOwner<P extends AnyProtocol, Auth, State> {
  /** The server that applications see. */
  readonly server: Server<P, Auth, State>;
  /** Sessions whose handshake is complete. */
  readonly sessions: Set<ServerSession<P, Auth, State>>;
  /** The topics and their subscribers. */
  readonly topics: TopicRegistry<P, Auth, State>;
  /** The methods and their handlers. */
  readonly tables: SideTables;
  /** The server's own options. */
  readonly options: OwnOptions<P, Auth, State>;
  /** The session options, with defaults. */
  readonly resolved: ResolvedSessionOptions;
}

/** Milliseconds that a client should wait after the server was full. */
const BUSY_PAUSE = 1000;

/** Options for a {@linkcode ServerSessionImpl}. */
export interface ServerSessionImplOptions {
  /**
   * Whether the server is full and rejects the client with `refused-busy`.
   *
   * @default {false}
   */
  readonly rejected?: boolean | undefined;
}

/** Implementation of `ServerSession`. */
export class ServerSessionImpl<P extends AnyProtocol, Auth, State>
  implements ServerSession<P, Auth, State> {
  readonly finished: Promise<SessionError | undefined>;
  /** Resolves when the connection is closed and its resources are released. */
  readonly closed: Promise<void>;
  readonly #owner: SessionOwner<P, Auth, State>;
  readonly #peer: Peer;
  readonly #info: ConnectionInfo;
  readonly #site: CallSite;
  readonly #rejected: boolean;
  readonly #draining: LazySignal = new LazySignal();
  #remote: Remote<P, "client"> | undefined = undefined;
  #auth!: Auth;
  #state!: State;
  #protocol = "";
  #refreshed: Promise<void> = Promise.resolve();
  #finish!: (error: SessionError | undefined) => void;

  constructor(
    owner: SessionOwner<P, Auth, State>,
    connection: Connection,
    { rejected = false }: ServerSessionImplOptions = {},
  ) {
    this.#owner = owner;
    this.#rejected = rejected;
    this.#info = connectionInfo(connection);
    const { tables, resolved } = owner;
    this.finished = new Promise((resolve) => this.#finish = resolve);
    this.#site = {
      peer: () => this.#peer,
      timeLeft: () => Infinity,
      defaults: resolved.callDefaults,
      interceptors: resolved.interceptors,
    };
    this.#peer = new Peer({
      role: "server",
      connection,
      ...resolved,
      methods: tables.methods,
      handlers: tables.handlers,
      publicSession: this,
      events: {
        onAuthenticate: (hello, credentials) =>
          this.#authenticate(hello, credentials),
        onOpened: () => this.#opened(),
        onRefresh: (id, credentials) => this.#refresh(id, credentials),
        onPeerDraining: () => this.#draining.fire(),
        onRoom: () => owner.topics.drain(this),
        onEnded: (error) => this.#ended(error),
        report: resolved.report,
        remoteFor: (context) =>
          contextRemote(tables.calls, context, this.#site),
      },
    });
    this.closed = this.#peer.closed;
  }

  /** Built on first access, which keeps idle sessions small. */
  get remote(): Remote<P, "client"> {
    const { calls } = this.#owner.tables;
    return this.#remote ??= buildRemote(calls, this.#site) as Remote<
      P,
      "client"
    >; // built from the protocol P
  }

  get server(): Server<P, Auth, State> {
    return this.#owner.server;
  }

  get localAddr(): SocketAddress {
    return this.#info.localAddr;
  }

  get remoteAddr(): SocketAddress {
    return this.#info.remoteAddr;
  }

  get peerCertificate(): ConnectionInfo["peerCertificate"] {
    return this.#info.peerCertificate;
  }

  get auth(): Auth {
    return this.#auth;
  }

  get state(): State {
    return this.#state;
  }

  get sameProtocol(): boolean {
    return this.#peer.sameProtocol;
  }

  get mismatches(): readonly MethodMismatch[] {
    return this.#peer.mismatches;
  }

  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  get stats(): Readonly<SessionStats> {
    return this.#peer.session.stats;
  }

  get roundTrip(): number | undefined {
    return this.#peer.session.roundTrip;
  }

  #authenticate(hello: Hello, credentials: unknown): void {
    this.#protocol = hello.protocol;
    if (this.#rejected) {
      const message = "the server has reached its maximum number of sessions";
      return this.#peer.enter().expel("refused-busy", message, BUSY_PAUSE);
    }
    this.#checkCredentials(
      credentials,
      () => this.#createState(),
      (message) => this.#peer.enter().refuse(message),
    );
  }

  /**
   * Creates the state, then accepts the client. A failure rejects the client
   * with `internal`.
   */
  #createState(): void {
    if (this.#peer.session.state !== "authenticating") return; // disconnected while waiting
    try {
      const state: unknown = this.#owner.options.state?.();
      if (!isThenable(state)) return this.#accept(state);
      Promise.resolve(state).then((created) => this.#accept(created)).catch(
        (error) => this.#rejectAfterFailure(error),
      );
    } catch (error) {
      this.#rejectAfterFailure(error);
    }
  }

  #accept(state: unknown): void {
    this.#state = state as State; // without the option, State is undefined
    this.#peer.enter().accept();
  }

  #rejectAfterFailure(error: unknown): void {
    const report = this.#owner.resolved.report(error, "");
    const message = publicMessage("the session could not be started", report);
    this.#peer.enter().expel("internal", message);
  }

  /**
   * Checks refreshed credentials. Refreshes are checked one at a time, so that
   * the last credentials take effect; the session limits how many may wait.
   */
  #refresh(id: number, credentials: unknown): void {
    const peer = this.#peer;
    this.#refreshed = this.#refreshed.then(async () => {
      if (peer.session.state !== "open") return;
      await this.#checkCredentials(
        credentials,
        () => peer.enter().credentialRefresh.accept(id),
        (message) => peer.enter().expel("unauthenticated", message),
      );
    });
  }

  /** Authenticates and calls one of the callbacks. The promise never rejects. */
  #checkCredentials(
    credentials: unknown,
    onAccepted: () => void,
    onRejected: (message: string) => void,
  ): Promise<void> | void {
    const { authenticate } = this.#owner.options;
    if (authenticate === undefined) return onAccepted();
    const client = { ...this.#info, protocol: this.#protocol };
    return (async () => await authenticate(credentials, client))().then(
      (auth) => {
        this.#auth = auth;
        onAccepted();
      },
      (error) => onRejected(this.#reasonOf(error)),
    );
  }

  /** Returns a CallError's message; any other error is reported and stays private. */
  #reasonOf(error: unknown): string {
    try {
      if (error instanceof CallError && error.method === "") {
        const { message } = error;
        if (typeof message === "string") return message;
      }
    } catch {
      // A thrown value may itself throw when its properties are read.
    }
    const report = this.#owner.resolved.report(error, "");
    return publicMessage("the credentials were refused", report);
  }

  #opened(): void {
    this.#owner.sessions.add(this);
    this.#owner.topics.join(this, this.#broadcastTarget());
    const { onSession } = this.#owner.options;
    if (onSession === undefined) return;
    (async () => await onSession(this))().catch((error) =>
      this.#owner.resolved.report(error, "")
    );
  }

  /** Returns this client as a target of broadcasts and topics. */
  #broadcastTarget(): BroadcastTarget {
    const peer = this.#peer;
    const { calls } = this.#owner.tables.methods;
    return {
      codec: peer.session.codec,
      get ready(): boolean {
        return peer.session.mayNotify;
      },
      send(method, body) {
        const info = calls[method]!; // methods are numbered by this list
        peer.enter().outgoing.notifyEncoded(method, info, body);
      },
      disconnect: (message) => peer.enter().expel("unsent", message),
    };
  }

  #ended(error: SessionError | undefined): void {
    this.#owner.sessions.delete(this);
    this.#owner.topics.leave(this);
    this.#draining.fire();
    this.#finish(error);
  }

  drain(): Promise<void> {
    this.#draining.fire();
    this.#peer.enter().drain();
    return this.closed;
  }

  close(): Promise<void> {
    this.#peer.enter().close();
    return this.closed;
  }

  /** Closes without waiting for the client to close its end. */
  abort(): Promise<void> {
    this.#peer.abort();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }
}
