/**
 * Lists of addresses that change, and how clients choose among them.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { pause } from "../support/keep_alive.ts";
import {
  type AddressList,
  entryOf,
  type ListedAddress,
} from "./address_list.ts";
import type { ClientAddress } from "./connector.ts";
import { rendezvous } from "./rendezvous.ts";

/** Returns the lists of addresses, each of which replaces the one before. */
export type EndpointSource = (
  signal: AbortSignal,
) => AsyncIterable<readonly ClientAddress[]>;

/** How a client uses a list of addresses. */
export interface EndpointChoice {
  /** Whether to use the addresses in a random order. */
  readonly shuffle: boolean;
  /** Number of addresses to use. */
  readonly subset: number;
  /** Random text by which clients choose different subsets. */
  readonly id: string;
}

/**
 * Replaces the addresses of a list; what is known of the remaining ones is kept.
 *
 * @param list the list, which slots use
 * @param addresses the new addresses
 */
export function replaceAddresses<Address>(
  list: AddressList<Address>,
  addresses: readonly ListedAddress<Address>[],
): void {
  const names = new Set(addresses.map(({ name }) => name));
  const kept = list.entries.filter(({ name }) => names.has(name));
  for (const { name } of kept) names.delete(name);
  const added = addresses.filter(({ name }) => names.has(name));
  list.entries = [...kept, ...added.map(entryOf)];
}

/** Returns the error of clients whose list of addresses is empty. */
export function emptyList(): Error {
  return new Error("The list of addresses is empty");
}

/** Receiver of the lists. */
export interface EndpointReceiver {
  /** Called with each list. */
  update(addresses: readonly ClientAddress[]): void;
  /** Called when the source has failed; it is asked again later. */
  failed(error: unknown): void;
  /** Aborted when no more lists are wanted. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two failures of a source: the least and the most. */
const FIRST_PAUSE = 1_000, LAST_PAUSE = 30_000;

/**
 * Returns the addresses that a client uses, in their order.
 *
 * @param nameOf returns the name of an address
 * @param random returns a number from 0 up to, but excluding, 1
 */
export function chooseEndpoints(
  addresses: readonly ClientAddress[],
  { shuffle, subset, id }: EndpointChoice,
  nameOf: (address: ClientAddress) => string,
  random: () => number,
): ClientAddress[] {
  const named = new Map(
    addresses.map((address) => [nameOf(address), address]),
  );
  const names = subset < named.size
    ? new Set(rendezvous(id, [...named.keys()], subset))
    : named;
  const chosen = [...named].filter(([name]) => names.has(name))
    .map(([, address]) => address);
  return shuffle ? shuffled(chosen, random) : chosen;
}

/** Returns the members in a random order (Fisher and Yates). */
function shuffled<T>(members: readonly T[], random: () => number): T[] {
  const result = [...members];
  for (let left = result.length; left > 1; left--) {
    const at = Math.floor(random() * left);
    const last = result[left - 1]!; // in range, as is the other
    result[left - 1] = result[at]!;
    result[at] = last;
  }
  return result;
}

/**
 * Reads a source until its end or the signal. The last list stays in use.
 *
 * @returns a promise that never rejects
 */
export async function watchEndpoints(
  source: EndpointSource,
  { update, failed, signal }: EndpointReceiver,
): Promise<void> {
  let next = FIRST_PAUSE;
  while (!signal.aborted) {
    try {
      for await (const list of source(signal)) {
        if (signal.aborted) return;
        if (!Array.isArray(list)) {
          throw new TypeError(
            `Cannot use ${
              describeType(list)
            } as a list of addresses: expected an array`,
          );
        }
        update(list);
        next = FIRST_PAUSE;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
    }
    await pause(next, signal, false);
    next = Math.min(2 * next, LAST_PAUSE);
  }
}
