/**
 * TCP: `Deno.listen` and `Deno.connect` with Nagle's algorithm disabled.
 *
 * @module
 */
import { failure } from "./error_mapping.ts";
import { requireDeno } from "./require_deno.ts";
import { DEFAULT_HOSTNAME, formatAddress, type TcpAddress } from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/** Options for every TCP socket. */
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

/** Options for an outgoing TCP connection. */
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

/** Options for a listening TCP socket. */
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
): Promise<Deno.TcpConn> {
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  checkTcpOptions(options);
  const { autoSelectFamily, autoSelectFamilyAttemptDelay, signal } = options;
  const context = { verb: "connect to", address: formatAddress(address) };
  requireDeno(context);
  if (port === 0) {
    throw new TransportError(
      `Cannot connect to ${context.address}: 'port' must be from 1 to 65535`,
      { code: "address-invalid", address: context.address },
    );
  }
  try {
    const conn = await Deno.connect({
      hostname,
      port,
      ...(signal && { signal: cancelOnly(signal) }),
      ...(autoSelectFamily !== undefined && { autoSelectFamily }),
      ...(autoSelectFamilyAttemptDelay !== undefined &&
        { autoSelectFamilyAttemptDelay }),
    });
    if (!signal?.aborted) return configure(conn, options);
    conn.close();
  } catch (error) {
    if (!signal?.aborted) throw failure(error, context);
  }
  throw signal.reason;
}

/**
 * Returns a signal that does not throw once the connection is established.
 *
 * `Deno.connect` calls `throwIfAborted` once more after the connection is
 * established; if that throws, the connection leaks until the process exits. A
 * signal that is already aborted still throws.
 */
function cancelOnly(signal: AbortSignal): AbortSignal {
  const follower = AbortSignal.any([signal]);
  if (!signal.aborted) follower.throwIfAborted = () => {};
  return follower;
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
 * Binds a TCP socket and listens; {@linkcode acceptTcp} accepts its clients.
 *
 * @param address where to listen
 * @param options backlog and port sharing
 */
export function bindTcp(
  address: TcpAddress<unknown>,
  options: TcpListenOptions = {},
): Deno.TcpListener {
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  const { backlog, reusePort = false } = options;
  const context = { verb: "listen on", address: formatAddress(address) };
  requireDeno(context);
  checkInteger("backlog", backlog, 65_535);
  if (reusePort) requireUnstableNet(context.address);
  try {
    return Deno.listen({
      hostname,
      port,
      ...(reusePort && { reusePort }),
      ...(backlog !== undefined && { tcpBacklog: backlog }),
    });
  } catch (error) {
    throw failure(error, context);
  }
}

/**
 * Accepts one client and configures its socket before the first write.
 *
 * @param listener a listening socket
 * @param options socket options
 */
export async function acceptTcp(
  listener: Deno.TcpListener,
  options: TcpSocketOptions,
): Promise<Deno.TcpConn> {
  return configure(await listener.accept(), options);
}

/**
 * Listens on TCP.
 *
 * @param address where to listen
 * @param options options for the sockets and the listener
 */
export function listenTcp(
  address: TcpAddress<unknown>,
  options: TcpListenOptions & ListenerOptions = {},
): SocketListener {
  const listener = bindTcp(address, options);
  return new SocketListenerImpl({
    addr: withZone(listener.addr, address),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
    accept: async (connectionOptions) =>
      new SocketConnectionImpl(
        await acceptTcp(listener, options),
        connectionOptions,
      ),
  }, options);
}

/** Restores the zone of an IPv6 address, which Deno does not report. */
function withZone(
  addr: Deno.NetAddr,
  { hostname = "" }: TcpAddress<unknown>,
): SocketAddress {
  const zone = /%.*$/.exec(hostname)?.[0] ?? "";
  return { ...addr, hostname: addr.hostname + zone };
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

/** Sets socket options; closes the socket if the peer has already disconnected. */
function configure(
  conn: Deno.TcpConn,
  { noDelay = true, keepAlive = true }: TcpSocketOptions,
): Deno.TcpConn {
  try {
    if (noDelay) conn.setNoDelay(true);
    if (keepAlive) conn.setKeepAlive(true);
    return conn;
  } catch (cause) {
    conn.close();
    const address = formatAddress(conn.remoteAddr);
    throw new TransportError(
      `Cannot configure the socket of ${address}: the peer has disconnected`,
      { code: "reset", address, cause },
    );
  }
}

/**
 * Throws unless Deno runs with `--unstable-net`.
 *
 * Without the flag, Deno would not throw but exit with code 70. The presence of
 * `listenDatagram` reveals the flag.
 */
function requireUnstableNet(address: string): void {
  if ("listenDatagram" in Deno && Deno.listenDatagram !== undefined) return;
  throw new TransportError(
    `Cannot listen on ${address} with 'reusePort': run Deno with the flag '--unstable-net'`,
    { code: "unsupported", address },
  );
}
