/**
 * The implementation of {@linkcode WebSocketConnection} on a web-standard socket.
 *
 * @module
 */
import { formatAddress } from "../address.ts";
import { SocketConnectionImpl } from "../socket_connection_impl.ts";
import type {
  WebSocketConnection,
  WebSocketConnectionOptions,
} from "./websocket_connection.ts";
import { FIRST_CREDIT, WebSocketStream } from "./websocket_stream.ts";

/** A {@linkcode WebSocketStream} with byte counts and local close handling. */
export class WebSocketConnectionImpl extends SocketConnectionImpl
  implements WebSocketConnection {
  readonly opened: Promise<void>;
  readonly finished: Promise<void>;

  constructor(stream: WebSocketStream, options: WebSocketConnectionOptions) {
    super(stream, options);
    this.opened = stream.opened;
    this.finished = stream.finished;
  }
}

/**
 * Adapts a standard `WebSocket`, connecting or open, in any runtime.
 *
 * @example Read the first bytes from a server
 * ```ts
 * import { webSocketConnection } from "@lengthwise/lengthwise/transport";
 *
 * async function firstBytes(url: string): Promise<Uint8Array> {
 *   using connection = webSocketConnection(new WebSocket(url));
 *   const buffer = new Uint8Array(1024);
 *   return buffer.subarray(0, await connection.read(buffer) ?? 0);
 * }
 * ```
 *
 * @param socket the socket; the connection owns it, so add no listeners and
 * send nothing yourself
 * @param options limit and address
 * @throws {RangeError} if `receiveLimit` is below 256 KiB
 *
 * @category WebSocket
 */
export function webSocketConnection(
  socket: WebSocket,
  options: WebSocketConnectionOptions = {},
): WebSocketConnection {
  checkReceiveLimit(options.receiveLimit);
  const remoteAddr = { ...options.remoteAddr, transport: "websocket" };
  const known = remoteAddr.hostname !== undefined;
  const stream = new WebSocketStream(socket, {
    receiveLimit: options.receiveLimit,
    address: socket.url || (known ? formatAddress(remoteAddr) : ""),
    remoteAddr,
    flowControl: options.flowControl,
  });
  return new WebSocketConnectionImpl(stream, options);
}

/**
 * Checks the option `receiveLimit`.
 *
 * @param receiveLimit the option's value
 * @throws {RangeError} if it is below 256 KiB
 */
export function checkReceiveLimit(receiveLimit: number | undefined): void {
  if (receiveLimit === undefined || receiveLimit >= FIRST_CREDIT) return;
  throw new RangeError(
    `Cannot receive as 'receiveLimit' must be at least ${FIRST_CREDIT}: current value is ${receiveLimit}`,
  );
}
