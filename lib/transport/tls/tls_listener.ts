/**
 * The TLS listener and the server's options.
 *
 * @module
 */
import type { TlsServerCertificate } from "./certificate_checks.ts";
import type { TransportError } from "../errors.ts";
import type { SocketListener } from "../socket_listener.ts";
import type { TlsConnection } from "./tls_connection.ts";

export type { TlsServerCertificate };

/**
 * TLS options for a listener.
 *
 * @category TLS
 */
export interface TlsServerOptions extends TlsServerCertificate {
  /**
   * Supported application protocols (ALPN, RFC 7301), in order of preference. A
   * client that offers only other protocols is rejected.
   */
  alpnProtocols?: readonly string[] | undefined;
  /**
   * Whether to reject clients that do not offer an application protocol.
   *
   * @default {false}
   */
  requireAlpn?: boolean | undefined;
  /**
   * Milliseconds that a client may take for its handshake.
   *
   * @default {5000}
   */
  handshakeTimeout?: number | undefined;
  /**
   * Maximum number of concurrent handshakes, including completed connections
   * waiting for `accept`. The cap limits the resources that clients can hold by
   * never finishing their handshake. A further client replaces the oldest
   * unfinished handshake, of the address that has most of them, once that
   * handshake has taken 500 ms; `onHandshakeError` is called with code
   * `"limit"`. Clients therefore cannot keep those of other addresses waiting.
   *
   * @default {256}
   */
  maxHandshakes?: number | undefined;
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
  /** Called for each failed handshake; the listener continues. */
  onHandshakeError?: ((error: TransportError) => void) | undefined;
}

/**
 * A listener whose connections have completed their TLS handshake.
 *
 * @example Reload a certificate that is renewed on disk
 * ```ts
 * import { listen } from "@lengthwise/lengthwise/transport";
 *
 * async function serve(cert: string, key: string): Promise<void> {
 *   const read = async () => ({
 *     cert: await Deno.readTextFile(cert),
 *     key: await Deno.readTextFile(key),
 *   });
 *   await using listener = await listen({ port: 7443, tls: await read() });
 *   Deno.addSignalListener("SIGHUP", async () => listener.reload(await read()));
 *   for await (using connection of listener) {
 *     console.log(connection.peerCertificate?.subject.CN);
 *   }
 * }
 * ```
 *
 * @category TLS
 */
export interface TlsListener extends SocketListener<TlsConnection> {
  /**
   * Replaces the certificate for all later handshakes; open connections keep
   * theirs.
   *
   * @param certificate the complete replacement: omitted fields are not kept
   * @throws {TransportError} with code `"tls"` if the certificate is unusable; the
   * listener then keeps the old one
   */
  reload(certificate: TlsServerCertificate): Promise<void>;
  /** Stops listening; waits until the address is free and no handshake is running. */
  [Symbol.asyncDispose](): Promise<void>;
}
