/**
 * WebSockets as connections: browsers speak to a Deno service with the layers
 * above unchanged.
 *
 * @module
 */
import { checkTimeout, withTimeout } from "../with_timeout.ts";
import {
  FIRST_CREDIT,
  FLOW_CONTROL,
  WebSocketStream,
} from "./websocket_stream.ts";
import { dialWebSocket } from "./websocket_dial.ts";
import { requireDeno } from "../platform.ts";
import { formatAddress } from "../address.ts";
import type { SocketAddress } from "../connection.ts";
import { TransportError } from "../errors.ts";
import {
  SocketConnection,
  type SocketConnectionOptions,
} from "../socket_connection.ts";
import type { TlsClientOptions } from "../tls/tls_connection.ts";

/** Options of every WebSocket. */
export interface WebSocketOptions {
  /**
   * Bytes that may have arrived without being read. With flow control the peer
   * sends no more than that; without it, more ends the connection with an
   * error of kind `"limit"`. At least 256 KiB.
   *
   * @default {262144, and 16777216 without flow control}
   */
  receiveLimit?: number;
}

/** Options of {@linkcode WebSocketConnection}. */
export interface WebSocketConnectionOptions
  extends WebSocketOptions, SocketConnectionOptions {
  /** Where the peer is, as far as it is known; its `transport` is overridden. */
  remoteAddr?: SocketAddress;
  /**
   * Whether receivers hold their senders back.
   *
   * @default {whether `socket.protocol` is `"lengthwise.bytes.v1"` once it is open}
   */
  flowControl?: boolean;
}

/** Options of {@linkcode upgradeWebSocket}. */
export interface UpgradeWebSocketOptions
  extends Omit<WebSocketConnectionOptions, "flowControl"> {
  /**
   * Seconds without a sign of life until the platform gives the peer up; it
   * asks with a ping before. 0 is never.
   *
   * @default {30}
   */
  idleTimeout?: number;
}

/** What {@linkcode upgradeWebSocket} makes of a request. */
export interface WebSocketUpgrade {
  /** To be returned from the handler of `Deno.serve`. */
  readonly response: Response;
  /** Opens as the response leaves; reads and writes wait for that. */
  readonly connection: WebSocketConnection;
}

/** Options of {@linkcode connectWebSocket}. */
export interface WebSocketConnectOptions extends WebSocketOptions {
  /** Gives up when aborted, and rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Milliseconds until the opening handshake must be done; `0` is no limit.
   *
   * @default {10000}
   */
  timeout?: number;
  /**
   * Offer the subprotocol with which a receiver holds its sender back. A server
   * that does not know it must be dialled without: browsers refuse a server
   * that ignores what they offer.
   *
   * @default {true}
   */
  flowControl?: boolean;
  /** Headers of the opening handshake; not in browsers. */
  headers?: Record<string, string>;
  /**
   * For `wss:`, with `caCerts`, `cert` and `key`; the others are refused, since
   * no WebSocket knows them. Deno only.
   */
  tls?: TlsClientOptions;
}

/**
 * A WebSocket that carries a stream of bytes in binary messages.
 *
 * `closeWrite` sends an empty message, and `close` a closing handshake with
 * code 1000: after either the peer reads the end of the stream. A WebSocket
 * that breaks is a {@linkcode TransportError} of kind `"reset"`, one that is
 * closed for another reason `"truncated"`, a text message `"protocol"`.
 *
 * @example Adapt a socket of the platform's
 * ```ts
 * import { WebSocketConnection, writeAll } from "@lengthwise/lengthwise/transport";
 *
 * async function greet(url: string): Promise<void> {
 *   using connection = new WebSocketConnection(new WebSocket(url));
 *   await writeAll(connection, new TextEncoder().encode("hello"));
 * }
 * ```
 */
export class WebSocketConnection extends SocketConnection {
  /** Settles when the opening handshake does, with its error if it fails. */
  readonly opened: Promise<void>;
  /**
   * Settles when the closing handshake is through, or the socket broken. That
   * is after `close()`, which does not wait for the peer.
   */
  readonly finished: Promise<void>;

