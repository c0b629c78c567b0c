/**
 * A slot of a client: keeps one session open.
 *
 * A session that its server drains stays open for its calls in flight, while the
 * slot opens the next one.
 *
 * @module
 */
import { isDrain, SessionError } from "../errors/call_error.ts";
import { TransportError } from "../../transport/errors.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import type { AddressList, ListedAddress } from "./address_list.ts";
import { type Backoff, STABLE } from "./backoff.ts";
import type { ClientEvent } from "./client_events.ts";
import { SLOT, type SlotEvent, type SlotState } from "./client_status.ts";
import type { ClientSessionImpl, ResumeOptions } from "./open_session.ts";
import { setRef } from "../support/keep_alive.ts";

/** The addresses of a slot. */
export type SlotAddresses<Address> = Pick<
  AddressList<Address>,
  "find" | "take" | "wait" | "opened" | "leave" | "refused"
>;

/** Members of a client that its slots require. */
export interface SlotHost<P extends AnyProtocol, Address> {
  /** Addresses of the servers, which slots may share. */
  readonly addresses: SlotAddresses<Address>;
  /** Pauses between attempts, which slots may share. */
  readonly backoff: Backoff;
  /** Whether new credentials may help after a refusal. */
  readonly freshCredentials: boolean;
  /** Whether any slot has a session. */
  readonly hasSession: boolean;
  /** Opens a session; `slot` receives what happens to its connection. */
  connect(
    address: Address,
    signal: AbortSignal,
    slot: SessionSlot<P, Address>,
  ): Promise<ClientSessionImpl<P>>;
  /** Prepares a session for calls; closes it if that fails. */
  prepare(session: ClientSessionImpl<P>, signal: AbortSignal): Promise<void>;
  /** Called after each change. */
  changed(change: Omit<ClientEvent, "status">): void;
}

/** Receiver of what happens to the connection of a session. */
export type LinkObserver<P extends AnyProtocol> = Pick<
  ResumeOptions<P>,
  "onChanged" | "onReplaced"
>;

