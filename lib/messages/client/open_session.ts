/**
 * Opens a client's session: connects, and performs the handshake.
 *
 * @module
 */
import { withInherited } from "../support/check_options.ts";
import type {
  ConnectAddress,
  ConnectOptions as TransportConnectOptions,
} from "../../transport/connect.ts";
import { describeType } from "../../support/describe_type.ts";
import { formatAddress } from "../../transport/address.ts";
import type { Connection } from "../../transport/connection.ts";
import { TypedSession } from "../connection/typed_session.ts";
import type {
  ResumePoint,
  ResumeRefusal,
  ResumeRequest,
  SessionToken,
} from "../session/wire/resumption.ts";
import { attemptUntilResumed } from "./resume_attempts.ts";
import type { SideTables } from "../connection/side_tables.ts";
import type { ResolvedSessionOptions } from "../connection/session_options.ts";
import { BUSY_PAUSE } from "../connection/memory_budget.ts";
import type { ConnectAttempt } from "../observe/observer.ts";
import type { Observers } from "../observe/observers.ts";
import { type CallError, SessionError } from "../errors/call_error.ts";
import { addRecording } from "../errors/error_recordings.ts";
import { markForeign } from "../errors/call_stack.ts";
import { mayBeUnawaited } from "../errors/unawaited.ts";
import type { Outcomes } from "../session/wire/once_field.ts";
import { printable } from "../support/printable.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import type { ClientSession } from "./client_session.ts";
import { type ClientTransport, endpointName } from "./client_transport.ts";
import { type Connector, isConnector } from "./connector.ts";

/** Methods, handlers and options of sessions. */
export interface SessionParts {
  /** Methods of both sides, and this side's handlers. */
  readonly tables: SideTables;
  /** Options of the sessions. */
  readonly resolved: ResolvedSessionOptions;
  /** Connects to addresses. */
  readonly transport: ClientTransport;
}

/** Options for opening one session; see `ClientOptions`. */
export interface OpenOptions<P extends AnyProtocol> {
  /** Credentials for the server. */
  readonly credentials?: unknown;
  /** Cancels connecting; closes the open session. */
  readonly signal?: AbortSignal | undefined;
  /** Whether calls may precede the server's HELLO. */
  readonly early?: boolean | undefined;
  /** Whether broadcasts reach the client through another session. */
  readonly secondary?: boolean | undefined;
  /** Options for the transport. */
  readonly transport?: Omit<TransportConnectOptions, "signal"> | undefined;
  /** How the session is resumed; `undefined` if it is not. */
  readonly resume?: ResumeOptions<P> | undefined;
}

/** One attempt to resume a session. */
export interface ResumeAttempt {
  /** Address to connect to; `undefined` for that of the session. */
  readonly location: string | undefined;
  /** Cancels the attempt. */
  readonly signal: AbortSignal;
  /** Milliseconds to connect, with the handshake. */
  readonly limit: number;
}

/** How a session gets another connection after a cut. */
export interface ResumeOptions<P extends AnyProtocol> {
  /** Milliseconds for which the client tries, at most the server's grace. */
  readonly patience: number;
  /** Returns whether to resume the session at the server's location. */
  follows(location: string): boolean;
  /**
   * Opens a session that asks the server to resume another one.
   *
   * @param attempt how to connect
   */
  open(
    resumes: ClientSessionImpl<P>,
    attempt: ResumeAttempt,
  ): Promise<ClientSessionImpl<P>>;
  /** Called when the session has lost its connection, or has another one. */
  onChanged(change: "resuming" | "resumed", cause?: SessionError): void;
  /** Called when the server opened a new session instead; the old one has ended. */
  onReplaced(session: ClientSessionImpl<P>): void;
}

/** An address, several addresses to try in order, or an open connection. */
export type Target =
  | ConnectAddress
  | readonly ConnectAddress[]
  | Connector
  | Connection;

/**
 * Opens a session. The connection is closed if this fails.
 *
 * @param resumes a session that the server is asked to resume; if it does, the
 * returned session has handed its connection over
 * @throws {TransportError} if no connection can be established
 * @throws {SessionError} if the server does not accept the handshake
 * @throws {CodecError} if the codec cannot encode the credentials
 */
