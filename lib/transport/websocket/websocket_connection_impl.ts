/**
 * The implementation of {@linkcode WebSocketConnection} on a web-standard socket.
 *
 * @module
 */
import { formatAddress } from "../address.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { ConnectionInfo } from "../connection_info.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "../socket_connection_impl.ts";
import type {
  WebSocketConnection,
  WebSocketConnectionOptions,
} from "./websocket_connection.ts";
import { FIRST_CREDIT } from "./flow_control.ts";
import { WebSocketStream } from "./websocket_stream.ts";

/** The stream below a {@linkcode WebSocketConnectionImpl}. */
export type WebSocketEnd =
  & LowerConnection
  & Pick<WebSocketStream, "opened" | "finished">;

/** A {@linkcode WebSocketStream} with byte counts and local close handling. */
export class WebSocketConnectionImpl extends SocketConnectionImpl
  implements WebSocketConnection {
  readonly opened: Promise<void>;
  readonly finished: Promise<void>;

  readonly #request: ConnectionInfo["request"];

  constructor(stream: WebSocketEnd, options: WebSocketConnectionOptions) {
    super(stream, options);
    this.opened = stream.opened;
    this.finished = stream.finished;
    this.#request = options.request;
  }

  override get info(): ConnectionInfo {
    return { ...super.info, request: this.#request };
  }
}

/**
 * Adapts a standard `WebSocket`, connecting or open, in any runtime.
 *
 * Adapt a socket that is connecting in the turn in which you create it. In Node.js
 * 22, a socket that has failed looks as if it were still connecting.
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
 * @throws {TypeError} if an option is unknown, or `request` is no longer readable
 *
 * @category WebSocket
 */
export function webSocketConnection(
  socket: WebSocket,
  options: WebSocketConnectionOptions = {},
): WebSocketConnection {
  const where = "webSocketConnection()";
  checkOptions(where, options, CONNECTION_OPTIONS);
  checkReceiveLimit(options.receiveLimit);
  const { request } = options;
  return adaptWebSocket(socket, {
    ...options,
    request: request && copyRequest(request),
  });
}

/** Options for {@linkcode adaptWebSocket}. */
export interface AdaptOptions extends WebSocketConnectionOptions {
  /** Whether the subprotocol was negotiated, if the socket does not report it. */
  negotiated?: boolean | undefined;
}

/**
 * Adapts a socket, like {@linkcode webSocketConnection}.
 *
 * @param socket the socket; the connection owns it
 * @param options limit, address and the outcome of the upgrade; the request must
 * be a copy, if there is one
 */
export function adaptWebSocket(
  socket: WebSocket,
  options: AdaptOptions,
): WebSocketConnection {
  checkReceiveLimit(options.receiveLimit);
  const remoteAddr = { ...options.remoteAddr, transport: "websocket" };
  const known = remoteAddr.hostname !== undefined;
  const stream = new WebSocketStream(socket, {
    receiveLimit: options.receiveLimit,
    address: socket.url || (known ? formatAddress(remoteAddr) : ""),
    remoteAddr,
    flowControl: options.flowControl,
    negotiated: options.negotiated,
  });
  return new WebSocketConnectionImpl(stream, options);
}

/**
 * Copies a request, which Deno discards with its upgrade.
 *
 * @param request the request, before its upgrade
 */
export function copyRequest(
  request: Pick<Request, "url" | "headers">,
): Pick<Request, "url" | "headers"> {
  try {
    return { url: request.url, headers: new Headers(request.headers) };
  } catch (cause) {
    throw new TypeError(
      "Cannot read the upgraded request; copy it before the upgrade, as in { url: request.url, headers: new Headers(request.headers) }",
      { cause },
    );
  }
}

/** Names of the options for {@linkcode webSocketConnection}. */
export const CONNECTION_OPTIONS: OptionNames<WebSocketConnectionOptions> = {
  receiveLimit: true,
  remoteAddr: true,
  request: true,
  flowControl: "flag",
  onClose: true,
};

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