/**
 * Codes of sessions that the same client can never open. `protocol` is not among
 * them: during a deploy, another program may answer at the address.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  // of sessions
  "version",
  "codec",
  // of transports
  "forbidden",
  "permission",
  "unsupported",
  "address-invalid",
]);

/** A slot for one session. */
export class SessionSlot<P extends AnyProtocol, Address>
  implements LinkObserver<P> {
  /** The session for new calls, if it is open. */
  session: ClientSessionImpl<P> | undefined = undefined;
  /** Time in ms at which the session was opened. */
  openedAt = 0;
  /** Number of attempts since the last session. */
  #attempt = 0;
  #state: SlotState = "idle";
  readonly #host: SlotHost<P, Address>;
  readonly #controller: AbortController = new AbortController();
  /** Sessions that drain, or whose connections are not closed yet. */
  readonly #ending: Set<ClientSessionImpl<P>> = new Set();
  #endPause: (() => void) | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Address of the session. */
  #listed: ListedAddress<Address> | undefined = undefined;
  /** A session that the server opened instead of resuming the last one. */
  #replacement: ClientSessionImpl<P> | undefined = undefined;
  /** Whether the last attempt was refused because of its credentials. */
  #unauthenticated = false;

  /** Whether the slot keeps the process alive. */
  ref = true;
  #running: Promise<void> | undefined = undefined;
  /** Whether broadcasts reach the client through the session of another slot. */
  readonly secondary: boolean;

  /**
   * @param host the client
   * @param secondary whether another slot receives broadcasts
   */
  constructor(host: SlotHost<P, Address>, secondary: boolean) {
    this.#host = host;
    this.secondary = secondary;
  }

  /** Number of attempts since the last session, with one in progress. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The current state. */
  get state(): SlotState {
    return this.#state;
  }

  /** The sessions whose connections are open. */
  get sessions(): ClientSessionImpl<P>[] {
    return this.session === undefined
      ? [...this.#ending]
      : [this.session, ...this.#ending];
  }

  /** Keeps a session open until the slot is closed or refused; has begun at most once. */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (await this.#connectWhenDue()) {
      const { session } = this;
      if (session !== undefined) await this.#live(session);
    }
  }

  /**
   * Closes the slot: no attempt begins any more.
   *
   * @param reason the reason of the signal for an attempt in progress
   */
  close(reason: unknown): void {
    if (this.#on("close")) this.#stop(reason);
  }

  /**
   * Makes no more attempts, because another slot was refused for good.
   *
   * @param reason as in `close()`
   */
  refuse(reason: unknown): void {
    if (this.#on("refuse")) this.#stop(reason);
  }

  /**
   * Ends the attempts. The session stays among `sessions` until it is closed, so
   * that `close()` can end a drain.
   */
  #stop(reason: unknown): void {
    if (this.session !== undefined) this.#keepUntilClosed(this.session);
    this.session = undefined;
    this.#controller.abort(reason);
    this.#endPause?.();
  }

  /**
   * Ends a pause: the next attempt begins at once. The time that a server asked
   * for still counts.
   */
  endPause(): void {
    this.#endPause?.();
  }

  /**
   * Called when the list of addresses has changed.
   *
   * A session at an address that has left the list drains, and the slot opens the
   * next one first. One without a connection is still resumed. A pause ends,
   * because other servers may accept the client now.
   */
  onAddressesChanged(): void {
    this.#endPause?.();
    if (this.#state !== "live") return;
    const { name } = this.#listed!; // set with the session
    if (this.#host.addresses.find(name) === undefined) {
      void this.session!.drain(); // set while it is live
    }
  }

  /** Sets whether the slot keeps the process alive. */
  setRef(ref: boolean): void {
    this.ref = ref;
    for (const session of this.sessions) {
      if (ref) session.ref();
      else session.unref();
    }
    setRef(this.#timer, ref);
  }

  #changed(
    kind: ClientEvent["kind"],
    { name }: ListedAddress<Address>,
    details: Pick<ClientEvent, "cause" | "delay"> = {},
  ): void {
    const attempt = this.#attempt;
    this.#host.changed({ kind, address: name, attempt, ...details });
    this.onAddressesChanged(); // the list may have changed meanwhile
  }

  get #goesOn(): boolean {
    return this.#state !== "closed" && this.#state !== "refused";
  }

  #on(event: SlotEvent): boolean {
    const next = SLOT[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  /** Makes one attempt; returns whether the slot goes on. */
  async #connectWhenDue(): Promise<boolean> {
    const { addresses } = this.#host;
    const replacement = this.#replacement;
    if (!this.#goesOn) return false;
    const listed = replacement === undefined
      ? addresses.take(performance.now())
      : this.#listed!; // the replacement is a session with the same server
    if (typeof listed === "number") {
      this.#on("pause");
      await this.#pause(listed);
      return this.#goesOn;
    }
    this.#on("attempt");
    this.#attempt++;
    this.#replacement = undefined;
    this.#changed("connecting", listed);
    try {
      const { signal } = this.#controller;
      const session = replacement ??
        await this.#host.connect(listed.address, signal, this);
      await this.#host.prepare(session, signal);
      if (!this.#on("open")) {
        await session.close();
        return false;
      }
      this.#opened(session, listed);
      return true;
    } catch (error) {
      return await this.#failed(listed, error);
    }
  }

  #opened(
    session: ClientSessionImpl<P>,
    listed: ListedAddress<Address>,
  ): void {
    this.session = session;
    this.openedAt = performance.now();
    if (!this.ref) session.unref();
    this.#unauthenticated = false;
    this.#host.addresses.opened(listed);
    this.#listed = listed;
    this.#changed("connected", listed);
    this.#attempt = 0;
  }

  async #failed(
    listed: ListedAddress<Address>,
    cause: unknown,
  ): Promise<boolean> {
    if (!this.#goesOn) return false;
    const { addresses, backoff, hasSession } = this.#host;
    const refused = this.#isRefusal(cause) && addresses.refused(listed);
    if (refused && !hasSession) { // a session says that a server takes the client
      this.#on("refuse");
      this.#changed("refused", listed, { cause });
      return false;
    }
    this.#on("fail");
    const now = performance.now();
    addresses.leave(listed, now + retryAfter(cause));
    const delay = Math.max(backoff.afterFailure(), addresses.wait(now));
    this.#changed("backing-off", listed, { cause, delay: Math.round(delay) });
    await this.#pause(delay);
    return this.#goesOn;
  }

  /** Returns whether the same attempt would be refused again. */
  #isRefusal(error: unknown): boolean {
    const known = error instanceof SessionError ||
      error instanceof TransportError;
    if (!known) return true; // such as a missing permission or a wrong option
    if (error.code !== "unauthenticated") return REFUSALS.has(error.code);
    const again = this.#host.freshCredentials && !this.#unauthenticated;
    this.#unauthenticated = true;
    return !again;
  }

  /** Waits for the end or the drain of the session, then pauses. */
  async #live(session: ClientSessionImpl<P>): Promise<void> {
    const reason = await endOrDrain(session);
    this.session = undefined;
    const { addresses, backoff } = this.#host;
    const listed = this.#listed!; // set with the session
    const now = performance.now();
    const drains = isDrain(reason.code);
    const replaced = this.#replacement !== undefined;
    if (!this.#on("end")) {
      return void this.#replacement?.close();
    }
    this.#keepUntilClosed(session);
    if (replaced) {
      return this.#changed("lost", listed, { cause: reason, delay: 0 });
    }
    addresses.leave(listed, now + reason.retryAfter);
    const lived = now - this.openedAt;
    const pause = drains
      ? backoff.afterDrain(lived, reason.spread)
      : backoff.afterLoss(lived, session.session.peer?.spread);
    const delay = Math.max(pause, addresses.wait(now));
    if (delay > 0) this.#on("pause");
    this.#changed(drains ? "draining" : "lost", listed, {
      cause: reason,
      delay: Math.round(delay),
    });
    await this.#pause(delay);
  }

  #keepUntilClosed(session: ClientSessionImpl<P>): void {
    this.#ending.add(session);
    session.closed.then(() => this.#ending.delete(session));
  }

  // ── events of the session's connection ─────────────────────────────────

  /** @inheritdoc */
  onChanged(change: "resuming" | "resumed", cause?: SessionError): void {
    // A session that is being prepared has no state of its own.
    if (!this.#on(change === "resuming" ? "cut" : "resume")) return;
    this.#changed(change, this.#listed!, { cause }); // set with the session
  }

  /**
   * @inheritdoc
   *
   * The replacement of a short session is closed: the pause that follows such a
   * session bounds the attempts to connect to a server that keeps cutting them.
   */
  onReplaced(session: ClientSessionImpl<P>): void {
    const lasted = performance.now() - this.openedAt >= STABLE;
    if (this.#state === "resuming" && lasted) {
      this.#replacement = session;
      return;
    }
    this.#keepUntilClosed(session);
    session.close();
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || !this.#goesOn) return;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      this.#timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
      if (!this.ref) setRef(this.#timer, false);
    });
    clearTimeout(this.#timer);
    this.#timer = this.#endPause = undefined;
  }
}

/** Returns the pause that the server asked for, in ms. */
function retryAfter(error: unknown): number {
  const named = error instanceof SessionError ||
    error instanceof TransportError;
  return named ? error.retryAfter : 0;
}

/** Resolves when the session ends, or when its server drains it. */
async function endOrDrain<P extends AnyProtocol>(
  session: ClientSessionImpl<P>,
): Promise<SessionError> {
  const { draining } = session;
  if (!draining.aborted) {
    await new Promise((resolve) =>
      draining.addEventListener("abort", resolve, { once: true })
    );
  }
  return draining.reason; // a SessionError, also at the end of the session
}
