/**
 * Sockets for Node.js 22 or later, and Bun.
 *
 * The library runs there as it is, except for sockets of the operating system.
 * After {@linkcode useNodeSockets}, addresses of TCP, TLS and Unix sockets work
 * as in Deno, in all other entries.
 *
 * @example A server and a client
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { useNodeSockets } from "@lengthwise/lengthwise/node";
 * import { assertEquals } from "@std/assert";
 *
 * useNodeSockets();
 *
 * const Greeter = protocol({
 *   name: "greeter",
 *   server: { greet: unary<{ name: string }, string>() },
 * });
 *
 * const server = await serve(Greeter, { port: 0 }).handle({
 *   greet: ({ name }) => `Hello, ${name}`,
 * });
 * const session = await connect(Greeter, server.addr);
 * assertEquals(await session.remote.greet({ name: "Ada" }), "Hello, Ada");
 * await session.close();
 * await server.shutdown();
 * ```
 *
 * [What runs where](/lib/node/README.md#where-the-library-runs).
 *
 * @module
 */
export { useNodeSockets } from "./use_node_sockets.ts";
