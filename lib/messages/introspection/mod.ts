/**
 * Introspection: descriptions of protocols, and differences between them.
 *
 * A server that also serves {@linkcode Introspection} describes its methods to
 * any client. {@linkcode compareWithServer} compares a server's methods with a
 * client's protocol, for example before you deploy the client, and
 * {@linkcode diffMethods} compares two descriptions without a server.
 *
 * @example Ask a server for its methods
 * ```ts
 * import { connect, mergeProtocols, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { introspect, Introspection } from "@lengthwise/lengthwise/introspection";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, number>() },
 * });
 * const Served = mergeProtocols(Shop, Introspection);
 *
 * await using server = await serve(Served, { port: 0 }).handle({
 *   price: ({ sku }) => sku.length * 100,
 *   ...introspect(Shop),
 * });
 * await using session = await connect(Served, server.addr);
 * const { name } = await session.remote.introspection.describe();
 * assertEquals(name, "shop");
 * ```
 *
 * Read next: [Change a protocol](/lib/guides/evolving.md), which explains
 * when two versions of a protocol can talk to each other.
 *
 * @module
 */
export * from "./introspection_service.ts";
export {
  describeProtocol,
  type MethodDescription,
  type ProtocolDescription,
} from "./describe_protocol.ts";
export {
  describeDifferences,
  type DifferenceKind,
  diffMethods,
  type MethodDifference,
  type MethodLists,
} from "./protocol_diff.ts";