  /**
   * Adapts any web-standard socket, opening or open, of any runtime.
   *
   * @param socket nobody else may listen to it or send from now on
   * @param options limit and address
   * @throws {RangeError} for a `receiveLimit` below 256 KiB
   */
  constructor(socket: WebSocket, options: WebSocketConnectionOptions = {}) {
    checkLimit(options.receiveLimit);
    const remoteAddr = { ...options.remoteAddr, transport: "websocket" };
    const known = remoteAddr.hostname !== undefined;
    const stream = new WebSocketStream(socket, {
      receiveLimit: options.receiveLimit,
      address: socket.url || (known ? formatAddress(remoteAddr) : ""),
      remoteAddr,
      flowControl: options.flowControl,
    });
    super(stream, options);
    this.opened = stream.opened;
    this.finished = stream.finished;
  }
}

/**
 * Answers a request for a WebSocket, inside the handler of `Deno.serve`. In
 * other runtimes, hand the socket that theirs makes to
 * {@linkcode WebSocketConnection}.
 *
 * @example Serve browsers beside everything else
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
 * @param request with `upgrade: websocket`
 * @param options limit, idle timeout, and the peer's address (`info.remoteAddr`)
 * @throws {TransportError} of kind `"protocol"` for a request that asks for no
 * WebSocket, `"unsupported"` outside Deno
 */
export function upgradeWebSocket(
  request: Request,
  options: UpgradeWebSocketOptions = {},
): WebSocketUpgrade {
  const { idleTimeout, ...connectionOptions } = options;
  checkLimit(options.receiveLimit);
  requireDeno({ verb: "upgrade", address: request.url });
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const flowControl = offered.split(/\s*,\s*/).includes(FLOW_CONTROL);
  const { socket, response } = upgrade(request, {
    ...(flowControl && { protocol: FLOW_CONTROL }),
    ...(idleTimeout !== undefined && { idleTimeout }),
  });
  // Deno tells the server's socket no protocol.
  const connection = new WebSocketConnection(socket, {
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
      `Cannot upgrade ${request.url}: the request asks for no WebSocket (${detail})`,
      { kind: "protocol", address: request.url, cause },
    );
  }
}

/**
 * Dials a WebSocket, in Deno, in browsers, and wherever else `WebSocket` is.
 *
 * Requires `--allow-net=host:port` in Deno.
 *
 * @param url `ws://…` or `wss://…`
 * @param options limits, flow control and a signal
 * @throws {TransportError} of kind `"protocol"` for a server that speaks no
 * WebSocket, `"unsupported"` for TLS options that no WebSocket knows,
 * `"refused"`, `"tls"`, `"timeout"`, …, and in browsers, which do not tell why,
 * `"other"`; the signal's reason
 */
export async function connectWebSocket(
  url: string | URL,
  options: WebSocketConnectOptions = {},
): Promise<WebSocketConnection> {
  const { signal, timeout = 10_000 } = options;
  const { receiveLimit } = options;
  checkLimit(receiveLimit);
  const limit = timeout === 0 ? Infinity : checkTimeout(timeout, "timeout");
  signal?.throwIfAborted();
  const address = String(url);
  const { flowControl = true, headers, tls } = options;
  const { socket, release } = await dialWebSocket(address, {
    protocols: flowControl ? [FLOW_CONTROL] : [],
    headers,
    tls,
  });
  const connection = new WebSocketConnection(socket, {
    remoteAddr: addressOf(socket.url),
    ...(receiveLimit !== undefined && { receiveLimit }),
  });
  void connection.finished.then(release);
  await withTimeout(connection.opened, {
    signal,
    timeout: limit,
    cut: () => connection.close(),
    late: () =>
      new TransportError(
        `Cannot connect to ${address}: no WebSocket within ${timeout} ms`,
        { kind: "timeout", address },
      ),
  });
  return connection;
}

function addressOf(url: string): SocketAddress {
  const { hostname, port, protocol } = new URL(url);
  return {
    transport: "websocket",
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (protocol === "wss:" ? 443 : 80),
  };
}

function checkLimit(receiveLimit: number | undefined): void {
  if (receiveLimit === undefined || receiveLimit >= FIRST_CREDIT) return;
  throw new RangeError(
    `Cannot receive as 'receiveLimit' must be at least ${FIRST_CREDIT}: current value is ${receiveLimit}`,
  );
}
