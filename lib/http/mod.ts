/**
 * Calls of a server over plain HTTP, beside its sessions.
 *
 * @example Calls with curl
 * ```ts
 * import { createServer, protocol, unary } from "@lengthwise/lengthwise";
 * import { fetchHandler } from "@lengthwise/lengthwise/http";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, { cents: number }>() },
 * });
 * await using server = createServer(Shop).handle({
 *   price: ({ sku }) => ({ cents: sku.length * 100 }),
 * });
 * await using http = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen() {} },
 *   fetchHandler(Shop, server, { path: "/api/" }),
 * );
 * // curl localhost:8080/api/price --json '{"sku":"book"}'
 * ```
 *
 * [Calls over HTTP](/lib/messages/README.md#calls-over-http) has the table of
 * statuses.
 *
 * @module
 */
export {
  type AcceptingServer,
  fetchHandler,
  type FetchHandlerOptions,
  type RequestInfo,
} from "./fetch_handler.ts";
