/**
 * A server's session, from accepting the connection to closing it.
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import { describeType } from "../../support/describe_type.ts";
import type { SubscribedTopics } from "../connection/session_stats.ts";
import { TypedSession } from "../connection/typed_session.ts";
import { publicMessage } from "../errors/incident_report.ts";
import { printableName } from "../support/printable.ts";
import { isThenable } from "../support/thenable.ts";
import type { SideTables } from "../connection/side_tables.ts";
import { CallError, type SessionError } from "../errors/call_error.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import { Backlog, type BroadcastTarget } from "../broadcast/fanout.ts";
import type { Server, ServerOptions, ServerSession } from "./server_types.ts";
import type { SessionTotals } from "../observe/session_totals.ts";
import type { TopicRegistry } from "./topics.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import type { DecodedCredentials } from "../session/control/credentials.ts";
import type { HelloEntries } from "../session/control/handshake.ts";
import { Feature } from "../session/wire/features.ts";
import type { OnceHost } from "../handlers/handling.ts";
import type { OnceRuns } from "../once/once_runs.ts";
import type { Hello } from "../session/wire/hello.ts";
import type {
  ResumeRefusal,
  ResumeRequest,
  SessionToken,
} from "../session/wire/resumption.ts";
import {
  groupOf,
  type ResumableSession,
  type ResumeRegistry,
} from "./resume_registry.ts";
import { whenOld } from "./session_age.ts";
import { hashOf, newSecret } from "./session_tokens.ts";
import {
  checkDrainOptions,
  type ResolvedSessionOptions,
} from "../connection/session_options.ts";
import { BUSY_PAUSE } from "../connection/memory_budget.ts";

/** The parts of a server that its sessions use. */
export interface SessionOwner<P extends AnyProtocol, Auth, State> {
  /** The server that applications see. */
  readonly server: Server<P, Auth, State>;
  /** The sessions whose handshake is complete, and their topics. */
  readonly topics: TopicRegistry<P, Auth, State>;
  /** The sessions that the server drains. */
  readonly draining: Set<ServerSession<P, Auth, State>>;
  /** Id of the instance, in hexadecimal. */
  readonly instance: string;
  /** The methods and their handlers. */
  readonly tables: SideTables;
  /** The server's own options. */
  readonly options: ServerOptions<P, Auth, State>;
  /** Figures of all sessions, also of ended ones. */
  readonly totals: SessionTotals;
  /** The sessions that can be resumed; `undefined` if none can. */
  readonly resumable:
    | ResumeRegistry<ServerSessionImpl<P, Auth, State>>
    | undefined;
  /** The session options, with defaults. */
  readonly resolved: ResolvedSessionOptions;
  /** The calls that run at most once; `undefined` if no method is `once`. */
  readonly runs: OnceRuns | undefined;
  /** Called when the resources of a session have been released. */
  released(session: ServerSessionImpl<P, Auth, State>): void;
}

/** Grace of old sessions in ms unless an option is set. */
const AGE_GRACE = 30_000;
/** Milliseconds over which clients connect again unless `spread` is set. */
const DEFAULT_SPREAD = 2000;

/** Options for a {@linkcode ServerSessionImpl}. */
export interface ServerSessionImplOptions {
  /** Why the server rejects the client with `refused-busy`, if it does. */
  readonly rejection?: string | undefined;
  /** Facts about the connection from the application. */
  readonly info?: Partial<ConnectionInfo> | undefined;
}

const DONE: Promise<void> = Promise.resolve();

