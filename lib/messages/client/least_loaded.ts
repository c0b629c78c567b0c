/**
 * A fixed number of slots, which share all addresses. Each call uses the session
 * with the fewest calls.
 *
 * @module
 */
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import type { ClientAddress } from "./connector.ts";
import type { ClientSessionImpl } from "./open_session.ts";
import type { ClientSlot, SessionChoice } from "./session_choice.ts";
import { SessionSlot, type SlotHost } from "./session_slot.ts";

/** Chooses the session with the fewest calls. */
export class LeastLoaded<P extends AnyProtocol> implements SessionChoice<P> {
  readonly slots: readonly ClientSlot<P>[];
  /** Index of the slot that was used last; sessions with equal loads take turns. */
  #used = -1;

  /**
   * @param host the client
   * @param connections number of slots
   */
  constructor(host: SlotHost<P, ClientAddress>, connections: number) {
    this.slots = Array.from(
      { length: connections },
      (_, index) => new SessionSlot(host, index > 0),
    );
  }

  /**
   * Returns the open session with the fewest calls. Of several, it is the first
   * after the one that was used last.
   */
  take(info?: BoundMethod): ClientSessionImpl<P> | undefined {
    const { slots } = this;
    let least: ClientSessionImpl<P> | undefined;
    let used = this.#used;
    for (let step = 1; step <= slots.length; step++) {
      const at = (this.#used + step) % slots.length;
      const { session } = slots[at]!; // in range
      if (!session?.takesCalls) continue;
      if (least !== undefined && !isBetter(session, least)) continue;
      least = session;
      used = at;
    }
    if (info !== undefined) this.#used = used;
    return least;
  }
}

/** Returns whether a session should receive the next call. */
function isBetter<P extends AnyProtocol>(
  session: ClientSessionImpl<P>,
  other: ClientSessionImpl<P>,
): boolean {
  const cut = session.session.state === "cut";
  if (cut !== (other.session.state === "cut")) return !cut;
  return session.load < other.load;
}