export async function openSession<P extends AnyProtocol>(
  parts: SessionParts,
  target: Target,
  options: OpenOptions<P>,
  resumes?: ClientSessionImpl<P>,
): Promise<ClientSessionImpl<P>> {
  const { observers } = parts.resolved;
  const attempt = observers &&
    new ObservedAttempt(observers, () => endpointOf(target, parts.transport));
  try {
    const session = await attemptToOpen(parts, target, options, resumes);
    attempt?.ended(session.handedOver ? "resumed" : "opened");
    return session;
  } catch (error) {
    attempt?.ended(error instanceof SessionError ? "refused" : "failed", error);
    throw error;
  }
}

/** An attempt to open a session, with observers. */
class ObservedAttempt {
  readonly #observers: Observers;
  readonly #endpoint: () => string;
  readonly #beganAt: number = performance.now();

  constructor(observers: Observers, endpoint: () => string) {
    this.#observers = observers;
    this.#endpoint = endpoint;
  }

  ended(outcome: ConnectAttempt["outcome"], error?: unknown): void {
    const ms = performance.now() - this.#beganAt;
    const endpoint = this.#endpoint();
    this.#observers.connect({ endpoint, outcome, error, ms });
  }
}

async function attemptToOpen<P extends AnyProtocol>(
  parts: SessionParts,
  target: Target,
  options: OpenOptions<P>,
  resumes: ClientSessionImpl<P> | undefined,
): Promise<ClientSessionImpl<P>> {
  // A session that is resumed takes no additional place.
  if (resumes === undefined) checkMemory(parts, target);
  const connection = isConnection(target)
    ? target
    : await connectTo(target, parts.transport, options);
  try {
    const session = new ClientSessionImpl<P>(
      connection,
      endpointOf(target, parts.transport),
      parts,
      options.resume,
      resumes,
    );
    const early = options.early && parts.resolved.codecs.length === 1;
    await session.open({ ...options, early });
    return session;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error instanceof SessionError
      ? withAddress(error, connection)
      : error;
  }
}

/** @throws {SessionError} `refused-busy` if no session may be opened */
function checkMemory(
  { resolved, transport }: SessionParts,
  target: Target,
): void {
  const { refusal } = resolved.memory;
  if (refusal === undefined) return;
  throw new SessionError(
    `Cannot connect to ${endpointOf(target, transport)}: ${refusal}`,
    { code: "refused-busy", retryAfter: BUSY_PAUSE },
  );
}

/** Returns the name of a target; of several addresses, all are named. */
function endpointOf(target: Target, transport: ClientTransport): string {
  if (isConnection(target)) return formatAddress(target.remoteAddr);
  const name = (address: ConnectAddress | Connector) =>
    endpointName(address, transport);
  try {
    return isList(target) ? target.map(name).join(", ") : name(target);
  } catch {
    return "an address that is not valid"; // which has failed the attempt
  }
}

function isList(
  target: ConnectAddress | readonly ConnectAddress[] | Connector,
): target is readonly ConnectAddress[] {
  return Array.isArray(target);
}

/** Returns the error of a handshake with the address in its message. */
function withAddress(
  error: SessionError,
  { remoteAddr }: Connection,
): SessionError {
  return prefixed(`Cannot connect to ${formatAddress(remoteAddr)}`, error);
}

/** Returns the error with what failed before its message. */
function prefixed(what: string, error: SessionError): SessionError {
  const { message, code, remote, retryAfter, spread, recording } = error;
  const named = new SessionError(
    `${what}: ${message}`,
    { code, remote, retryAfter, spread, cause: error },
  );
  addRecording(named, recording);
  return named;
}

function connectTo(
  address: ConnectAddress | readonly ConnectAddress[] | Connector,
  transport: ClientTransport,
  { signal, transport: options = {} }: Pick<
    OpenOptions<never>,
    "signal" | "transport"
  >,
): Promise<Connection> {
  if (isConnector(address)) {
    const aborted = signal ?? new AbortController().signal;
    return connectBy(address, transport, aborted);
  }
  return transport.connect(
    address,
    signal === undefined ? options : { ...withInherited(options), signal },
  );
}

/**
 * Converts errors of a connector, so that a client tries again.
 *
 * @throws {TypeError} if it returns anything but a connection
 */
