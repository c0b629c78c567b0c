/**
 * Facts about a connection and its peer.
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import type { PeerCertificate } from "./peer_certificate.ts";

/**
 * Addresses of a connection, and facts about its peer.
 *
 * @category Sockets
 */
export interface ConnectionInfo {
  /** Local address of the connection. */
  readonly localAddr: SocketAddress;
  /** Address of the peer; of its client, if the peer is a proxy that states it. */
  readonly remoteAddr: SocketAddress;
  /**
   * Verified certificate of the peer; `undefined` if it presented none.
   *
   * A client receives the server's certificate over TLS; a server receives the
   * client's over mutual TLS.
   */
  readonly peerCertificate: PeerCertificate | undefined;
  /** HTTP request of a WebSocket that a server accepted; `undefined` otherwise. */
  readonly request: Pick<Request, "url" | "headers"> | undefined;
  /**
   * Header of the proxy through which the client connected; `undefined` without
   * the option `proxyProtocol` of the listener.
   */
  readonly proxy: {
    /** Version of the header. */
    readonly version: 1 | 2;
    /**
     * Whether the proxy relays a client (`"proxy"`), or connects for itself.
     *
     * `"local"` is such a connection, for example a check of the server.
     */
    readonly command: "proxy" | "local";
    /** Address of the proxy itself. */
    readonly proxyAddr: SocketAddress;
    /** Address of the client; `undefined` if the proxy does not state it. */
    readonly source: SocketAddress | undefined;
    /** Address to which the client connected; `undefined` without `source`. */
    readonly destination: SocketAddress | undefined;
    /** TLS between client and proxy, as stated; `undefined` if it is not. */
    readonly tls: {
      /** Version of TLS, such as `"TLSv1.3"`. */
      readonly version: string | undefined;
      /** Name of the cipher. */
      readonly cipher: string | undefined;
      /** Whether the client presented a certificate. */
      readonly certificate: boolean;
      /** Whether the client presented one and the proxy verified it. */
      readonly verified: boolean;
      /** Common name of the client's certificate; no proof unless verified. */
      readonly commonName: string | undefined;
    } | undefined;
    /** Host name that the client asked for, as in TLS. */
    readonly authority: string | undefined;
    /** Application protocol that was negotiated by ALPN. */
    readonly alpn: string | undefined;
    /** Identifier of the connection; at most 128 bytes. */
    readonly uniqueId: Uint8Array | undefined;
    /** Values of other types, such as those of cloud providers. */
    readonly extensions: ReadonlyMap<number, Uint8Array>;
  } | undefined;
}
