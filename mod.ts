/**
 * Typed calls, streams and messages between programs, over sockets.
 *
 * Declare a protocol once, serve it with handlers, and call it from a client.
 * Types are inferred, and no code is generated. Each method is a unary call, a
 * stream in either direction or both, or a notification.
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
 * await using server = await serve(Greeter, { port: 0 }).handle({
 *   greet: ({ name }) => `Hello, ${name}`,
 * });
 *
 * await using session = await connect(Greeter, server.addr);
 * assertEquals(await session.remote.greet({ name: "Ada" }), "Hello, Ada");
 * ```
 *
 * Read next: [Get started in ten minutes](/lib/guides/getting_started.md), or
 * a question in [How do I …?](/lib/guides/how_do_i.md).
 * {@linkcode protocol} and the method builders ({@linkcode unary},
 * {@linkcode serverStream}, …) declare calls, {@linkcode serve}, {@linkcode connect} and
 * {@linkcode createClient} use them, and {@linkcode CallError} is how they
 * fail. The layer's [README](/lib/messages/README.md) explains cancellation,
 * deadlines, flow control, reconnecting and drain, and
 * [PROTOCOL](/lib/messages/PROTOCOL.md) specifies the wire.
 *
 * Other entry points: `./browser` (pages), `./transport` (sockets), `./framing`
 * (frames) and `./framing/presets` (framings of known protocols),
 * `./introspection` (descriptions of protocols), `./observe` (metrics, traces
 * and logs), `./health` (health checks), `./bus` (several servers), `./testing`
 * (tests without sockets), and `./types` (types that signatures mention and
 * programs rarely name).
 *
 * @module
 */
export * from "./lib/messages/mod.ts";
