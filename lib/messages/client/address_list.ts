/**
 * The addresses of a client's servers, and how many slots use each.
 *
 * @module
 */

/** An address. */
export interface ListedAddress<Address> {
  /** The address. */
  readonly address: Address;
  /** Its URL form, for events and errors. */
  readonly name: string;
}

/** An address with its state. */
export interface Entry<Address> extends ListedAddress<Address> {
  /** Number of slots that use it: they connect, or have a session. */
  users: number;
  /** Whether the last attempt or session there has ended. */
  left: boolean;
  /** Time in ms before which the server wants no attempt. */
  notBefore: number;
  /** Whether it has refused for good since a session was opened. */
  refused: boolean;
}

/** Addresses that take turns. */
export class AddressList<Address> {
  /** The addresses, the next one first. */
  entries: Entry<Address>[];

  /** @param addresses the addresses */
  constructor(addresses: readonly ListedAddress<Address>[]) {
    this.entries = addresses.map(entryOf);
  }

  /** Number of addresses. */
  get size(): number {
    return this.entries.length;
  }

  /** Returns the address with a name, if the list has it. */
  find(name: string): Address | undefined {
    return this.entries.find((entry) => entry.name === name)?.address;
  }

  /**
   * Takes the first address with the fewest users.
   *
   * Only addresses that permit an attempt count. `leave()` returns it.
   *
   * An address that was left counts as one user, so that a slot does not try the
   * same server again while others are up.
   *
   * @returns the address, or the ms to wait until one permits an attempt;
   * `Infinity` if the list is empty
   */
  take(now: number): ListedAddress<Address> | number {
    let best: Entry<Address> | undefined;
    for (const entry of this.entries) {
      if (entry.notBefore > now) continue;
      if (best === undefined || weight(entry) < weight(best)) best = entry;
    }
    if (best === undefined) return this.wait(now);
    best.users++;
    return best;
  }

  /** Returns the ms until an address permits an attempt; `Infinity` without one. */
  wait(now: number): number {
    const times = this.entries.map(({ notBefore }) => notBefore);
    return Math.max(0, Math.min(...times) - now);
  }

  /**
   * Records that a session was opened. Earlier refusals no longer count: they may
   * be long ago.
   */
  opened(listed: ListedAddress<Address>): void {
    for (const entry of this.entries) {
      entry.refused = false;
      if (entry === listed) entry.left = false;
    }
  }

  /** Returns an address and moves it to the end; until a time, it is not used. */
  leave(listed: ListedAddress<Address>, notBefore: number): void {
    const entry = this.entries.find((entry) => entry === listed);
    if (entry === undefined) return; // it is no longer listed
    entry.users--;
    entry.left = true;
    entry.notBefore = Math.max(entry.notBefore, notBefore);
    const others = this.entries.filter((other) => other !== entry);
    this.entries = [...others, entry];
  }

  /** Records a permanent refusal; returns whether all addresses have refused. */
  refused(listed: ListedAddress<Address>): boolean {
    for (const entry of this.entries) {
      if (entry === listed) entry.refused = true;
    }
    return this.size > 0 && this.entries.every(({ refused }) => refused);
  }
}

/** Returns an address of which nothing is known. */
export function entryOf<Address>(
  listed: ListedAddress<Address>,
): Entry<Address> {
  return {
    ...listed,
    users: 0,
    left: false,
    notBefore: -Infinity,
    refused: false,
  };
}

function weight({ users, left }: Entry<unknown>): number {
  return left ? users + 1 : users;
}
