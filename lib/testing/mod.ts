/**
 * Test helpers: a connected pair, fault injection, and compliance suites.
 *
 * - {@linkcode testPair} connects a client to a server in memory.
 * - {@linkcode memoryPair} creates two connected ends, and can simulate latency,
 *   small reads, partial writes, cuts and stalls.
 * - {@linkcode checkTransport}, {@linkcode checkFraming} and
 *   {@linkcode checkCodec} check your own transport, framing or codec against
 *   the contract of its layer. They need no test framework.
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
 * Read next: "Embed a server, and test without sockets" in
 * `lib/messages/README.md`, and "The compliance suite" in
 * `lib/framing/README.md`.
 *
 * @module
 */
export { type TestPair, testPair, type TestPairOptions } from "./test_pair.ts";
export {
  type MemoryChunkSize,
  type MemoryFault,
  type MemoryLinkOptions,
  memoryPair,
  type MemoryPairOptions,
} from "../transport/memory/memory_pair.ts";
export * from "./check_transport.ts";
export * from "./check_framing.ts";
export * from "./check_codec.ts";
