/**
 * The TLS connection and the client's options.
 *
 * @module
 */
import type { OptionNames } from "../../support/check_options.ts";
import type { PeerCertificate } from "../peer_certificate.ts";
import type { SocketConnection } from "../socket_connection.ts";

/**
 * TLS options for a client.
 *
 * @category TLS
 */
export interface TlsClientOptions {
  /**
   * Name to request from the server and to find in its certificate.
   *
   * The request uses the Server Name Indication (SNI, RFC 6066).
   *
   * @default {the host name of the address; "localhost" over a Unix socket}
   */
  serverName?: string | undefined;
  /** PEM certificates of trusted authorities, in addition to the runtime's. */
  caCerts?: readonly string[] | undefined;
  /**
   * Whether to trust the runtime's authorities.
   *
   * In Deno, `DENO_TLS_CA_STORE` and `--cert` select them. With `false`, only
   * `caCerts` are trusted, which suits a private service.
   *
   * @default {true}
   */
  defaultCaCerts?: boolean | undefined;
  /** PEM certificate chain of the client, its own certificate first. */
  cert?: string | undefined;
  /** PEM private key of `cert`. */
  key?: string | undefined;
  /** Application protocols to offer (ALPN, RFC 7301), in order of preference. */
  alpnProtocols?: readonly string[] | undefined;
  /**
   * Whether a close_notify must announce the end of the stream.
   *
   * Some peers close without one. With `false`, their end is an ordinary one, as
   * over TCP: an attacker can then truncate the stream undetected, except inside
   * a frame, which the framing layer reports as `truncated`.
   *
   * @default {true}
   */
  requireCloseNotify?: boolean | undefined;
}

/** Names of the options of {@linkcode TlsClientOptions}. */
export const TLS_CLIENT_OPTIONS: OptionNames<TlsClientOptions> = {
  serverName: true,
  caCerts: true,
  defaultCaCerts: "flag",
  cert: true,
  key: true,
  alpnProtocols: true,
  requireCloseNotify: "flag",
};

/**
 * A connection that has completed its TLS handshake.
 *
 * `read` distinguishes the end of the stream (`null`, after the peer's
 * close_notify) from a truncated stream ({@linkcode TransportError} with code
 * `"truncated"`). `closeWrite` sends close_notify and leaves the other
 * direction open.
 *
 * @example Require a client certificate of the organization "Office"
 * ```ts
 * import type { TlsConnection } from "@lengthwise/lengthwise/transport";
 *
 * function authorize({ peerCertificate }: TlsConnection): void {
 *   if (peerCertificate?.subject.O !== "Office") throw new Error("access denied");
 * }
 * ```
 *
 * @category TLS
 */
export interface TlsConnection extends SocketConnection {
  /** Negotiated application protocol (ALPN), or `null`. */
  readonly alpnProtocol: string | null;
  /** The peer's verified certificate, or `null` if it presented none. */
  readonly peerCertificate: PeerCertificate | null;
}
