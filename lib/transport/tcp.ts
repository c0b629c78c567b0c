/**
 * TCP, with Nagle's algorithm disabled.
 *
 * @module
 */
import { failure } from "./error_mapping.ts";
import { DEFAULT_HOSTNAME, formatAddress, type TcpAddress } from "./address.ts";
import type { Connection, SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import { acceptFrom } from "./accept_from.ts";
import { requirePlatform } from "./current_platform.ts";
import type { PlatformListener, TcpSettings } from "./platform.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/**
 * Options for every TCP socket.
 *
 * @category Sockets
 */
export interface TcpSocketOptions {
  /**
   * Whether to send small writes immediately.
   *
   * Nagle's algorithm (RFC 896) delays a small write until the peer has
   * acknowledged the previous one. On loopback, a round trip of two writes
   * takes 0.04 ms with `noDelay` and 86 ms without.
   *
   * @default {true}
   */
  noDelay?: boolean | undefined;
  /**
   * Whether the operating system probes an idle peer.
   *
   * The probes (RFC 9293, 3.8.4) eventually detect a peer that has vanished.
   *
   * @default {true}
   */
  keepAlive?: boolean | undefined;
}

/**
 * Options for an outgoing TCP connection.
 *
 * @category Sockets
 */
export interface TcpConnectOptions extends TcpSocketOptions {
  /**
   * Whether to try IPv6 and IPv4 addresses concurrently.
   *
   * RFC 8305 specifies this for host names as "Happy Eyeballs".
   *
   * @default {true}
   */
  autoSelectFamily?: boolean | undefined;
  /**
   * Milliseconds before the other address family is tried as well.
   *
   * The value is from 1 to 60,000.
   *
   * @default {250}
   */
  autoSelectFamilyAttemptDelay?: number | undefined;
}

/**
 * Options for a listening TCP socket.
 *
 * @category Sockets
 */
export interface TcpListenOptions extends TcpSocketOptions {
  /**
   * Number of clients that may wait for `accept`, from 1 to 65,535.
   *
   * They wait in the operating system, which may allow fewer
   * (`net.core.somaxconn` on Linux).
   *
   * @default {511}
   */
  backlog?: number | undefined;
  /**
   * Whether several processes may listen on the same port (`SO_REUSEPORT`).
   *
   * Requires Deno's flag `--unstable-net`.
   *
   * @default {false}
   */
  reusePort?: boolean | undefined;
}

/**
 * Connects a TCP socket and configures it before its first write.
 *
 * TLS runs on top of this socket.
 *
 * @param address the server's address
 * @param options socket options, and a signal that cancels the attempt
 * @throws {TransportError} if connecting fails
 * @throws {unknown} the signal's reason, if the signal is aborted
 */
export async function dialTcp(
  address: TcpAddress<unknown>,
  options: TcpConnectOptions & { signal?: AbortSignal | undefined } = {},
): Promise<Connection> {
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  checkTcpOptions(options);
  const { signal } = options;
  const context = { verb: "connect to", address: formatAddress(address) };
  const platform = requirePlatform(context);
  if (port === 0) {
    throw new TransportError(
      `Cannot connect to ${context.address}: 'port' must be from 1 to 65535`,
      { code: "address-invalid", address: context.address },
    );
  }
  try {
    return await platform.connectTcp({ hostname, port }, {
      ...options,
      ...settingsOf(options),
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw failure(error, context);
  }
}

/**
 * Connects over TCP.
 *
 * @param address the server's address
 * @param options socket options, and a signal that cancels the attempt
 */
export async function connectTcp(
  address: TcpAddress<unknown>,
  options: TcpConnectOptions & { signal?: AbortSignal | undefined } = {},
): Promise<SocketConnection> {
  return new SocketConnectionImpl(await dialTcp(address, options));
}

/**
 * Binds a TCP socket and listens.
 *
 * @param address where to listen
 * @param options options for the sockets and the listener
 */
export async function listenTcp(
  address: TcpAddress<unknown>,
  options: TcpListenOptions & ListenerOptions = {},
): Promise<SocketListener> {
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  const { backlog, reusePort = false } = options;
  const context = { verb: "listen on", address: formatAddress(address) };
  const platform = requirePlatform(context);
  checkInteger("backlog", backlog, 65_535);
  const settings = { ...settingsOf(options), backlog, reusePort };
  let listener: PlatformListener;
  try {
    listener = await platform.listenTcp({ hostname, port }, settings);
  } catch (error) {
    throw failure(error, context);
  }
  const addr = withZone(listener.addr, address);
  return new SocketListenerImpl(acceptFrom(listener, addr), options);
}

/** Restores the zone of an IPv6 address, which platforms may omit. */
function withZone(
  addr: SocketAddress,
  { hostname = "" }: TcpAddress<unknown>,
): SocketAddress {
  const zone = /%.*$/.exec(hostname)?.[0] ?? "";
  const reported = addr.hostname?.replace(/%.*$/, "") ?? "";
  return { ...addr, hostname: reported + zone };
}

function settingsOf(
  { noDelay = true, keepAlive = true }: TcpSocketOptions,
): TcpSettings {
  return { noDelay, keepAlive };
}

/**
 * Checks options before the first attempt to connect.
 *
 * @throws {RangeError} if an option is out of range
 */
export function checkTcpOptions(
  { autoSelectFamilyAttemptDelay: delay }: TcpConnectOptions,
): void {
  checkInteger("autoSelectFamilyAttemptDelay", delay, 60_000);
}

/** Rejects values that Deno would accept but silently reinterpret. */
function checkInteger(
  name: string,
  value: number | undefined,
  max: number,
): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw new RangeError(
    `Cannot open a socket as '${name}' must be an integer from 1 to ${max}: current value is ${value}`,
  );
}
