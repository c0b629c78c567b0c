/**
 * Policies by which clients spread their calls over servers.
 *
 * @module
 */
import type { SideTables } from "../connection/side_tables.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import type { AddressList } from "./address_list.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { ClientAddress } from "./connector.ts";
import type { SessionChoice } from "./session_choice.ts";
import type { SlotHost } from "./session_slot.ts";

/**
 * A policy by which a client spreads its calls over its servers.
 *
 * `roundRobin()`, `leastRequest()` and `rendezvousHash()` of
 * `@lengthwise/lengthwise/balance` return one. Pass it with the option `balance`
 * of `createClient()`.
 *
 * @category Clients
 */
export interface BalancePolicy {
  /** Name of the policy, for example `roundRobin`. */
  readonly policy: string;
}

/** A client that spreads its calls over its addresses. */
export interface BalancedClient<P extends AnyProtocol>
  extends SlotHost<P, ClientAddress> {
  /** All addresses. */
  readonly addresses: AddressList<ClientAddress>;
}

/**
 * Returns how a client spreads its calls.
 *
 * @param client the client
 * @param options bounds of the pauses between attempts to connect
 * @param tables its methods and handlers
 */
export type StartBalance = <P extends AnyProtocol>(
  client: BalancedClient<P>,
  options: { readonly reconnect: BackoffOptions },
  tables: SideTables,
) => SessionChoice<P>;

/** A policy that a client can use. */
export interface UsablePolicy extends BalancePolicy {
  /** Returns the choice of a client's sessions. */
  readonly start: StartBalance;
}
