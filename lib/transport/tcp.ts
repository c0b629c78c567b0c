/**
 * TCP: `Deno.listen` and `Deno.connect` with Nagle's algorithm off.
 *
 * @module
 */
import { failure } from "./failure.ts";
import { requireDeno } from "./platform.ts";
import { DEFAULT_HOSTNAME, formatAddress, type TcpAddress } from "./address.ts";
import { TransportError } from "./errors.ts";
import { SocketListenerImpl } from "./socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { SocketConnectionImpl } from "./socket_connection_impl.ts";

/** Options of every TCP socket. */
export interface TcpSocketOptions {
  /**
   * Sends small writes at once instead of holding them back until the peer has
   * acknowledged the last one (Nagle's algorithm, RFC 896): on loopback 0.04 ms
   * a round trip of two writes against 86 ms.
   *
   * @default {true}
   */
  noDelay?: boolean;
  /**
   * Lets the operating system probe an idle peer (RFC 9293, 3.8.4), so that one
   * that vanished is noticed some day.
   *
   * @default {true}
   */
  keepAlive?: boolean;
}

/** Options of a dialled TCP socket. */
export interface TcpConnectOptions extends TcpSocketOptions {
  /**
   * Tries IPv6 and IPv4 addresses of a name side by side (RFC 8305, "happy
   * eyeballs").
   *
   * @default {true}
   */
  autoSelectFamily?: boolean;
  /**
   * Milliseconds that one family gets before the other is tried as well, from 1
   * to 60,000.
   *
   * @default {250}
   */
  autoSelectFamilyAttemptDelay?: number;
}

/** Options of a listening TCP socket. */
export interface TcpListenOptions extends TcpSocketOptions {
  /**
   * Clients that wait in the operating system for `accept`, from 1 to 65,535;
   * the system may allow fewer (`net.core.somaxconn` on Linux).
   *
   * @default {511}
   */
  backlog?: number;
  /**
   * Lets several processes listen on the same port (`SO_REUSEPORT`). In Deno it
   * needs the flag `--unstable-net`.
   *
   * @default {false}
   */
  reusePort?: boolean;
}

/**
 * Dials, and sets the socket up before its first write. TLS starts from here.
 *
 * @param address where to
 * @param options socket options, and a signal that gives up
 * @throws {TransportError} or the signal's reason
 */
export async function dialTcp(
  address: TcpAddress<unknown>,
  options: TcpConnectOptions & { signal?: AbortSignal } = {},
): Promise<Deno.TcpConn> {
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  const { autoSelectFamily, autoSelectFamilyAttemptDelay, signal } = options;
  const context = { verb: "connect to", address: formatAddress(address) };
  requireDeno(context);
  checkWhole(
    "autoSelectFamilyAttemptDelay",
    autoSelectFamilyAttemptDelay,
    60_000,
  );
  if (port === 0) {
    throw new TransportError(
      `Cannot connect to ${context.address}: 'port' must be from 1 to 65535`,
      { kind: "address-invalid", address: context.address },
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
    if (!signal?.aborted) return setUp(conn, options);
    conn.close();
  } catch (error) {
    if (!signal?.aborted) throw failure(error, context);
  }
  throw signal.reason;
}

/**
 * A signal that cancels and never throws. `Deno.connect` asks its signal once
 * more when the connection is there already; if that throws, nobody holds the
 * connection, and it stays open until the process ends.
 */
function cancelOnly(signal: AbortSignal): AbortSignal {
  const follower = AbortSignal.any([signal]);
  if (!signal.aborted) follower.throwIfAborted = () => {};
  return follower;
}

/**
 * Connects over TCP.
 *
 * @param address where to
 * @param options socket options, and a signal that gives up
 */
export async function connectTcp(
  address: TcpAddress<unknown>,
  options: TcpConnectOptions & { signal?: AbortSignal } = {},
): Promise<SocketConnection> {
  return new SocketConnectionImpl(await dialTcp(address, options));
}

/**
 * Binds and listens; connections come out of {@linkcode acceptTcp}.
 *
 * @param address where
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
  checkWhole("backlog", backlog, 65_535);
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
 * Accepts one client and sets its socket up before the first write.
 *
 * @param listener a bound socket
 * @param options socket options
 */
export async function acceptTcp(
  listener: Deno.TcpListener,
  options: TcpSocketOptions,
): Promise<Deno.TcpConn> {
  return setUp(await listener.accept(), options);
}

/**
 * Listens on TCP.
 *
 * @param address where
 * @param options of the sockets and of the listener
 */
export function listenTcp(
  address: TcpAddress<unknown>,
  options: TcpListenOptions & ListenerOptions = {},
): SocketListener {
  const listener = bindTcp(address, options);
  return new SocketListenerImpl({
    addr: listener.addr,
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

/** Deno takes any number here, and makes of it what it can. */
function checkWhole(
  name: string,
  value: number | undefined,
  most: number,
): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(
    `Cannot open a socket as '${name}' must be an integer from 1 to ${most}: current value is ${value}`,
  );
}

/** A peer that has gone already may fail these calls: then its socket must not leak. */
function setUp(
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
      `Cannot set up the socket of ${address}: the peer has gone`,
      { kind: "reset", address, cause },
    );
  }
}

/**
 * Without the flag Deno does not throw: it ends the process with code 70. Of
 * what the flag brings, `listenDatagram` can be looked for.
 */
function requireUnstableNet(address: string): void {
  if ("listenDatagram" in Deno && Deno.listenDatagram !== undefined) return;
  throw new TransportError(
    `Cannot listen on ${address} with 'reusePort': Deno needs the flag '--unstable-net' for it`,
    { kind: "unsupported", address },
  );
}
