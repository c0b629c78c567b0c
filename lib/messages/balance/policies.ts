/**
 * The policies by which clients spread their calls.
 *
 * @module
 */
import { checkOptions } from "../support/check_options.ts";
import { describeType } from "../../support/describe_type.ts";
import type { BalancePolicy, UsablePolicy } from "../client/balance_policy.ts";
import { AddressSessions } from "./address_sessions.ts";
import { Ejection } from "./ejection.ts";
import {
  type EjectionOptions,
  type ResolvedEjection,
  resolveEjection,
} from "./ejection_options.ts";
import { byKey, type KeyedCall } from "./keyed_picker.ts";
import { inTurn, lessLoaded, type Picker } from "./picker.ts";

/**
 * Options of all policies.
 *
 * @category Policies
 */
export interface BalanceOptions {
  /**
   * When an address whose calls fail receives none for a while; `false` for never.
   *
   * @default {{}}
   */
  eject?: EjectionOptions | false | undefined;
}

/**
 * Options for {@linkcode rendezvousHash}.
 *
 * @category Policies
 */
export interface RendezvousHashOptions extends BalanceOptions {
  /**
   * Returns the key of a call, if it has one.
   *
   * Without one (`undefined`), any server may receive the call. If it throws, the call fails with the error.
   */
  key: (call: KeyedCall) => string | undefined;
}

/**
 * Returns a policy by which servers receive calls in turn.
 *
 * Each client begins with a random one.
 *
 * @param options when addresses are ejected
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { roundRobin } from "@lengthwise/lengthwise/balance";
 * import { assertEquals } from "@std/assert";
 *
 * const Place = protocol({ name: "place", server: { name: unary<void, string>() } });
 * await using a = await serve(Place, { port: 0 }).handle({ name: () => "a" });
 * await using b = await serve(Place, { port: 0 }).handle({ name: () => "b" });
 *
 * await using client = createClient(Place, [a.addr, b.addr], { balance: roundRobin() });
 * for await (const { kind } of client.events()) {
 *   if (kind === "connected" && client.stats.sessions.open === 2) break;
 * }
 * const names = [await client.remote.name(), await client.remote.name()];
 * assertEquals(names.toSorted(), ["a", "b"]);
 * ```
 *
 * @category Policies
 */
export function roundRobin(options: BalanceOptions = {}): BalancePolicy {
  return policyOf("roundRobin", options, OPTIONS, () => inTurn(Math.random));
}

/**
 * Returns a policy that prefers the less loaded of two servers.
 *
 * For each call, it compares two random ones. The load is the number of this
 * client's calls in flight, so a slow server receives fewer. Two are compared
 * instead of all, because many clients would otherwise choose the same one.
 *
 * @param options when addresses are ejected
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { leastRequest } from "@lengthwise/lengthwise/balance";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using a = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 * await using b = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 *
 * await using client = createClient(Echo, [a.addr, b.addr], { balance: leastRequest() });
 * assertEquals(await client.remote.echo("hello"), "hello");
 * ```
 *
 * @category Policies
 */
export function leastRequest(options: BalanceOptions = {}): BalancePolicy {
  return policyOf(
    "leastRequest",
    options,
    OPTIONS,
    () => lessLoaded(Math.random),
  );
}

/**
 * Returns a policy that sends equal keys to the same server.
 *
 * All clients with the same addresses choose the same server (rendezvous
 * hashing). If one of n servers leaves, only its keys move, about 1 / n of all,
 * and they return with it. A server without a session, or that is ejected, counts
 * as gone, so the key is a hint: it finds a warm cache, and is no lock. Calls
 * without a key use `leastRequest()`.
 *
 * The name of an address decides, so it should outlive a deploy: use host names
 * or connectors, since new ports and addresses of pods move all keys.
 *
 * @param options the key of a call, and when addresses are ejected
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown, or the key is not a function
 *
 * @example Keep the carts of a user in the cache of one server
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { rendezvousHash } from "@lengthwise/lengthwise/balance";
 * import { assertEquals } from "@std/assert";
 *
 * const Cart = protocol({ name: "cart", server: { add: unary<string, string>() } });
 * await using a = await serve(Cart, { port: 0 }).handle({ add: () => "a" });
 * await using b = await serve(Cart, { port: 0 }).handle({ add: () => "b" });
 *
 * await using client = createClient(Cart, [a.addr, b.addr], {
 *   balance: rendezvousHash({ key: ({ metadata }) => metadata["user"] }),
 * });
 * for await (const { kind } of client.events()) {
 *   if (kind === "connected" && client.stats.sessions.open === 2) break;
 * }
 * const add = (sku: string) => client.remote.add(sku, { metadata: { user: "ada" } });
 * assertEquals(await add("A-1"), await add("B-2"));
 * ```
 *
 * @category Policies
 */
export function rendezvousHash(options: RendezvousHashOptions): BalancePolicy {
  const known = { ...OPTIONS, key: true } as const; // the values are names only
  const picker = () => byKey(key, lessLoaded(Math.random));
  const policy = policyOf("rendezvousHash", options, known, picker);
  const { key } = options;
  if (typeof key === "function") return policy;
  throw new TypeError(
    `Cannot use ${
      describeType(key)
    } as the option "key" of rendezvousHash(): expected a function`,
  );
}

const OPTIONS = { eject: true } as const; // the values are names only

function policyOf(
  policy: string,
  options: BalanceOptions,
  known: Readonly<Record<string, true>>,
  picker: () => Picker,
): UsablePolicy {
  const where = `${policy}()`;
  checkOptions(where, options, known);
  const { eject: given = {} } = options;
  const eject: ResolvedEjection = resolveEjection(where, given);
  const usable: UsablePolicy = {
    policy,
    start: (client, { reconnect }, { handlers }) =>
      new AddressSessions(client, {
        policy,
        reconnect,
        ejection: new Ejection(eject),
        pick: picker(),
        isCalled: handlers.length > 0,
      }),
  };
  return Object.freeze(usable);
}
