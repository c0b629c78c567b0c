/**
 * The addresses of a client's servers, in their order.
 *
 * @module
 */

/** An address, and how often it failed. */
export interface ListedAddress<Address> {
  /** The address. */
  readonly address: Address;
  /** Its URL form, for events and errors. */
  readonly name: string;
}

interface Entry<Address> extends ListedAddress<Address> {
  /** Time in ms before which the server wants no attempt. */
  notBefore: number;
  /** Whether its last attempt was refused for good. */
  refused: boolean;
}

/** Addresses that take turns. */
export class AddressList<Address> {
  readonly #entries: Entry<Address>[];

  /**
   * @param addresses the addresses; at least one
   * @throws {RangeError} if the list is empty
   */
  constructor(addresses: readonly ListedAddress<Address>[]) {
    if (addresses.length === 0) {
      throw new RangeError(
        "Cannot create a client as the list of addresses is empty",
      );
    }
    this.#entries = addresses.map((listed) => ({
      ...listed,
      notBefore: -Infinity,
      refused: false,
    }));
  }

  /** Returns the next address, and the ms to wait for it. */
  next(now: number): { listed: ListedAddress<Address>; wait: number } {
    const [first] = this.#entries;
    let best = first!; // the constructor requires one
    for (const entry of this.#entries) {
      if (entry.notBefore <= now) return { listed: entry, wait: 0 };
      if (entry.notBefore < best.notBefore) best = entry;
    }
    return { listed: best, wait: best.notBefore - now };
  }

  /** Records that a session was opened. */
  opened(listed: ListedAddress<Address>): void {
    for (const entry of this.#entries) {
      if (entry === listed) entry.refused = false;
    }
  }

  /** Moves an address to the end; until a time, it is not used. */
  leave(listed: ListedAddress<Address>, notBefore: number): void {
    const index = this.#entries.findIndex((entry) => entry === listed);
    const [entry] = this.#entries.splice(index, 1);
    if (entry === undefined) return;
    entry.notBefore = Math.max(entry.notBefore, notBefore);
    this.#entries.push(entry);
  }

  /** Records a permanent refusal; returns whether all addresses have refused. */
  refused(listed: ListedAddress<Address>): boolean {
    for (const entry of this.#entries) {
      if (entry === listed) entry.refused = true;
    }
    return this.#entries.every(({ refused }) => refused);
  }
}
