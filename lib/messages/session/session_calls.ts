/**
 * The session commands for calls and credentials.
 *
 * @module
 */
import type { CallError } from "../errors/call_error.ts";
import { NO_FIELDS } from "./wire/fields.ts";
import type { MethodInfo } from "./wire/hello.ts";
import type { IncomingCall } from "./calls/incoming_call.ts";
import type { SessionStream } from "./flow/shared_state.ts";
import {
  unservedError,
  type UnservedReason,
} from "./control/method_matching.ts";
import type { OpenOptions, OutgoingCall } from "./calls/outgoing_call.ts";
import { SessionCore, unavailable } from "./session_core.ts";
import { MAY_CALL } from "./session_state.ts";
import { maySendItem, sendItem } from "./flow/waiting_items.ts";
import { discardItems, takeItem } from "./flow/received_items.ts";

/** The session commands for calls and credentials. */
export abstract class SessionCalls extends SessionCore {
  /** Methods that the peer does not serve, with the reason. */
  protected unserved: ReadonlyMap<number, UnservedReason> = new Map();

  /**
   * Starts a call.
   *
   * @throws {CallError} `unavailable`, `unimplemented`, `overloaded` or
   * `too-large`
   * @throws {CodecError} if the codec cannot encode the input
   */
  call(options: OpenOptions, now: number): OutgoingCall {
    this.shared.now = now;
    this.#checkServed(options);
    return this.caller.open(options);
  }

  /**
   * Sends a notification; throws like {@linkcode SessionCalls.call}.
   */
  notify(
    options: Omit<OpenOptions, "observer" | "timeout">,
    now: number,
  ): void {
    this.shared.now = now;
    this.#checkServed(options);
    this.caller.notify(options);
  }

  #checkServed(
    { method, info }: { readonly method: number; readonly info: MethodInfo },
  ): void {
    if (!MAY_CALL[this.state]) {
      throw unavailable(
        "the handshake is not complete; wait until the session is open",
      );
    }
    if (this.unserved.size === 0) return;
    const reason = this.unserved.get(method);
    if (reason !== undefined) throw unservedError(info.name, reason);
  }

  /**
   * Whether a value is being encoded. Commands that send frames throw while it
   * is: a getter or `toJSON` of the value must not call them.
   */
  get encoding(): boolean {
    return this.shared.writer.encoding;
  }

  /**
   * Whether a notification can be sent now without queueing. If not, the
   * session calls `SessionHost.onRoom` once it can.
   */
  get mayNotify(): boolean {
    return this.state === "open" && this.caller.mayNotify;
  }

  /**
   * Sends a notification whose body is already encoded with this session's
   * codec; throws like {@linkcode SessionCalls.call}.
   */
  notifyEncoded(
    message: { method: number; info: MethodInfo; body: Uint8Array },
    now: number,
  ): void {
    this.shared.now = now;
    this.#checkServed(message);
    this.caller.notifyEncoded(message.method, message.info, message.body);
  }

  /**
   * Whether an item may be sent now. If not, the session calls the observer's
   * `onSendable` once it may.
   */
  maySendItem(call: SessionStream): boolean {
    return maySendItem(this.shared, call);
  }

  /**
   * Sends an item; call it only if {@linkcode SessionCalls.maySendItem} returns
   * `true`.
   *
   * @returns whether the item was accepted; `false` for a large item that does
   * not fit now: the session calls `onSendable` once there is room
   */
  sendItem(call: SessionStream, value: unknown, now: number): boolean {
    this.shared.now = now;
    return sendItem(this.shared, call, value);
  }

  /**
   * Returns the next item. If none has arrived, returns `undefined`, and the
   * observer's `onItem` receives the item later.
   */
  takeItem(call: SessionStream, now: number): Uint8Array | undefined {
    this.shared.now = now;
    return takeItem(this.shared, call);
  }

  /** Drops the waiting items of a call and grants no more credit. */
  dropItems(call: SessionStream, now: number): void {
    this.shared.now = now;
    discardItems(this.shared, call.receiveWindow);
  }

  /** Ends the items that this side sends for one of its calls. */
  endItems(call: OutgoingCall, now: number): void {
    this.shared.now = now;
    this.caller.endItems(call);
  }

  /** Cancels one of this side's calls. */
  cancel(
    call: OutgoingCall,
    reason: {
      code: "cancelled" | "deadline";
      message: string;
      cause?: unknown;
    },
    now: number,
  ): void {
    this.shared.now = now;
    this.caller.giveUp(call, reason);
    this.reportRoom();
  }

  /** Calls `SessionHost.onRoom` if notifications can be sent again. */
  protected reportRoom(): void {
    if (this.mayNotify) this.options.host.onRoom();
  }

  /** Ends one of the peer's calls with its result. */
  respond(
    call: IncomingCall,
    value: unknown,
    now: number,
    fields: Uint8Array = NO_FIELDS,
  ): void {
    this.shared.now = now;
    this.callee.responses.respond(call, value, fields);
    this.draining.finishIfIdle();
  }

  /** Ends one of the peer's calls with an error. */
  fail(call: IncomingCall, error: CallError, now: number): void {
    this.shared.now = now;
    this.callee.responses.fail(call, error);
    this.draining.finishIfIdle();
  }

  // ── credentials ────────────────────────────────────────────────────────

  /**
   * Sends new credentials (client only).
   *
   * @returns the id that `SessionHost.onRefreshed` receives
   * @throws {CallError} `unavailable`, `overloaded` or `too-large`
   * @throws {CodecError} if the codec cannot encode the credentials
   */
  refresh(credentials: unknown, now: number): number {
    this.shared.now = now;
    if (this.state !== "open") {
      throw unavailable("the session is not open", "send credentials");
    }
    return this.credentialRefresh.send(credentials);
  }

  /** Accepts new credentials (server only). */
  refreshed(id: number, now: number): void {
    this.shared.now = now;
    this.credentialRefresh.accept(id);
  }

  /** Rejects new credentials and closes the connection (server only). */
  rejectRefresh(message: string, now: number): void {
    this.shared.now = now;
    this.abort("unauthenticated", message);
  }
}
