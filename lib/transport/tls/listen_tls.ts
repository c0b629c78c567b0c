/**
 * TLS for servers: listens and performs the handshakes.
 *
 * @module
 */
import { checkTimeout } from "../with_timeout.ts";
import { BoundedHandshakes } from "./bounded_handshakes.ts";
import {
  serverOptions,
  type TlsServerCertificate,
} from "./certificate_checks.ts";
import {
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "../address.ts";
import { TransportError } from "../errors.ts";
import type { ListenerOptions, SocketListener } from "../socket_listener.ts";
import { listenTcp, type TcpListenOptions } from "../tcp.ts";
import type { TlsListener, TlsServerOptions } from "./tls_listener.ts";
import { TlsListenerImpl } from "./tls_listener_impl.ts";
import { listenUnix, type UnixListenOptions } from "../unix.ts";

/** Options for {@linkcode listenTls}. */
export interface TlsListenOptions
  extends ListenerOptions, TcpListenOptions, UnixListenOptions {}

type TlsTarget =
  | TcpAddress<Partial<TlsServerOptions>>
  | UnixAddress<Partial<TlsServerOptions>>;

/**
 * Listens, and performs the handshakes concurrently with the accept loop.
 *
 * The handshakes run in `node:tls`, on sockets accepted by Deno, because Deno's
 * own TLS listener can neither disable Nagle's algorithm nor request client
 * certificates, and the accept loop of `node:net` stops permanently at the
 * descriptor limit.
 *
 * @param address where to listen, with the TLS options
 * @param options options for the listener and its sockets
 * @param before returns a listener of sockets after whatever precedes TLS on them
 * @throws {TransportError} with code `"tls"` if the certificate or key is
 * unusable, or with another code that `listen` documents
 */
export async function listenTls(
  address: TlsTarget,
  options: TlsListenOptions = {},
  before: (sockets: SocketListener) => SocketListener = (sockets) => sockets,
): Promise<TlsListener> {
  const name = formatAddress({ tls: {}, ...address });
  const tls = checkServer(address.tls ?? {}, name);
  const { alpnProtocols, requireAlpn = false, onHandshakeError } = tls;
  const { handshakeTimeout = 5_000, maxHandshakes = 256 } = tls;
  let current = await serverOptions(tls, name);
  const alpn = alpnProtocols && { ALPNProtocols: [...alpnProtocols] };
  const sockets = before(await listenRaw(address, options));
  const handshakes = new BoundedHandshakes(sockets, {
    tlsOptions: () => ({ ...current, ...alpn }),
    requireAlpn,
    requireCloseNotify: tls.requireCloseNotify,
    handshakeTimeout,
    maxHandshakes,
    onHandshakeError,
  });
  const load = async (certificate: TlsServerCertificate) => {
    current = await serverOptions(certificate, name);
  };
  return new TlsListenerImpl(handshakes, load, options);
}

function checkServer(
  tls: Partial<TlsServerOptions>,
  address: string,
): TlsServerOptions {
  const { cert, key, handshakeTimeout = 5_000, maxHandshakes = 256 } = tls;
  if (cert === undefined || key === undefined) {
    throw new TransportError(
      `Cannot listen on ${address}: TLS needs a certificate and its key; pass them as '{ tls: { cert, key } }'`,
      { code: "tls", address },
    );
  }
  checkTimeout(handshakeTimeout, "tls.handshakeTimeout");
  if (!(maxHandshakes >= 1)) {
    throw new RangeError(
      `Cannot listen as 'tls.maxHandshakes' must be at least 1: current value is ${maxHandshakes}`,
    );
  }
  return { ...tls, cert, key, handshakeTimeout, maxHandshakes };
}

/** Listens without TLS; the TLS listener enforces the signal and the connection cap. */
async function listenRaw(
  address: TlsTarget,
  { signal: _signal, overflow: _overflow, ...options }: TlsListenOptions,
): Promise<SocketListener> {
  const raw = { ...options, maxConnections: Infinity };
  return "path" in address
    ? await listenUnix(address, raw)
    : await listenTcp(address, raw);
}
