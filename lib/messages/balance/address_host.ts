/**
 * A client as the slot of one address sees it: the slot uses no other address,
 * and its pauses are its own.
 *
 * @module
 */
import type { Entry, ListedAddress } from "../client/address_list.ts";
import { AddressList } from "../client/address_list.ts";
import { Backoff, type BackoffOptions } from "../client/backoff.ts";
import type { ClientEvent } from "../client/client_events.ts";
import type { ClientSessionImpl } from "../client/open_session.ts";
import type {
  SessionSlot,
  SlotAddresses,
  SlotHost,
} from "../client/session_slot.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";

/** One address of a list, or none. */
class OneAddress<Address> implements SlotAddresses<Address> {
  readonly #all: SlotAddresses<Address>;
  readonly #own: AddressList<Address> = new AddressList<Address>([]);

  constructor(all: SlotAddresses<Address>, entry: Entry<Address> | undefined) {
    this.#all = all;
    if (entry !== undefined) this.#own.entries = [entry];
  }

  take(now: number): ListedAddress<Address> | number {
    return this.#own.take(now);
  }

  wait(now: number): number {
    return this.#own.wait(now);
  }

  leave(listed: ListedAddress<Address>, notBefore: number): void {
    this.#own.leave(listed, notBefore);
  }

  // A client ends if all of its addresses refuse it.

  find(name: string): Address | undefined {
    return this.#all.find(name);
  }

  opened(listed: ListedAddress<Address>): void {
    this.#all.opened(listed);
  }

  refused(listed: ListedAddress<Address>): boolean {
    return this.#all.refused(listed);
  }
}

/** The client of a slot for one address. */
export class AddressHost<P extends AnyProtocol, Address>
  implements SlotHost<P, Address> {
  readonly addresses: SlotAddresses<Address>;
  readonly backoff: Backoff;
  readonly #host: SlotHost<P, Address>;

  /**
   * @param host the client
   * @param reconnect bounds of the pauses
   * @param entry the address; a slot without one never connects
   */
  constructor(
    host: SlotHost<P, Address>,
    reconnect: BackoffOptions,
    entry?: Entry<Address>,
  ) {
    this.#host = host;
    this.addresses = new OneAddress(host.addresses, entry);
    this.backoff = new Backoff(reconnect, Math.random);
  }

  get freshCredentials(): boolean {
    return this.#host.freshCredentials;
  }

  get hasSession(): boolean {
    return this.#host.hasSession;
  }

  connect(
    address: Address,
    signal: AbortSignal,
    slot: SessionSlot<P, Address>,
  ): Promise<ClientSessionImpl<P>> {
    return this.#host.connect(address, signal, slot);
  }

  prepare(session: ClientSessionImpl<P>, signal: AbortSignal): Promise<void> {
    return this.#host.prepare(session, signal);
  }

  changed(change: Omit<ClientEvent, "status">): void {
    this.#host.changed(change);
  }
}
