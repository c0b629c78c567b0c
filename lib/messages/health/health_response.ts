/**
 * The health of a server over HTTP.
 *
 * @module
 */
import type { ServerHealth } from "./health_registry.ts";

/**
 * Returns the health of a server as an HTTP response.
 *
 * @param server the server
 * @param service name of a service; by default, the server as a whole
 * @returns a response with the status as text: 200 for `serving`, 503 for others
 *
 * @example A readiness probe beside the server
 * ```ts
 * import { createServer, protocol } from "@lengthwise/lengthwise";
 * import { healthResponse } from "@lengthwise/lengthwise/health";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = createServer(protocol({ name: "shop" })).handle({});
 * const probe = (request: Request) =>
 *   new URL(request.url).pathname === "/readyz"
 *     ? healthResponse(server)
 *     : new Response(null, { status: 404 });
 * // Deno.serve({ port: 8080 }, probe);
 * assertEquals(probe(new Request("http://localhost/readyz")).status, 200);
 * ```
 *
 * @category Server
 */
export function healthResponse(
  server: { readonly health: Pick<ServerHealth, "get"> },
  service = "",
): Response {
  const status = server.health.get(service);
  return new Response(`${status}\n`, {
    status: status === "serving" ? 200 : 503,
    headers: { "content-type": "text/plain", "cache-control": "no-store" },
  });
}
