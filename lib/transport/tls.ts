/**
 * TLS: its connections, and the client's side of the handshake.
 *
 * @module
 */
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { type SubjectAltName, subjectAltNames } from "./_der.ts";
import { requireDeno } from "./_platform.ts";
import { startEngine } from "./_tls_engine.ts";
import { handshakeFailure } from "./_tls_failure.ts";
import {
  DEFAULT_HOSTNAME,
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
import type { Connection } from "./connection.ts";
import {
  SocketConnection,
  type SocketConnectionOptions,
} from "./socket_connection.ts";
import { dialTcp, type TcpConnectOptions } from "./tcp.ts";
import { dialUnix } from "./unix.ts";

/** TLS options of a client. */
export interface TlsClientOptions {
  /**
   * The name to ask the server for (SNI, RFC 6066) and to find in its
   * certificate.
   *
   * @default {the host name that is dialled; "localhost" over a Unix socket}
   */
  serverName?: string;
  /** PEM certificates of authorities to trust, besides those that Deno trusts. */
  caCerts?: readonly string[];
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
 */
export class TlsConnection extends SocketConnection {
  /** The application protocol that was agreed on (ALPN), or `null`. */
  readonly alpnProtocol: string | null;
  /**
   * The peer's certificate, verified; `null` where the peer has none, and for
   * a client that presents no certificate itself (Deno does not tell then).
   */
  readonly peerCertificate: PeerCertificate | null;

  /**
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
 * Deno's own TLS is used where it can do what is asked. With a client
 * certificate (which `Deno.startTls` drops) and over Unix sockets `node:tls`
 * does the handshake, on the same socket.
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
  const target = { ...address, tls: checkClient(address) };
  const { tls } = target;
  requireDeno({ verb: "connect to", address: formatAddress(target) });
  return "path" in target || tls.cert !== undefined
    ? await throughNode(target, options)
    : await throughDeno(target, options);
}

async function throughDeno(
  target: TcpAddress<TlsClientOptions>,
  options: TlsConnectOptions,
): Promise<TlsConnection> {
  const { tls = {} } = target;
  const conn = await dialTcp(target, options);
  let socket: Deno.TcpConn | Deno.TlsConn = conn;
  const close = () => closeQuietly(socket);
  return await handshake(
    target,
    { close, signal: options.signal },
    async () => {
      const secured = socket = await Deno.startTls(conn, {
        hostname: serverName(target),
        ...(tls.caCerts && { caCerts: [...tls.caCerts] }),
        ...(tls.alpnProtocols && { alpnProtocols: [...tls.alpnProtocols] }),
      });
      const { alpnProtocol } = await secured.handshake();
      return new TlsConnection(addressed(secured, conn), { alpnProtocol });
    },
  );
}

async function throughNode(
  target: TlsTarget,
  options: TlsConnectOptions,
): Promise<TlsConnection> {
  const raw = "path" in target
    ? await dialUnix(target)
    : await dialTcp(target, options);
  let close = () => closeQuietly(raw);
  const limits = { close: () => close(), signal: options.signal };
  return await handshake(target, limits, async () => {
    const client = await nodeOptions(target);
    const engine = await startEngine(raw, { client });
    close = () => engine.cut();
    // Aborted while the modules were loading: there was nothing to cut then.
    if (options.signal?.aborted) close();
    await engine.secured;
    return new TlsConnection(engine, agreed(engine.socket));
  });
}

async function handshake(
  target: TlsTarget,
  { close, signal }: { close: () => void; signal: AbortSignal | undefined },
  shake: () => Promise<TlsConnection>,
): Promise<TlsConnection> {
  try {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", close, { once: true });
    const connection = await shake();
    signal?.throwIfAborted();
    return connection;
  } catch (error) {
    close();
    signal?.throwIfAborted();
    const address = formatAddress(target);
    throw handshakeFailure(error, { verb: "connect to", address });
  } finally {
    signal?.removeEventListener("abort", close);
  }
}

/** `Deno.startTls` makes a connection that has lost its addresses. */
function addressed(
  socket: Connection,
  { localAddr, remoteAddr }: Connection,
): Connection {
  return {
    localAddr,
    remoteAddr,
    read: (buffer) => socket.read(buffer),
    write: (data) => socket.write(data),
    closeWrite: () => socket.closeWrite(),
    close: () => socket.close(),
    [Symbol.dispose]: () => socket.close(),
  };
}

/** Closing twice throws in Deno. */
function closeQuietly(socket: Connection): void {
  try {
    socket.close();
  } catch {
    // It is closed: what was asked for has been done.
  }
}

function serverName(target: TlsTarget): string {
  const dialled = "path" in target
    ? "localhost"
    : target.hostname ?? DEFAULT_HOSTNAME;
  return target.tls?.serverName ?? dialled;
}

async function nodeOptions(target: TlsTarget): Promise<ConnectionOptions> {
  const [{ getCACertificates }, { isIP }] = await Promise.all([
    import("node:tls"),
    import("node:net"),
  ]);
  const { tls = {} } = target;
  const { caCerts, cert, key, alpnProtocols } = tls;
  const name = serverName(target);
  return {
    host: name,
    // RFC 6066, 3: SNI has names only; an address is verified all the same.
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: true,
    // In Node.js `ca` replaces the default authorities, in Deno it adds to them.
    ...(caCerts && { ca: [...getCACertificates("default"), ...caCerts] }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(alpnProtocols && { ALPNProtocols: [...alpnProtocols] }),
  };
}

function checkClient(target: TlsTarget): TlsClientOptions {
  const { tls = {} } = target;
  if ((tls.cert === undefined) === (tls.key === undefined)) return tls;
  const [given, missing] = tls.cert === undefined
    ? ["key", "cert"]
    : ["cert", "key"];
  throw new TypeError(
    `Cannot connect to ${
      formatAddress(target)
    } as '${given}' needs '${missing}': a client certificate is both`,
  );
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
