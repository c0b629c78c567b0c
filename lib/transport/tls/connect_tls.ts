/**
 * TLS for clients: connects and performs the handshake.
 *
 * @module
 */
import type {
  ConnectionOptions,
  PeerCertificate as NodeCertificate,
} from "node:tls";
import type { FailureContext } from "../error_mapping.ts";
import { checkClient, requireAuthority } from "./certificate_checks.ts";
import { handshakeFailure, isUntrusted } from "./handshake_failure.ts";
import { performHandshake } from "./handshake.ts";
import { nodeTls } from "./node_tls.ts";
import { subjectAltNames } from "./subject_alt_names.ts";
import {
  DEFAULT_HOSTNAME,
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "../address.ts";
import type { TlsClientOptions, TlsConnection } from "./tls_connection.ts";
import { negotiated, TlsConnectionImpl } from "./tls_connection_impl.ts";
import { dialTcp, type TcpConnectOptions } from "../tcp.ts";
import { dialUnix } from "../unix.ts";

/** Options for {@linkcode connectTls}. */
export interface TlsConnectOptions extends TcpConnectOptions {
  /** Cancels connecting when aborted; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

type TlsTarget = TcpAddress<TlsClientOptions> | UnixAddress<TlsClientOptions>;

/**
 * Connects, disables Nagle's algorithm and waits for the TLS handshake.
 *
 * The handshake runs in `node:tls`, on one of Deno's sockets, because
 * `Deno.startTls` ignores the client's certificate, supports TCP only, does not
 * expose the server's certificate, and keeps the descriptor of an abandoned
 * handshake until the peer closes.
 *
 * If `caCerts` is set but none of its authorities issued the server's
 * certificate, a second attempt trusts the runtime's authorities instead.
 *
 * @param address where to connect, with the TLS options
 * @param options socket options and a signal
 * @throws {TransportError} with code `"tls"` if a certificate or the handshake is
 * rejected, or with code `"protocol"` if the peer does not speak TLS
 * @throws {unknown} the signal's reason, if the signal is aborted
 */
export async function connectTls(
  address: TlsTarget,
  options: TlsConnectOptions = {},
): Promise<TlsConnection> {
  const { signal } = options;
  const context = {
    verb: "connect to",
    address: formatAddress({ tls: {}, ...address }),
  };
  signal?.throwIfAborted();
  const client = await clientOptions(address, context);
  const [first, second] = trustedAuthorities(address.tls ?? {}, context);
  try {
    try {
      return await connectOnce(address, { ...client, ...first }, options);
    } catch (error) {
      if (second === undefined || !isUntrusted(error)) throw error;
      return await connectOnce(address, { ...client, ...second }, options);
    }
  } catch (error) {
    signal?.throwIfAborted();
    // Deno's NotCapable stays what it is.
    if (error instanceof Error && error.name === "NotCapable") throw error;
    throw handshakeFailure(error, context);
  }
}

/** Connects once, trusting one set of authorities. */
async function connectOnce(
  address: TlsTarget,
  client: ConnectionOptions,
  options: TlsConnectOptions,
): Promise<TlsConnection> {
  const raw = "path" in address
    ? await dialUnix(address)
    : await dialTcp(address, options);
  const { requireCloseNotify } = address.tls ?? {};
  const role = { client, requireCloseNotify };
  const engine = await performHandshake(raw, role, {
    signal: options.signal,
    timeout: Infinity,
    timeoutError: () => new Error("unreachable: no timeout is set"),
  });
  try {
    return new TlsConnectionImpl(engine, negotiated(engine.socket));
  } catch (error) {
    void engine.linger();
    throw error;
  }
}

/**
 * Returns the authorities to trust, one set per handshake. A chain ends at one
 * authority, so trying two sets in turn is equivalent to trusting their union.
 * Deno does not expose its certificate store, and would parse the union again
 * for every handshake, at ten times the cost of the handshake (Deno 2.9).
 */
function trustedAuthorities(
  { caCerts, defaultCaCerts = true }: TlsClientOptions,
  context: FailureContext,
): [ConnectionOptions, ConnectionOptions?] {
  if (!defaultCaCerts) requireAuthority("caCerts", caCerts ?? [], context);
  if (caCerts === undefined || caCerts.length === 0) return [{}];
  const own = { ca: [...caCerts] };
  return defaultCaCerts ? [own, {}] : [own];
}

function serverName(target: TlsTarget): string {
  const hostname = "path" in target
    ? "localhost"
    // Certificates contain IPv6 addresses without the zone.
    : (target.hostname ?? DEFAULT_HOSTNAME).replace(/%.*$/, "");
  return target.tls?.serverName ?? hostname;
}

/** Returns the client options of `node:tls`, without the authorities. */
export async function clientOptions(
  target: TlsTarget,
  context: FailureContext,
): Promise<ConnectionOptions> {
  const { cert, key, alpnProtocols } = target.tls ?? {};
  await checkClient(target.tls ?? {}, context);
  const { isIP, tls } = await nodeTls();
  const name = serverName(target);
  return {
    host: name,
    // SNI allows only names (RFC 6066, 3); an IP address is verified
    // nevertheless.
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: true,
    checkServerIdentity: (host, certificate) =>
      tls.checkServerIdentity(host, certificate) ?? requireName(certificate),
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(alpnProtocols && { ALPNProtocols: [...alpnProtocols] }),
  };
}

/**
 * Rejects a certificate without host names and IP addresses. `node:tls` would
 * accept its common name instead, contrary to RFC 9525, 6.3.
 */
function requireName({ raw }: NodeCertificate): Error | undefined {
  const named = subjectAltNames(raw)
    .some(({ type }) => type === "dns" || type === "ip");
  return named ? undefined : new Error("certificate has no subjectAltName");
}
