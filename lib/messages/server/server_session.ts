/**
 * A connection that a server has accepted, from handshake to close.
 *
 * @module
 */
import type { Connection, SocketAddress } from "../../transport/connection.ts";
import { contextRemote } from "../handlers/context_remote.ts";
import { differencesOfServer } from "../connection/handshake_differences.ts";
import { LazySignal } from "../support/lazy_signal.ts";
import { Peer } from "../connection/peer.ts";
import { publicMessage } from "../errors/incident_report.ts";
import { buildRemote, type CallSite } from "../calls/remote.ts";
import { isThenable } from "../support/thenable.ts";
import type { SideTables } from "../connection/method_tables.ts";
import { connectionInfo } from "../connection/connection_info.ts";
import type { ConnectionInfo } from "../handlers/context.ts";
import { CallError, type SessionError } from "../errors/call_error.ts";
import type { MethodDifference } from "../introspection/protocol_diff.ts";
import type { AnyProtocol, Remote } from "../protocol/protocol_types.ts";
import type { BroadcastTarget } from "../broadcast/fanout.ts";
import type { OwnOptions, Server, ServerSession } from "./server_types.ts";
import type { TopicRegistry } from "./topics.ts";
import type { Hello } from "../session/wire/hello.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import type { ResolvedSessionOptions } from "../connection/session_options.ts";

/** What a session asks of its server. */
export interface SessionOwner<P extends AnyProtocol, Auth, State>
  extends Server<P, Auth, State> {
  /** The sessions whose handshake is done. */
  readonly sessions: Set<ServerSession<P, Auth, State>>;
  /** Who is subscribed to what. */
  readonly topics: TopicRegistry<P, Auth, State>;
  /** The methods. */
  readonly tables: SideTables;
  /** The server's options. */
  readonly options: OwnOptions<P, Auth, State>;
  /** The same, filled in. */
  readonly resolved: ResolvedSessionOptions;
}

/** Options of a {@linkcode ServerSessionImpl}. */
export interface ServerSessionImplOptions {
  /** There is no place for it: it is only told so. @default {false} */
  readonly refused?: boolean;
}

/** See `ServerSession`. */
export class ServerSessionImpl<P extends AnyProtocol, Auth, State>
  implements ServerSession<P, Auth, State> {
  readonly finished: Promise<SessionError | undefined>;
  /** Settles when the connection is closed and nothing of it is left. */
  readonly closed: Promise<void>;
  readonly #owner: SessionOwner<P, Auth, State>;
  readonly #peer: Peer;
  readonly #info: ConnectionInfo;
  readonly #site: CallSite;
  readonly #refused: boolean;
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
    { refused = false }: ServerSessionImplOptions = {},
  ) {
    this.#owner = owner;
    this.#refused = refused;
    this.#info = connectionInfo(connection);
    const { tables, resolved } = owner;
    this.finished = new Promise((resolve) => this.#finish = resolve);
    this.#site = {
      link: () => this.#peer,
      timeLeft: () => Infinity,
      defaults: {},
      interceptors: [],
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

  /** Made when it is first asked for: idle sessions are many, and hold little. */
  get remote(): Remote<P, "client"> {
    const { calls } = this.#owner.tables;
    return this.#remote ??= buildRemote(calls, this.#site) as Remote<
      P,
      "client"
    >; // built from the protocol that the type stands for
  }

  get server(): Server<P, Auth, State> {
    return this.#owner;
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

  /** Not kept: sessions are many, and those who ask are few. */
  get differences(): readonly MethodDifference[] {
    const { peer } = this.#peer.session;
    return peer === undefined || this.sameProtocol
      ? []
      : differencesOfServer(peer, this.#owner.tables);
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
    if (this.#refused) {
      const message = "the server has as many sessions as it takes";
      return this.#peer.session.expel("too-many", message, this.#peer.now());
    }
    this.#ask(
      credentials,
      () => this.#admit(),
      (message) => this.#peer.session.refuse(message, this.#peer.now()),
    );
  }

  /** Lets the client in; what fails of our own is not its fault. */
  #admit(): void {
    if (this.#peer.session.state !== "authenticating") return; // it has gone meanwhile
    try {
      const state: unknown = this.#owner.options.state?.();
      if (!isThenable(state)) return this.#accept(state);
      Promise.resolve(state).then((made) => this.#accept(made)).catch((error) =>
        this.#turnAway(error)
      );
    } catch (error) {
      this.#turnAway(error);
    }
  }

  #accept(state: unknown): void {
    this.#state = state as State; // what `state` made; without it, State is undefined
    this.#peer.session.accept(this.#peer.now());
    this.#peer.touched();
  }

  #turnAway(error: unknown): void {
    const report = this.#owner.resolved.report(error, "");
    const message = publicMessage("the session could not begin", report);
    this.#peer.session.expel("internal", message, this.#peer.now());
    this.#peer.touched();
  }

  /** One after the other, so that the last ones hold; the session bounds how many wait. */
  #refresh(id: number, credentials: unknown): void {
    const { session } = this.#peer;
    this.#refreshed = this.#refreshed.then(async () => {
      if (session.state !== "open") return;
      await this.#ask(
        credentials,
        () => session.refreshed(id, this.#peer.now()),
        (message) => session.rejectRefresh(message, this.#peer.now()),
      );
    });
  }

  /** Settles, and never rejects, when the answer has been given. */
  #ask(
    credentials: unknown,
    yes: () => void,
    no: (message: string) => void,
  ): Promise<void> | void {
    const { authenticate } = this.#owner.options;
    if (authenticate === undefined) return yes();
    const client = { ...this.#info, protocol: this.#protocol };
    return (async () => await authenticate(credentials, client))().then(
      (auth) => {
        this.#auth = auth;
        yes();
      },
      (error) => no(this.#reasonOf(error)),
    );
  }

  /** A CallError is meant for the client; anything else stays here. */
  #reasonOf(error: unknown): string {
    try {
      if (error instanceof CallError && error.method === "") {
        const { message } = error;
        if (typeof message === "string") return message;
      }
    } catch {
      // Anything can be thrown, also what throws when it is read.
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

  /** This client, for messages that go to many. */
  #broadcastTarget(): BroadcastTarget {
    const peer = this.#peer;
    const { calls } = this.#owner.tables.methods;
    return {
      codec: peer.session.codec,
      get ready(): boolean {
        return peer.session.mayNotify;
      },
      send(method, body) {
        const info = calls[method]!; // numbers come from this list
        peer.session.notifyEncoded({ method, info, body }, peer.now());
      },
      disconnect: (message) =>
        peer.session.expel("unsent", message, peer.now()),
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
    this.#peer.session.drain(this.#peer.now());
    this.#peer.touched();
    return this.closed;
  }

  close(): Promise<void> {
    this.#peer.session.close(this.#peer.now());
    return this.closed;
  }

  /** Closes without waiting for the client to notice. */
  abort(): Promise<void> {
    this.#peer.abort();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }
}
