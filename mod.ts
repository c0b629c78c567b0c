/**
 * Typed messages over length-prefixed frames over sockets.
 *
 * @example A server and a client
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Greeter = protocol({
 *   name: "greeter",
 *   server: { greet: unary<{ name: string }, string>() },
 * });
 *
 * await using server = await serve(Greeter, {
 *   greet: ({ name }) => `Hello, ${name}`,
 * }, { port: 0 });
 *
 * await using session = await connect(Greeter, server.addr);
 * assertEquals(await session.remote.greet({ name: "Ada" }), "Hello, Ada");
 * ```
 *
 * @module
 */
export * from "./lib/messages/mod.ts";
export * as framing from "./lib/framing/mod.ts";
export * as transport from "./lib/transport/mod.ts";
