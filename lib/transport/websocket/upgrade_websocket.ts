/**
 * WebSockets for servers: upgrades requests in `Deno.serve` handlers.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import type { SocketAddress } from "../connection.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { requireDeno } from "../require_deno.ts";
import { TransportError } from "../errors.ts";
import type {
  WebSocketConnection,
  WebSocketConnectionOptions,
} from "./websocket_connection.ts";
import {
  adaptWebSocket,
  checkReceiveLimit,
  CONNECTION_OPTIONS,
  copyRequest,
  WebSocketConnectionImpl,
  type WebSocketEnd,
} from "./websocket_connection_impl.ts";
import { FLOW_CONTROL } from "./flow_control.ts";

/**
 * Options for {@linkcode upgradeWebSocket}.
 *
 * @category WebSocket
 */
export interface UpgradeWebSocketOptions
  extends Omit<WebSocketConnectionOptions, "flowControl" | "request"> {
  /**
   * Origins whose pages may connect, such as `"https://app.example"`.
   *
   * A request whose header `origin` names another origin is answered with 403.
   * Browsers always send this header, for pages of any site; other clients do
   * not, and are accepted without it.
   *
   * @default {every origin}
   */
  origins?: readonly string[] | undefined;
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
  /**
   * The connection; reads and writes wait until the response has been sent.
   *
   * If the request is refused, they fail, and so does `opened`: with code
   * `"forbidden"` (HTTP 403) or `"protocol"` (HTTP 400 or 426).
   */
  readonly connection: WebSocketConnection;
}

/**
 * Upgrades a request to a WebSocket in a handler of `Deno.serve`.
 *
 * A request that is not an upgrade is answered with 426, and one from an origin
 * that is not in `origins` with 403. In other runtimes, use the runtime's own
 * upgrade and pass its socket to {@linkcode webSocketConnection}.
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
 * @throws {TransportError} with code `"unsupported"` outside Deno
 * @throws {TypeError} if an option is unknown, or an origin is not one
 * @throws {RangeError} if `receiveLimit` is below 256 KiB
 *
 * @category WebSocket
 */
export function upgradeWebSocket(
  request: Request,
  options: UpgradeWebSocketOptions = {},
): WebSocketUpgrade {
  const given = checkOptions("upgradeWebSocket()", options, UPGRADE_OPTIONS);
  const { idleTimeout, origins, ...connectionOptions } = given;
  checkReceiveLimit(options.receiveLimit);
  const allowed = origins?.map(checkOrigin);
  requireDeno({ verb: "upgrade", address: request.url });
  const refusal = refuse(request, allowed);
  if (refusal !== undefined) return refused(request, refusal, options);
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const flowControl = offered.split(/\s*,\s*/).includes(FLOW_CONTROL);
  const copy = copyRequest(request);
  const upgraded = upgrade(request, {
    ...(flowControl && { protocol: FLOW_CONTROL }),
    ...(idleTimeout !== undefined && { idleTimeout }),
  });
  if (!("socket" in upgraded)) return refused(request, upgraded, options);
  // In Deno, the `protocol` of a server's socket is always empty.
  const connection = adaptWebSocket(upgraded.socket, {
    ...connectionOptions,
    request: copy,
    flowControl,
    negotiated: flowControl,
  });
  return { response: upgraded.response, connection };
}

const { flowControl: _, request: __, ...OWN_OPTIONS } = CONNECTION_OPTIONS;
const UPGRADE_OPTIONS: OptionNames<UpgradeWebSocketOptions> = {
  ...OWN_OPTIONS,
  idleTimeout: true,
  origins: true,
};

/** Why a request is refused. */
interface Refusal {
  readonly status: 400 | 403 | 426;
  readonly reason: string;
}

function refuse(
  { headers }: Request,
  origins: readonly string[] | undefined,
): Refusal | undefined {
  const upgrades = (headers.get("upgrade") ?? "").toLowerCase().split(
    /\s*,\s*/,
  );
  if (!upgrades.includes("websocket")) {
    return { status: 426, reason: "the request is not a WebSocket upgrade" };
  }
  const version = headers.get("sec-websocket-version");
  if (version !== "13") {
    return {
      status: 426,
      reason: `WebSocket version ${
        JSON.stringify(version)
      } is not supported; expected "13"`,
    };
  }
  const origin = headers.get("origin");
  if (origins === undefined || origin === null || origins.includes(origin)) {
    return undefined;
  }
  const reason = `pages of the origin ${
    JSON.stringify(origin)
  } may not connect`;
  return { status: 403, reason };
}

/** Returns an origin in the form in which browsers send it. */
function checkOrigin(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  const { pathname, search, hash } = url ?? {};
  if (url?.host && pathname === "/" && !search && !hash) {
    return `${url.protocol}//${url.host}`;
  }
  throw new TypeError(
    `Cannot use ${
      JSON.stringify(origin)
    } as an origin: expected a scheme, a host and an optional port, such as "https://app.example"`,
  );
}

function upgrade(
  request: Request,
  options: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade | Refusal {
  try {
    return Deno.upgradeWebSocket(request, options);
  } catch (cause) {
    const detail = messageOf(cause);
    return {
      status: 400,
      reason: `the request is not a valid WebSocket upgrade (${detail})`,
    };
  }
}

/** Returns the refusal as a response, and a connection that has failed. */
function refused(
  request: Request,
  { status, reason }: Refusal,
  { remoteAddr, onClose }: UpgradeWebSocketOptions,
): WebSocketUpgrade {
  const error = new TransportError(
    `Cannot upgrade ${request.url}: ${reason}; the answer is HTTP ${status}`,
    {
      code: status === 403 ? "forbidden" : "protocol",
      address: request.url,
      status,
    },
  );
  const connection = new WebSocketConnectionImpl(
    failedEnd(error, { ...remoteAddr, transport: "websocket" }),
    { request: copyRequest(request), onClose },
  );
  const headers = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
  };
  const response = new Response(`${reason}\n`, {
    status,
    ...(status === 426 && { headers }),
  });
  return { response, connection };
}

function failedEnd(
  error: TransportError,
  remoteAddr: SocketAddress,
): WebSocketEnd {
  const fail = () => Promise.reject(error);
  const opened = fail();
  opened.catch(() => {}); // reads and writes report the same error
  return {
    localAddr: { transport: "websocket" },
    remoteAddr,
    opened,
    finished: Promise.resolve(),
    read: fail,
    write: fail,
    closeWrite: fail,
    linger: () => undefined,
    close: () => {},
    [Symbol.dispose]: () => {},
  };
}
