/**
 * Listening on an address of any transport.
 *
 * @module
 */
import {
  type Address,
  checkTlsOption,
  formatAddress,
  type MemoryAddress,
  resolveAddress,
} from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";
import { listenMemory } from "./memory/memory_listener.ts";
import { listenTcp, type TcpListenOptions } from "./tcp.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import type { TlsListener, TlsServerOptions } from "./tls/tls_listener.ts";
import { listenUnix, type UnixListenOptions } from "./unix.ts";

/**
 * The address to listen on, in any form that {@linkcode listen} accepts.
 *
 * It is an address object, its URL form, or the `addr` of an earlier listener.
 *
 * @category Connect and listen
 */
export type ListenAddress =
  | Address<TlsServerOptions>
  | SocketAddress
  | string
  | URL;

/**
 * Options for {@linkcode listen}.
 *
 * @category Connect and listen
 */
export interface ListenOptions
  extends ListenerOptions, TcpListenOptions, UnixListenOptions {
  /** TLS options for an address without its own `tls`; not allowed otherwise. */
  tls?: TlsServerOptions | undefined;
}

/**
 * Listens for TLS connections.
 *
 * @param address where to listen, with the certificate and its key
 * @param options options for the listener and the sockets it accepts
 * @returns a listener whose certificate can be replaced
 *
 * @category Connect and listen
 */
export function listen(
  address: Exclude<Address<TlsServerOptions>, MemoryAddress> & {
    readonly tls: TlsServerOptions;
  },
  options?: ListenOptions,
): Promise<TlsListener>;
/**
 * Creates a socket, binds it to an address and listens.
 *
 * Requires `--allow-net=host:port` (`--allow-net=host` for port 0). A Unix socket
 * requires `--allow-net=unix:path`, `--allow-read=path` and `--allow-write=path`;
 * a memory address requires no permission.
 *
 * @example Serve every client until the listener closes
 * ```ts
 * import { connect, listen } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen({ hostname: "127.0.0.1", port: 0 });
 * let served = 0;
 * const serving = (async () => {
 *   for await (using _connection of listener) served++;
 * })();
 *
 * using client = await connect(listener.addr);
 * assertEquals(await client.read(new Uint8Array(1)), null);
 * listener.close();
 * await serving;
 * assertEquals(served, 1);
 * ```
 *
 * @param address where to listen
 * @param options options for the listener and the sockets it accepts
 * @throws {TransportError} with code `"address-in-use"`, `"address-invalid"`,
 * `"permission"`, `"not-found"`, `"unsupported"` and so on
 * @throws {TypeError} if an option is unknown, or has no effect at this address
 * @throws {Error} `Deno.errors.NotCapable` if a permission is missing
 * @throws {unknown} the signal's reason, if the signal is aborted
 */
export function listen(
  address: ListenAddress,
  options?: ListenOptions,
): Promise<SocketListener>;
export async function listen(
  address: ListenAddress,
  given: ListenOptions = {},
): Promise<SocketListener> {
  const options = checkOptions("listen()", given, LISTEN_OPTIONS);
  options.signal?.throwIfAborted();
  const target = resolveAddress(address, options.tls);
  checkTlsOption("listen()", [address], options.tls);
  if (options.overflow !== undefined) {
    checkChoice("listen()", "overflow", options.overflow, ["wait", "refuse"]);
  }
  checkTuning(target, options);
  const listener = await bind(target, options);
  // If the signal was aborted during bind, the listener has already closed.
  options.signal?.throwIfAborted();
  return listener;
}

const LISTEN_OPTIONS: OptionNames<ListenOptions> = {
  maxConnections: true,
  overflow: true,
  onError: true,
  signal: true,
  noDelay: "flag",
  keepAlive: "flag",
  backlog: true,
  reusePort: "flag",
  mode: true,
  tls: true,
  proxyProtocol: true,
};

const PROXY_OPTIONS: OptionNames<ProxyProtocol> = {
  from: true,
  timeout: true,
  maxHeader: true,
  onRefused: true,
};

const TLS_OPTIONS: OptionNames<TlsServerOptions> = {
  cert: true,
  key: true,
  clientCaCerts: true,
  alpnProtocols: true,
  requireAlpn: "flag",
  requireCloseNotify: "flag",
  handshakeTimeout: true,
  maxHandshakes: true,
  onHandshakeError: true,
};

/** Options that only one kind of socket has. */
const TUNING: Readonly<
  & Record<keyof TcpListenOptions, "TCP">
  & Record<keyof UnixListenOptions, "Unix">
> = {
  noDelay: "TCP",
  keepAlive: "TCP",
  backlog: "TCP",
  reusePort: "TCP",
  mode: "Unix",
};

/** @throws {TypeError} if an option has no effect at this address */
function checkTuning(target: Address<unknown>, options: ListenOptions): void {
  const kind = "path" in target ? "Unix" : "memory" in target ? "" : "TCP";
  for (const [name, used] of Object.entries(TUNING)) {
    if (used === kind || Reflect.get(options, name) === undefined) continue;
    throw new TypeError(
      `Cannot use the option "${name}" of listen() for ${
        formatAddress(target)
      }: only ${used} sockets have it; omit the option`,
    );
  }
  if (
    options.mode !== undefined && "path" in target &&
    target.path.startsWith("\0")
  ) {
    throw new TypeError(
      `Cannot use the option "mode" of listen() for ${
        formatAddress(target)
      }: an abstract socket has no file; omit the option`,
    );
  }
}

async function bind(
  target: Address<Partial<TlsServerOptions>>,
  options: ListenOptions,
): Promise<SocketListener> {
  if ("memory" in target) {
    if (options.proxyProtocol === undefined) {
      return listenMemory(target, options);
    }
    throw new TypeError(
      `Cannot use the option "proxyProtocol" of listen() for ${
        formatAddress(target)
      }: no proxy connects in memory; omit the option`,
    );
  }
  const proxied = await proxiedBy(options.proxyProtocol);
  if (target.tls !== undefined) {
    const where = "the option tls of listen()";
    const tls = checkOptions(where, target.tls, TLS_OPTIONS);
    const { listenTls } = await import("./tls/listen_tls.ts");
    const unlimited = { maxConnections: Infinity, onError: options.onError };
    const before = proxied && ((sockets: SocketListener) => {
      return proxied(sockets, unlimited);
    });
    return await listenTls({ ...target, tls }, options, before);
  }
  const listenPlain = async (given: ListenOptions) =>
    "path" in target
      ? await listenUnix(target, given)
      : await listenTcp(target, given);
  if (proxied === undefined) return await listenPlain(options);
  // The outer listener enforces the signal and the connection cap.
  const { signal: _signal, overflow: _overflow, ...rest } = options;
  const sockets = await listenPlain({ ...rest, maxConnections: Infinity });
  return proxied(sockets, options);
}

type ProxyProtocol = NonNullable<ListenerOptions["proxyProtocol"]>;

type Proxied = (
  sockets: SocketListener,
  options: ListenerOptions,
) => SocketListener;

/** Returns a function that adds the reading of headers to a listener. */
async function proxiedBy(
  options: ProxyProtocol | undefined,
): Promise<Proxied | undefined> {
  if (options === undefined) return undefined;
  const where = "the option proxyProtocol of listen()";
  const given = checkOptions(where, options, PROXY_OPTIONS);
  const { resolveProxyProtocol, ProxiedListener } = await import(
    "./proxy/proxied_listener.ts"
  );
  const resolved = resolveProxyProtocol(given);
  return (sockets, listenerOptions) =>
    new ProxiedListener(sockets, resolved, listenerOptions);
}
