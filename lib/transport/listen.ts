/**
 * The server's side of every transport.
 *
 * @module
 */
import { type Address, formatAddress, resolveAddress } from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { ListenerOptions, SocketListener } from "./listener.ts";
import { listenMemory } from "./memory.ts";
import { listenTcp, type TcpListenOptions } from "./tcp.ts";
import type { TlsServerOptions } from "./tls_server.ts";
import { listenUnix, type UnixListenOptions } from "./unix.ts";

/** Where to listen: an address object, its URL form, or the `addr` of an earlier listener. */
export type ListenAddress =
  | Address<TlsServerOptions>
  | SocketAddress
  | string
  | URL;

/** Options of {@linkcode listen}. */
export interface ListenOptions
  extends ListenerOptions, TcpListenOptions, UnixListenOptions {
  /** Speak TLS, with these options, on an address that has no `tls` of its own. */
  tls?: TlsServerOptions;
}

/**
 * Creates a socket, binds it to the address and listens.
 *
 * Requires `--allow-net=host:port` (`--allow-net=host` for port 0); for a Unix
 * socket `--allow-net=unix:path`, `--allow-read=path` and `--allow-write=path`;
 * for memory nothing.
 *
 * @example Serve every client, until the listener is closed
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
 * @param address where
 * @param options of the listener and of the sockets it accepts
 * @throws {TransportError} of kind `"address-in-use"`, `"address-invalid"`,
 * `"permission"`, `"not-found"`, `"unsupported"`, …
 * @throws {Error} `Deno.errors.NotCapable` for a missing permission; the reason
 * of a signal that is aborted already
 */
export async function listen(
  address: ListenAddress,
  options: ListenOptions = {},
): Promise<SocketListener> {
  options.signal?.throwIfAborted();
  const target = resolveAddress(address, options.tls);
  if ("memory" in target) return listenMemory(target, options);
  if (target.tls !== undefined) {
    const tls = requireCertificate(target.tls, formatAddress(target));
    const { listenTls } = await import("./tls_server.ts");
    return await listenTls({ ...target, tls }, options);
  }
  return "path" in target
    ? await listenUnix(target, options)
    : listenTcp(target, options);
}

/** A `tls://` URL says that TLS is wanted, and cannot say with which certificate. */
function requireCertificate(
  tls: TlsServerOptions | Record<never, never>,
  address: string,
): TlsServerOptions {
  if ("cert" in tls && "key" in tls) return tls;
  throw new TransportError(
    `Cannot listen on ${address}: TLS needs a certificate and its key; give them as '{ tls: { cert, key } }'`,
    { kind: "tls", address },
  );
}