async function connectBy(
  connector: Connector,
  transport: ClientTransport,
  signal: AbortSignal,
): Promise<Connection> {
  const connection = await connectOrConvert(connector, transport, signal);
  if (isConnection(connection)) return connection;
  throw new TypeError(
    `Cannot connect to ${connector.name}: its connect() returned ${
      describeType(connection)
    }; expected a connection`,
  );
}

async function connectOrConvert(
  connector: Connector,
  transport: ClientTransport,
  signal: AbortSignal,
): Promise<Connection> {
  try {
    return await connector.connect(signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw transport.failure(error, connector.name);
  }
}

/** Milliseconds to resume a session at a location that the server named. */
const LOCATION_PATIENCE = 3_000;

/** Why a server has not resumed a session, by its reason. */
const WHY_NOT_RESUMED: Readonly<Record<ResumeRefusal["reason"], string>> = {
  unknown: "the server does not know it",
  expired: "it has ended on the server",
  "not-kept": "frames that an end lacks are no longer kept",
  "other-principal": "the credentials belong to another principal",
};

/** The implementation of {@linkcode ClientSession}. */
export class ClientSessionImpl<P extends AnyProtocol>
  extends TypedSession<P, "server">
  implements ClientSession<P> {
  readonly #opened: PromiseWithResolvers<void> = Promise.withResolvers();
  #lastRefresh: Promise<void> = Promise.resolve();
  /** Time at which the server's HELLO arrived, in ms. */
  #openedAt = 0;
  #refreshing: PromiseWithResolvers<void> | undefined = undefined;
  #credentials: unknown = undefined;

  readonly #endpoint: string;
  readonly #resume: ResumeOptions<P> | undefined;
  /** The session that this one asks the server to resume. */
  readonly #resumes: ClientSessionImpl<P> | undefined;
  /** Secret with which this session can be resumed. */
  #token: Uint8Array | undefined = undefined;
  /** Number of attempts to resume this session. */
  #generation = 0;
  /** @inheritdoc */
  onCallFailed?: (error: CallError) => void;

  constructor(
    connection: Connection,
    endpoint: string,
    { tables, resolved }: SessionParts,
    resume?: ResumeOptions<P>,
    resumes?: ClientSessionImpl<P>,
  ) {
    const { patience: grace = 0 } = resume ?? {};
    super({ role: "client", connection, tables, resolved, grace });
    this.#endpoint = endpoint;
    this.#resume = resume;
    this.#resumes = resumes;
    this.#opened.promise.catch(() => {});
  }

  /** Sends HELLO and, unless `early` is set, waits for the server's HELLO. */
  async open(
    { credentials, early = false, signal, secondary }: Pick<
      OpenOptions<P>,
      "credentials" | "early" | "signal" | "secondary"
    >,
  ): Promise<void> {
    const abort = () => void this.abort();
    this.#credentials = credentials;
    try {
      const resumes = this.#resumes;
      this.enter().start(credentials, {
        secondary,
        resume: resumes && resumes.#nextAttempt(),
      });
      if (signal !== undefined) this.#closeWith(signal);
      if (early) return;
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      await this.#opened.promise;
    } catch (error) {
      if (this.session.state === "new") abort();
      await this.closed;
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #closeWith(signal: AbortSignal): void {
    const close = () => void this.close();
    signal.addEventListener("abort", close, { once: true });
    this.finished.then(() => signal.removeEventListener("abort", close));
    if (signal.aborted) close();
  }

  override get id(): string {
    return this.session.peer?.session ?? super.id;
  }

  override get endpoint(): string {
    return this.#endpoint;
  }

  get instance(): string {
    return this.session.peer?.instance ?? "";
  }

  /** The credentials that were sent last, with which the session is resumed. */
  get lastCredentials(): unknown {
    return this.#credentials;
  }

  override get outcomes(): Outcomes | undefined {
    const { outcomes } = this.session.peer ?? {};
    if (outcomes === undefined) return undefined;
    const time = outcomes.time + Math.floor(this.now() - this.#openedAt);
    return { ...outcomes, time };
  }

  override onOpened(): void {
    super.onOpened();
    this.#openedAt = this.now();
    this.#token = this.session.peer?.token?.secret;
    this.#opened.resolve();
  }

  // ── resumption ─────────────────────────────────────────────────────────

  /** Returns the content of a RESUME for this session. */
  #nextAttempt(): ResumeRequest | undefined {
    const token = this.#token;
    if (token === undefined) return undefined;
    return { ...this.enter().resumePoint(++this.#generation), token };
  }

  /** Lets the other session continue with this one's connection. */
  override onResumed(point: ResumePoint, { secret }: SessionToken): void {
    const session = this.#resumes!; // otherwise, this side did not ask for it
    const obstacle = session.session.obstacle(point);
    if (obstacle !== undefined) {
      session.enter().endResumption(obstacle);
      return this.enter().expel("resume-lost", obstacle);
    }
    session.continueOn(this, point);
    session.#token = secret;
    this.#opened.resolve();
  }

  override onCut(reason: SessionError): void {
    super.onCut(reason);
    const resume = this.#resume;
    if (resume === undefined) return;
    resume.onChanged("resuming", reason);
    this.closeAfter(this.#reconnect(resume));
  }

  async #reconnect(resume: ResumeOptions<P>): Promise<void> {
    const controller = new AbortController();
    this.finished.then((reason) => controller.abort(reason));
    const location = this.#followed(resume);
    const patience = location === undefined
      ? undefined
      : setTimeout(() => this.#giveUp(location), LOCATION_PATIENCE);
    const refusal = await attemptUntilResumed(
      this.session.shortLinks,
      (signal, limit) => this.#attempt(resume, { location, signal, limit }),
      controller.signal,
      () => this.keepsAlive,
    );
    clearTimeout(patience);
    if (refusal !== undefined) this.enter().endResumption(refusal);
  }

  /** Returns the location at which to resume the session, if any. */
  #followed(resume: ResumeOptions<P>): string | undefined {
    const location = this.session.peer?.location;
    try {
      const follows = location !== undefined && resume.follows(location);
      return follows ? location : undefined;
    } catch (error) {
      this.report(error, "");
      return undefined;
    }
  }

  /** Lets the client open another session elsewhere. */
  #giveUp(location: string): void {
    this.enter().endResumption(
      `its server could not be reached at ${printable(location)}`,
    );
  }

  async #attempt(
    resume: ResumeOptions<P>,
    attempt: ResumeAttempt,
  ): Promise<void> {
    const session = await resume.open(this, attempt);
    if (session.handedOver) return resume.onChanged("resumed");
    const refusal = session.session.peer?.resumeRefused;
    const { reason = "unknown", received } = refusal ?? {};
    const isOther = reason === "unknown" && session.instance !== this.instance;
    const why = isOther
      ? "another instance of the server was reached, for example after a restart"
      : WHY_NOT_RESUMED[reason];
    this.enter().endResumption(why, received);
    resume.onReplaced(session);
  }

  override onRefreshed(): void {
    this.#refreshing?.resolve();
  }

  override onEnded(reason: SessionError): void {
    this.#refreshing?.reject(reason);
    this.#opened.reject(reason);
    super.onEnded(reason);
  }

  refresh(credentials: unknown): Promise<void> {
    return mayBeUnawaited(this.#refreshInTurn(credentials));
  }

  /** Sends refreshes one at a time, so the last credentials take effect. */
  async #refreshInTurn(credentials: unknown): Promise<void> {
    try {
      await this.#opened.promise;
      const refreshed = this.#lastRefresh.then(() =>
        this.#refresh(credentials)
      );
      this.#lastRefresh = refreshed.catch(() => {});
      await refreshed;
    } catch (error) {
      throw error instanceof SessionError
        ? markForeign(prefixed("Cannot refresh the credentials", error))
        : error;
    }
  }

  async #refresh(credentials: unknown): Promise<void> {
    const { state } = this.session;
    if (state !== "open" && state !== "cut") {
      throw await this.finished;
    }
    this.enter().refresh(credentials);
    this.#credentials = credentials;
    this.#refreshing = Promise.withResolvers();
    await this.#refreshing.promise;
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Returns whether a target is an open connection. */
export function isConnection(value: Target): value is Connection {
  return typeof value === "object" && value !== null && "read" in value &&
    "write" in value;
}
