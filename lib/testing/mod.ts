/**
 * Test helpers: a connected pair, a simulated network, and compliance suites.
 *
 * - {@linkcode testPair} connects a client to a server in memory.
 * - {@linkcode memoryPair} creates two connected ends, and can simulate latency,
 *   small reads, partial writes, cuts and stalls.
 * - {@linkcode virtualTime} lets a test advance the clock, and
 *   {@linkcode simulatedNetwork} connects clients to servers over links that
 * the   test cuts and stalls. Together they show in milliseconds, and in the
 * same way   each time, how an application survives hours of failures.
 * - {@linkcode checkTransport}, {@linkcode checkFraming}, {@linkcode checkCodec}
 *   and {@linkcode checkBus} check your own transport, framing, codec or bus
 *   against its contract. They need no test framework.
 *
 * @example Call a handler in a test
 * ```ts
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { testPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, number>() },
 * });
 *
 * Deno.test("price() returns cents", async () => {
 *   await using pair = await testPair(Shop).handle({
 *     price: ({ sku }) => sku.length * 100,
 *   });
 *   assertEquals(await pair.session.remote.price({ sku: "A-1" }), 300);
 * });
 * ```
 *
 * Read next: [Test in memory and in virtual time](/lib/guides/testing.md), and
 * [The compliance suite](/lib/framing/README.md#the-compliance-suite) for your
 * own framing.
 *
 * @module
 */
export { type TestPair, testPair, type TestPairOptions } from "./test_pair.ts";
export { type VirtualTime, virtualTime } from "./virtual_time.ts";
export {
  type SimulatedNetwork,
  simulatedNetwork,
} from "./simulated_network.ts";
export type { SimulatedLink } from "./simulated_link.ts";
export type { MemoryFault } from "../transport/memory/memory_pipe.ts";
export {
  type MemoryLinkOptions,
  memoryPair,
  type MemoryPairOptions,
} from "../transport/memory/memory_pair.ts";
export { checkTransport } from "./check_transport.ts";
export { checkFraming } from "./check_framing.ts";
export { checkCodec } from "./check_codec.ts";
export { checkBus } from "./check_bus.ts";
