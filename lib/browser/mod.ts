/**
 * Small clients for browsers, over WebSocket, `MessagePort` or a connector.
 *
 * The entry has no sockets of the operating system, no server and no command
 * line, and a page carries only what it uses. A codec is an import of its own:
 * `./json` or `./msgpack`. Plugins are objects that are passed in:
 * {@linkcode serving} for protocols with a client side, {@linkcode resumption} for
 * sessions that outlive a cut, {@linkcode once} for methods declared `once`, and
 * {@linkcode observing} for observers.
 *
 * @example A page that calls its server
 * ```ts
 * import { createClient, protocol, unary } from "@lengthwise/lengthwise/browser";
 * import { json } from "@lengthwise/lengthwise/json";
 * import { createServer } from "@lengthwise/lengthwise";
 * import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * // shop.ts, which the page and the server share
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 *
 * // server.ts
 * await using server = createServer(Shop, { codecs: [json()] }).handle({
 *   price: (sku) => sku.length * 100,
 * });
 * await using http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
 *   const { response, connection } = upgradeWebSocket(request);
 *   server.accept(connection);
 *   return response;
 * });
 *
 * // page.ts
 * await using client = createClient(Shop, `ws://127.0.0.1:${http.addr.port}/`, {
 *   codecs: [json()],
 * });
 * assertEquals(await client.remote.price("A-1"), 300);
 * ```
 *
 * Write `try … finally` with `client.close()` instead of `await using` for
 * browsers that do not know it. [Get started](/lib/guides/getting_started.md)
 * has a page with its server, [clients for browsers](/lib/browser/README.md) says
 * what each part takes and what browsers do to pages, and
 * [messages](/lib/messages/README.md) explains sessions and calls.
 *
 * @module
 */
export { type BrowserClientOptions, createClient } from "./create_client.ts";
export {
  type BrowserPlugins,
  observing,
  once,
  resumption,
  serving,
} from "./plugins.ts";
export { mergeProtocols, protocol } from "../messages/protocol/protocol.ts";
export {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../messages/protocol/method_builders.ts";
export { typed } from "../messages/schema/typed.ts";
export { messagePortConnection } from "../transport/message_port/message_port_connection.ts";
export type { Client } from "../messages/client/client.ts";
export type { Connector } from "../messages/client/connector.ts";
export type {
  Handlers,
  Protocol,
  Remote,
} from "../messages/protocol/protocol_types.ts";
export type { CallOptions } from "../messages/protocol/client_types.ts";
export { CallError, SessionError } from "../messages/errors/call_error.ts";
export { isDeclared } from "../messages/protocol/declared_errors.ts";