/** Implementation of `ServerSession`. */
export class ServerSessionImpl<P extends AnyProtocol, Auth, State>
  extends TypedSession<P, "client">
  implements ServerSession<P, Auth, State>, ResumableSession, BroadcastTarget {
  readonly #owner: SessionOwner<P, Auth, State>;
  /** Why the server rejects the client; `undefined` if it does not. */
  readonly rejection: string | undefined;
  /** Messages of topics; counts as memory of the session. */
  readonly backlog: Backlog = new Backlog(this);
  #auth!: Auth;
  #state!: State;
  #protocol = "";
  /** Whether the session is about to continue on another link. */
  #continuing = false;
  #refreshed: Promise<void> = DONE;
  /** Ends the waiting for the session's age. */
  #stopAging: (() => void) | undefined = undefined;

  constructor(
    owner: SessionOwner<P, Auth, State>,
    connection: Connection,
    { rejection, info }: ServerSessionImplOptions,
  ) {
    const { tables, resolved } = owner;
    const { authenticate } = owner.options;
    super({
      role: "server",
      connection,
      info,
      tables,
      resolved,
      checksCredentials: authenticate !== undefined,
      spread: owner.options.spread ?? DEFAULT_SPREAD,
      grace: owner.options.resume?.grace ?? 0,
    });
    this.#owner = owner;
    this.rejection = rejection;
    this.memory.backlog = this.backlog;
  }

  get server(): Server<P, Auth, State> {
    return this.#owner.server;
  }

  get auth(): Auth {
    return this.#auth;
  }

  get state(): State {
    return this.#state;
  }

  /** @inheritdoc */
  override get once(): OnceHost | undefined {
    const { runs } = this.#owner;
    if (runs === undefined) return undefined;
    const principal = this.principal;
    const group = groupOf(principal, this.#address);
    return { runs, principal, group };
  }

  /** Address of the client, without its port. */
  get #address(): string {
    const { remoteAddr } = this;
    return remoteAddr.hostname ?? remoteAddr.transport;
  }

  /** @inheritdoc */
  override get principal(): string {
    const { principal } = this.#owner.options;
    const name: unknown = principal === undefined ? "" : principal(this.#auth);
    if (typeof name === "string") return name;
    throw new TypeError(
      `The option "principal" returned ${
        describeType(name)
      }; expected a string`,
    );
  }

  /** The principal that may resume the session; `undefined` for any client. */
  get #resumingPrincipal(): string | undefined {
    return this.#owner.options.authenticate && this.principal;
  }

  override onAuthenticate(
    hello: Hello,
    credentials: DecodedCredentials,
  ): void {
    this.#protocol = printableName(hello.protocol);
    if (!this.#continues(hello) && this.#isRejected()) return;
    this.#checkCredentials(
      credentials,
      () => this.#begin(hello),
      (message) => this.enter().refuse(message),
    );
  }

  /**
   * Returns whether the client has the token of a session. A session that
   * continues takes no additional place, so a full server accepts it.
   */
  #continues({ features, resume }: Hello): boolean {
    return resume !== undefined && (features & Feature.RESUME) !== 0 &&
      this.#owner.resumable?.knows(hashOf(resume.token)) === true;
  }

  /** Rejects the client if the server is full; returns whether it is. */
  #isRejected(): boolean {
    const rejection = this.rejection;
    if (rejection === undefined) return false;
    this.enter().expel("refused-busy", rejection, BUSY_PAUSE);
    return true;
  }

  /** Resumes the client's session, or opens this one. */
  #begin(hello: Hello): void {
    const { resumable } = this.#owner;
    const agreed = (hello.features & Feature.RESUME) !== 0;
    if (resumable === undefined || !agreed) return this.#createState();
    if (this.session.state !== "authenticating") return; // disconnected while waiting
    try {
      this.#resume(hello, resumable);
    } catch (error) {
      this.#rejectAfterFailure(error);
    }
  }

  /**
   * Continues the session that the client wants to resume. Otherwise, opens this
   * one, which can be resumed later.
   */
  #resume(
    hello: Hello,
    resumable: ResumeRegistry<ServerSessionImpl<P, Auth, State>>,
  ): void {
    const { resume: request } = hello;
    const { resume } = this.#owner.options;
    const principal = this.#resumingPrincipal;
    const { secret, hash: next } = newSecret();
    const token = { grace: resume?.grace ?? 0, secret };
    const location = resume?.location;
    if (request === undefined) {
      resumable.add(this, principal, next);
      return this.#createState({ token, location });
    }
    if (this.session.heldEarly > 0) {
      const why = "frames followed a HELLO with RESUME";
      return this.enter().expel("protocol", why);
    }
    const { generation } = request;
    const used = hashOf(request.token);
    const entry = resumable.find(
      { hash: used, generation, principal },
      performance.now(),
    );
    const resumeRefused = "reason" in entry
      ? entry
      : entry.session.#continue(this, hello, request, token);
    if (resumeRefused === undefined && !("reason" in entry)) {
      return resumable.resumed(entry, { used, next, generation });
    }
    if (this.#isRejected()) return;
    resumable.add(this, principal, next);
    this.#createState({ token, location, resumeRefused });
  }

  /**
   * Continues this session on the link of another one.
   *
   * @returns why it cannot; it has then ended
   */
  #continue(
    fresh: ServerSessionImpl<P, Auth, State>,
    { protocolHash }: Hello,
    request: ResumeRequest,
    token: SessionToken,
  ): ResumeRefusal | undefined {
    const { received, peer } = this.session;
    const obstacle = peer?.protocolHash === protocolHash
      ? this.session.obstacle(request)
      : "the client has another protocol";
    if (obstacle !== undefined) {
      this.endHibernation(obstacle);
      return { reason: "not-kept", received };
    }
    this.#continuing = true;
    this.continueOn(fresh, request, { token });
    this.#continuing = false;
    this.#auth = fresh.#auth;
    this.#protocol = fresh.#protocol;
    this.memory.observer = undefined;
    return undefined;
  }

  /** @inheritdoc */
  get received(): number {
    return this.session.received;
  }

  /** @inheritdoc */
  get heard(): boolean {
    return this.session.heard;
  }

  /** @inheritdoc */
  endHibernation(why: string): void {
    this.enter().endResumption(why);
  }

  override onCut(reason: SessionError): void {
    super.onCut(reason);
    const { resumable } = this.#owner;
    if (this.#continuing || resumable === undefined) return;
    this.memory.observer = {
      update: (held) => resumable.update(this, held),
    };
    resumable.hibernate(this, this.memory.held, this.#address);
  }

  override onEnded(reason: SessionError): void {
    this.#owner.resumable?.remove(this, performance.now());
    super.onEnded(reason);
    this.#stopAging?.();
    this.#owner.totals.ended(this, reason);
  }

  /**
   * Creates the state, then accepts the client. A failure rejects the client
   * with `internal`.
   */
  #createState(entries?: HelloEntries): void {
    if (this.session.state !== "authenticating") return; // disconnected while waiting
    try {
      const state: unknown = this.#owner.options.state?.();
      if (!isThenable(state)) return this.#accept(state, entries);
      Promise.resolve(state).then((created) => this.#accept(created, entries))
        .catch((error) => this.#rejectAfterFailure(error));
    } catch (error) {
      this.#rejectAfterFailure(error);
    }
  }

  #accept(state: unknown, entries: HelloEntries | undefined): void {
    this.#state = state as State; // without the option, State is undefined
    const { instance, runs } = this.#owner;
    const store = runs?.store.id;
    const outcomes = store === undefined
      ? undefined
      : { store, time: Date.now() };
    this.enter().accept({ ...entries, session: this.id, instance, outcomes });
  }

  #rejectAfterFailure(error: unknown): void {
    const report = this.report(error, "");
    const message = publicMessage("the session could not be started", report);
    this.enter().expel("internal", message);
  }

  /**
   * Checks refreshed credentials. Refreshes are checked one at a time, so that
   * the last credentials take effect; the session limits how many may wait.
   */
  override onRefresh(id: number, credentials: DecodedCredentials): void {
    this.#refreshed = this.#refreshed.then(async () => {
      if (!this.accepted) return;
      await this.#checkCredentials(
        credentials,
        () => this.#acceptRefresh(id),
        (message) => this.enter().expel("unauthenticated", message),
      );
    });
  }

  /** Accepts new credentials, which may belong to another principal. */
  #acceptRefresh(id: number): void {
    try {
      this.#owner.resumable?.setPrincipal(this, this.#resumingPrincipal);
    } catch (error) {
      const report = this.report(error, "");
      const message = publicMessage("the credentials were not used", report);
      return this.enter().expel("internal", message);
    }
    this.enter().credentialRefresh.accept(id);
  }

  /**
   * Authenticates and calls one of the callbacks. The promise never rejects. The
   * credentials count as held meanwhile, also if the client has left.
   */
  #checkCredentials(
    { value, held }: DecodedCredentials,
    onAccepted: () => void,
    onRejected: (message: string) => void,
  ): Promise<void> | void {
    const { authenticate } = this.#owner.options;
    if (authenticate === undefined) return onAccepted();
    const { localAddr, remoteAddr, peerCertificate, request, proxy } = this;
    const addresses = { localAddr, remoteAddr };
    const protocol = this.#protocol;
    const client = { ...addresses, peerCertificate, request, proxy, protocol };
    this.enter().incoming.holdInput(held);
    return (async () => await authenticate(value, client))().then(
      (auth) => {
        this.#auth = auth;
        onAccepted();
      },
      (error) => onRejected(this.#reasonOf(error)),
    ).finally(() => this.enter().incoming.releaseInput(held));
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
    const report = this.report(error, "");
    return publicMessage("the credentials were refused", report);
  }

  override onOpened(): void {
    const { topics, totals } = this.#owner;
    totals.opened(this);
    super.onOpened();
    const isPrimary = this.session.peer?.secondary !== true;
    topics.join(this, isPrimary ? this : undefined);
    this.#limitAge();
    const { onSession } = this.#owner.options;
    if (onSession === undefined) return;
    (async () => await onSession(this))().catch((error) =>
      this.report(error, "")
    );
  }

  /** Drains the session when it is old. */
  #limitAge(): void {
    const { maxConnectionAge: age = 0, maxConnectionAgeGrace = AGE_GRACE } =
      this.#owner.options;
    if (age === 0) return;
    this.#stopAging = whenOld({
      age,
      random: Math.random(),
      isCut: () => this.session.state === "cut",
      drain: () =>
        void this.drain({ code: "age", grace: maxConnectionAgeGrace }),
    });
  }

  /** @inheritdoc */
  protected override get subscribedTopics(): SubscribedTopics {
    const held = { bytes: this.backlog.held, limit: Infinity };
    const subscriptions = this.#owner.topics.subscriptions(this);
    return { held, subscriptions };
  }

  // ── target of broadcasts ───────────────────────────────────────────────

  /** @inheritdoc */
  get codec(): MessageCodec {
    return this.session.codec;
  }

  /** @inheritdoc */
  get ready(): boolean {
    return this.session.mayNotify;
  }

  /** @inheritdoc */
  send(method: number, body: Uint8Array): void {
    const info = this.#owner.tables.calls[method]!; // methods are numbered by this list
    this.enter().outgoing.notifyEncoded(method, info, body);
  }

  /** @inheritdoc */
  disconnect(message: string): void {
    this.enter().expel("unsent", message);
  }

  /** @inheritdoc */
  onMessagesDropped(count: number): void {
    this.observeDropped("slow", count);
  }

  /** Called when a message waits in the backlog. */
  onBacklog(): void {
    this.enter(); // so that its memory is charged
  }

  override onRoom(): void {
    this.#owner.topics.drain(this);
  }

  /** Drains the session; messages queued for it by broadcasts are sent first. */
  override async drain(options: DrainOptions = {}): Promise<void> {
    checkDrainOptions("drain()", options);
    const { topics, draining } = this.#owner;
    if (this.session.state === "cut") return await this.close();
    topics.flush(this);
    topics.retire(this);
    if (this.accepted) draining.add(this);
    await super.drain(options);
  }

  override onPeerDraining(reason: SessionError): void {
    this.#owner.topics.retire(this);
    super.onPeerDraining(reason);
  }

  /** Closes the session; messages queued for it by broadcasts are sent first. */
  override close(reason?: string): Promise<void> {
    this.#owner.topics.flush(this);
    return super.close(reason);
  }

  override onClosing(reason: SessionError): void {
    this.#owner.topics.leave(this);
    super.onClosing(reason);
  }

  protected override onReleased(): void {
    super.onReleased();
    this.#owner.released(this);
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }
}
