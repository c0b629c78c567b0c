/**
 * TLS: its connections, and the client's side of the handshake.
 *
 * @module
 */
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { type SubjectAltName, subjectAltNames } from "./der.ts";
import type { FailureContext } from "../failure.ts";
import { checkClient, requireAuthority } from "./tls_context.ts";
import { handshakeFailure, isUntrusted } from "./handshake_failure.ts";
import { performHandshake } from "./handshake.ts";
import { nodeModules } from "./node_modules.ts";
import {
  DEFAULT_HOSTNAME,
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "../address.ts";
import type { Connection } from "../connection.ts";
import {
  SocketConnection,
  type SocketConnectionOptions,
} from "../socket_connection.ts";
import { dialTcp, type TcpConnectOptions } from "../tcp.ts";
import { dialUnix } from "../unix.ts";

/** TLS options of a client. */
export interface TlsClientOptions {
  /**
   * The name to ask the server for (SNI, RFC 6066) and to find in its
   * certificate.
   *
   * @default {the host name that is dialled; "localhost" over a Unix socket}
   */
  serverName?: string;
  /** PEM certificates of authorities to trust, besides those of the runtime. */
  caCerts?: readonly string[];
  /**
   * Trust the authorities that the runtime trusts (in Deno the store that
   * `DENO_TLS_CA_STORE` and `--cert` choose); `false` leaves `caCerts` alone,
   * for a service of one's own.
   *
   * @default {true}
   */
  defaultCaCerts?: boolean;
  /** PEM certificate chain of the client, its own certificate first. */
  cert?: string;
  /** PEM private key of `cert`. */
  key?: string;
  /** Application protocols to offer (ALPN, RFC 7301), the most wanted first. */
  alpnProtocols?: readonly string[];
}

export type { SubjectAltName };

/**
 * A name in a certificate by its attributes, such as `{ CN: "alice", O: "Shop" }`;
 * an attribute that is there several times has an array.
 */
export type CertificateName = Readonly<
  Record<string, string | readonly string[]>
>;

/** What the peer has proved to be. */
export interface PeerCertificate {
  /** Whom it was issued to. */
  readonly subject: CertificateName;
  /** Who issued it. */
  readonly issuer: CertificateName;
  /** Other names of the subject: DNS names, IP addresses, URIs, e-mail addresses. */
  readonly subjectAltNames: readonly SubjectAltName[];
  /** SHA-256 of the certificate in upper-case hex, `AA:BB:…`. */
  readonly fingerprint256: string;
  /** Serial number in upper-case hex. */
  readonly serialNumber: string;
  /** Not valid before. */
  readonly validFrom: Date;
  /** Not valid after. */
  readonly validTo: Date;
  /** The certificate itself, DER. */
  readonly raw: Uint8Array;
}

/** What a handshake has agreed on. */
export interface TlsConnectionOptions extends SocketConnectionOptions {
  /** The ALPN protocol, if one was agreed on. */
  alpnProtocol?: string | null;
  /** The peer's certificate, where it is known. */
  peerCertificate?: PeerCertificate | null;
}

/**
 * A connection whose TLS handshake is done.
 *
 * `read` tells the peer's end (`null`, after its close_notify) from a stream
 * that was cut: {@linkcode TransportError} of kind `"truncated"`. `closeWrite`
 * sends close_notify and leaves the other direction open.
 *
 * @example Let nobody in whose certificate is not from the office
 * ```ts
 * import type { TlsConnection } from "@lengthwise/lengthwise/transport";
 *
 * function authorize({ peerCertificate }: TlsConnection): void {
 *   if (peerCertificate?.subject.O !== "Office") throw new Error("not one of us");
 * }
 * ```
 */
export class TlsConnection extends SocketConnection {
  /** The application protocol that was agreed on (ALPN), or `null`. */
  readonly alpnProtocol: string | null;
  /** The peer's certificate, verified; `null` where it has presented none. */
  readonly peerCertificate: PeerCertificate | null;

  /**
   * Makes one of a stream that is secured already.
   *
   * @param socket the secured stream; it belongs to this object from now on
   * @param options what the handshake has agreed on
   */
  constructor(socket: Connection, options: TlsConnectionOptions = {}) {
    super(socket, options);
    this.alpnProtocol = options.alpnProtocol ?? null;
    this.peerCertificate = options.peerCertificate ?? null;
  }
}

/** Options of {@linkcode connectTls}. */
export interface TlsConnectOptions extends TcpConnectOptions {
  /** Gives up when aborted, and rejects with the signal's reason. */
  signal?: AbortSignal;
}

type TlsTarget = TcpAddress<TlsClientOptions> | UnixAddress<TlsClientOptions>;

/**
 * Dials, sets no-delay, and waits for the handshake.
 *
 * `node:tls` does it, on a socket of Deno: `Deno.startTls` drops a client's
 * certificate, knows TCP only, does not tell the server's certificate, and keeps
 * the descriptor of a handshake that was given up until the peer lets go.
 *
 * With `caCerts`, a server whose certificate is from none of them is dialled a
 * second time, with the authorities of the runtime.
 *
 * @param address where to, with the TLS options
 * @param options socket options and a signal
 * @throws {TransportError} of kind `"tls"` for a certificate or handshake that
 * was refused, `"protocol"` for a peer that does not speak TLS; the signal's reason
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
  const [first, second] = trusted(address.tls ?? {}, context);
  try {
    try {
      return await secure(address, { ...client, ...first }, options);
    } catch (error) {
      if (second === undefined || !isUntrusted(error)) throw error;
      return await secure(address, { ...client, ...second }, options);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw handshakeFailure(error, context);
  }
}

/** Dials, and shakes hands once. */
async function secure(
  address: TlsTarget,
  client: ConnectionOptions,
  options: TlsConnectOptions,
): Promise<TlsConnection> {
  const raw = "path" in address
    ? await dialUnix(address)
    : await dialTcp(address, options);
  const engine = await performHandshake(raw, { client }, {
    signal: options.signal,
    timeout: Infinity,
    late: () => new Error("nothing is later than Infinity"),
  });
  try {
    return new TlsConnection(engine, agreed(engine.socket));
  } catch (error) {
    engine.close();
    throw error;
  }
}

/**
 * Whom to trust, one set for each handshake. A chain ends at one authority, so
 * to trust either of two sets is to trust both; and one set that holds all
 * would be parsed anew for each handshake, which costs ten times as much as the
 * handshake does (Deno 2.9). Deno does not tell, either, what its store holds.
 */
function trusted(
  { caCerts, defaultCaCerts = true }: TlsClientOptions,
  context: FailureContext,
): [ConnectionOptions, ConnectionOptions?] {
  if (!defaultCaCerts) requireAuthority("caCerts", caCerts ?? [], context);
  if (caCerts === undefined || caCerts.length === 0) return [{}];
  const own = { ca: [...caCerts] };
  return defaultCaCerts ? [own, {}] : [own];
}

function serverName(target: TlsTarget): string {
  const dialled = "path" in target
    ? "localhost"
    : target.hostname ?? DEFAULT_HOSTNAME;
  return target.tls?.serverName ?? dialled;
}

async function clientOptions(
  target: TlsTarget,
  context: FailureContext,
): Promise<ConnectionOptions> {
  const { cert, key, alpnProtocols } = target.tls ?? {};
  await checkClient(target.tls ?? {}, context);
  const { isIP } = await nodeModules();
  const name = serverName(target);
  return {
    host: name,
    // RFC 6066, 3: SNI has names only; an address is verified all the same.
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: true,
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(alpnProtocols && { ALPNProtocols: [...alpnProtocols] }),
  };
}

/**
 * Reads what a handshake of `node:tls` has agreed on.
 *
 * @param socket a secured socket
 */
export function agreed(socket: TLSSocket): TlsConnectionOptions {
  const { alpnProtocol } = socket;
  return {
    alpnProtocol: alpnProtocol === false ? null : alpnProtocol,
    peerCertificate: peerCertificate(socket),
  };
}

function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate();
  // Node.js gives an empty object where there is none, whatever the type says.
  if (certificate?.raw === undefined) return null;
  const { subject, issuer, fingerprint256, serialNumber, raw } = certificate;
  return {
    subject: certificateName(subject),
    issuer: certificateName(issuer),
    subjectAltNames: subjectAltNames(raw),
    fingerprint256,
    serialNumber,
    validFrom: new Date(certificate.valid_from),
    validTo: new Date(certificate.valid_to),
    raw: new Uint8Array(raw),
  };
}

function certificateName(name: object): CertificateName {
  return Object.fromEntries(Object.entries(name));
}
