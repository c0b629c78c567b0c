/**
 * How a client spreads its calls over sessions.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import type { ClientEvent } from "./client_events.ts";
import type { ClientAddress } from "./connector.ts";
import type { ClientSessionImpl } from "./open_session.ts";
import type { SessionSlot } from "./session_slot.ts";

/** A slot of a client. */
export type ClientSlot<P extends AnyProtocol> = SessionSlot<P, ClientAddress>;

/** The slots of a client, and the choice among their sessions. */
export interface SessionChoice<P extends AnyProtocol> {
  /** The slots, including ones that end. */
  readonly slots: readonly ClientSlot<P>[];
  /**
   * Returns the session for a call, if there is one.
   *
   * Without a call, returns a session that takes calls, and chooses none.
   *
   * @param info the method
   * @param input the input, or the items to send
   * @param options the options of the call
   */
  take(
    info?: BoundMethod,
    input?: unknown,
    options?: CallOptions,
  ): ClientSessionImpl<P> | undefined;
  /**
   * Called after each change.
   *
   * @param change the change of a slot; absent if the addresses have changed
   */
  onChanged?(change?: Omit<ClientEvent, "status">): void;
  /** More figures of the client. */
  readonly figures?: object;
}
