/**
 * Policies by which clients spread their calls over several servers.
 *
 * Without a policy, a client has one session at a time. With the option
 * `balance` of `createClient()`, it has one for each of its addresses, also if
 * they change, and the policy chooses the server of each call:
 *
 * | policy                     | server                                                             |
 * | -------------------------- | ------------------------------------------------------------------ |
 * | {@linkcode roundRobin}     | each in turn                                                       |
 * | {@linkcode leastRequest}   | of two random ones, that with fewer calls in flight                |
 * | {@linkcode rendezvousHash} | the one to which the call's key belongs, as long as it can be used |
 *
 * All of them eject addresses whose calls fail: for a while, these receive none.
 * The option `eject` says when.
 *
 * @example Spread calls over the servers of a name
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { leastRequest } from "@lengthwise/lengthwise/balance";
 * import { dns } from "@lengthwise/lengthwise/dns";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 *
 * const { port = 0 } = server.addr;
 * await using client = createClient(Echo, dns("localhost", { port, family: 4 }), {
 *   balance: leastRequest({ eject: { consecutiveFailures: 3 } }),
 * });
 * assertEquals(await client.remote.echo("hello"), "hello");
 * for (const [address, { calls }] of Object.entries(client.stats.balance?.addresses ?? {})) {
 *   console.log(address, calls);
 * }
 * ```
 *
 * [Choose servers](/lib/messages/README.md#choose-servers) has the details, and
 * compares them with the policies of gRPC.
 *
 * @module
 */
export {
  type BalanceOptions,
  leastRequest,
  rendezvousHash,
  type RendezvousHashOptions,
  roundRobin,
} from "./policies.ts";
export type { BalancePolicy } from "../client/balance_policy.ts";
export type { AddressFigures, BalanceFigures } from "../observe/stats.ts";
export type { EjectionOptions } from "./ejection_options.ts";
export type { KeyedCall } from "./keyed_picker.ts";
