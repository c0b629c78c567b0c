/**
 * Gateways that pass calls on to servers without decoding their bodies.
 *
 * {@linkcode forward} starts a gateway, and servers read the identities that it
 * states with {@linkcode forwardedIdentity}. {@linkcode forwardSessions} starts one that
 * relays whole sessions, with the calls of servers to clients.
 *
 * The [guide](/lib/forward/README.md) has a table of both kinds.
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { forward } from "@lengthwise/lengthwise/forward";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 * await using gateway = await forward(Echo, { port: 0 }, {
 *   upstreams: { echo: server.addr },
 * });
 * await using session = await connect(Echo, gateway.addr);
 * assertEquals(await session.remote.echo("hello"), "hello");
 * ```
 *
 * @module
 */
export {
  forward,
  type ForwardedCall,
  type ForwardOptions,
  type Gateway,
  type UpstreamAddress,
} from "./forward.ts";
export {
  type ForwardedClient,
  forwardSessions,
  type ForwardSessionsOptions,
  type SessionGateway,
} from "./forward_sessions.ts";
export { forwardedIdentity, type Identity } from "./identity.ts";
