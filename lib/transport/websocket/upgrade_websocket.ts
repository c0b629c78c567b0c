/**
 * WebSockets for servers: upgrades requests in `Deno.serve` handlers.
 *
 * @module
 */
import { requireDeno } from "../require_deno.ts";
import { TransportError } from "../errors.ts";
import type {
  WebSocketConnection,
  WebSocketConnectionOptions,
} from "./websocket_connection.ts";
import {
  checkReceiveLimit,
  webSocketConnection,
} from "./websocket_connection_impl.ts";
import { FLOW_CONTROL } from "./websocket_stream.ts";

/**
 * Options for {@linkcode upgradeWebSocket}.
 *
 * @category WebSocket
 */
export interface UpgradeWebSocketOptions
  extends Omit<WebSocketConnectionOptions, "flowControl"> {
  /**
   * Seconds of silence after which the platform ends the connection; `0` means
   * never. The platform sends a ping first.
   *
   * @default {30}
   */
  idleTimeout?: number | undefined;
}

/**
 * The result of {@linkcode upgradeWebSocket}.
 *
 * @category WebSocket
 */
export interface WebSocketUpgrade {
  /** The response to return from the handler of `Deno.serve`. */
  readonly response: Response;
  /** The connection; reads and writes wait until the response has been sent. */
  readonly connection: WebSocketConnection;
}

/**
 * Upgrades a request to a WebSocket in a handler of `Deno.serve`.
 *
 * In other runtimes, use the runtime's own upgrade and pass its socket to
 * {@linkcode webSocketConnection}.
 *
 * @example Serve WebSockets and ordinary requests
 * ```ts
 * import { connectWebSocket, upgradeWebSocket, writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
 *   if (request.headers.get("upgrade") !== "websocket") return new Response("hello");
 *   const { response, connection } = upgradeWebSocket(request);
 *   void writeAll(connection, new Uint8Array([42])).finally(() => connection.close());
 *   return response;
 * });
 *
 * using connection = await connectWebSocket(`ws://127.0.0.1:${server.addr.port}/`);
 * assertEquals(await connection.read(new Uint8Array(16)), 1);
 * assertEquals(await connection.read(new Uint8Array(16)), null);
 * ```
 *
 * @param request a request with `upgrade: websocket`
 * @param options limit, idle timeout, and the peer's address (`info.remoteAddr`)
 * @throws {TransportError} with code `"protocol"` if the request is not a WebSocket
 * upgrade, or with code `"unsupported"` outside Deno
 *
 * @category WebSocket
 */
export function upgradeWebSocket(
  request: Request,
  options: UpgradeWebSocketOptions = {},
): WebSocketUpgrade {
  const { idleTimeout, ...connectionOptions } = options;
  checkReceiveLimit(options.receiveLimit);
  requireDeno({ verb: "upgrade", address: request.url });
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const flowControl = offered.split(/\s*,\s*/).includes(FLOW_CONTROL);
  const { socket, response } = upgrade(request, {
    ...(flowControl && { protocol: FLOW_CONTROL }),
    ...(idleTimeout !== undefined && { idleTimeout }),
  });
  // In Deno, the `protocol` of a server's socket is always empty.
  const connection = webSocketConnection(socket, {
    ...connectionOptions,
    flowControl,
  });
  return { response, connection };
}

function upgrade(
  request: Request,
  options: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade {
  try {
    return Deno.upgradeWebSocket(request, options);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError(
      `Cannot upgrade ${request.url}: the request is not a WebSocket upgrade (${detail})`,
      { code: "protocol", address: request.url, cause },
    );
  }
}
