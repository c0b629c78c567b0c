/**
 * The commands of a session that concern calls and credentials.
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
import {
  discardItems,
  maySendItem,
  sendItem,
  takeItem,
} from "./flow/stream_items.ts";

/** Calls and credentials. */
export abstract class SessionCalls extends SessionCore {
  /** Methods that the peer does not serve, and why not. */
  protected unserved: ReadonlyMap<number, UnservedReason> = new Map();

  /**
   * Begins a call.
   *
   * @throws {CallError} `unavailable`, `unimplemented`, `overloaded`, `too-large`
   * @throws {CodecError} for an input that has no encoding
   */
  call(options: OpenOptions, now: number): OutgoingCall {
    this.shared.now = now;
    this.#checkServed(options);
    return this.caller.open(options);
  }

  /**
   * Sends a notification; errors as {@linkcode SessionCalls.call}.
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
      throw unavailable("the handshake has not come that far");
    }
    if (this.unserved.size === 0) return;
    const reason = this.unserved.get(method);
    if (reason !== undefined) throw unservedError(info.name, reason);
  }

  /** A value is being encoded: none of the commands that send can be given from inside it. */
  get encoding(): boolean {
    return this.shared.writer.encoding;
  }

  /** Whether a notification may leave now without piling up; if not, the host is told when. */
  get mayNotify(): boolean {
    return this.state === "open" && this.caller.mayNotify;
  }

  /**
   * Sends a notification whose body has been encoded before, by this session's
   * codec; errors as {@linkcode SessionCalls.call}.
   */
  notifyEncoded(
    message: { method: number; info: MethodInfo; body: Uint8Array },
    now: number,
  ): void {
    this.shared.now = now;
    this.#checkServed(message);
    this.caller.notifyEncoded(message.method, message.info, message.body);
  }

  /** Whether an item may be sent now; if not, the observer is told when. */
  maySendItem(call: SessionStream): boolean {
    return maySendItem(this.shared, call);
  }

  /**
   * Sends an item; {@linkcode SessionCalls.maySendItem} has said that it may.
   *
   * @returns whether it was taken; if not, it is large, and the observer is
   * told when there is room for it
   */
  sendItem(call: SessionStream, value: unknown, now: number): boolean {
    this.shared.now = now;
    return sendItem(this.shared, call, value);
  }

  /** The next item, or `undefined`: the observer is told of it when it comes. */
  takeItem(call: SessionStream, now: number): Uint8Array | undefined {
    this.shared.now = now;
    return takeItem(this.shared, call);
  }

  /** Nobody wants the items of a call any more: those that wait are dropped, and no more is granted. */
  dropItems(call: SessionStream, now: number): void {
    this.shared.now = now;
    discardItems(this.shared, call.receiveWindow);
  }

  /** Ends our items of a call that we made. */
  endItems(call: OutgoingCall, now: number): void {
    this.shared.now = now;
    this.caller.endItems(call);
  }

  /** Cancels a call that we made. */
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
    this.offerRoom();
  }

  /** What waited in front of notifications to many may have gone. */
  protected offerRoom(): void {
    if (this.mayNotify) this.options.host.onRoom();
  }

  /** Ends a call of the peer's with its result. */
  respond(
    call: IncomingCall,
    value: unknown,
    now: number,
    fields: Uint8Array = NO_FIELDS,
  ): void {
    this.shared.now = now;
    this.callee.answers.respond(call, value, fields);
    this.draining.check();
  }

  /** Ends a call of the peer's with an error. */
  fail(call: IncomingCall, error: CallError, now: number): void {
    this.shared.now = now;
    this.callee.answers.fail(call, error);
    this.draining.check();
  }

  // ── credentials ────────────────────────────────────────────────────────

  /**
   * Sends new credentials (client).
   *
   * @returns the id under which `SessionHost.onRefreshed` is called
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   * @throws {CodecError} for credentials that have no encoding
   */
  refresh(credentials: unknown, now: number): number {
    this.shared.now = now;
    if (this.state !== "open") {
      throw unavailable("there is no open connection");
    }
    return this.credentialRefresh.send(credentials);
  }

  /** Says that the new credentials hold (server). */
  refreshed(id: number, now: number): void {
    this.shared.now = now;
    this.credentialRefresh.answer(id);
  }

  /** Says that the new credentials do not hold (server): the connection ends. */
  rejectRefresh(message: string, now: number): void {
    this.shared.now = now;
    this.abort("unauthenticated", message);
  }
}
