/**
 * TLS over a connection that is already open, as STARTTLS needs.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { formatAddress } from "../address.ts";
import type { Connection } from "../connection.ts";
import { clientOptions } from "./connect_tls.ts";
import { handshakeFailure } from "./handshake_failure.ts";
import { performHandshake } from "./handshake.ts";
import type { TlsClientOptions, TlsConnection } from "./tls_connection.ts";
import { negotiated, TlsConnectionImpl } from "./tls_connection_impl.ts";

type Options = Parameters<typeof startTls>[1];

const OPTIONS: OptionNames<Options> = {
  serverName: true,
  caCerts: true,
  cert: true,
  key: true,
  alpnProtocols: true,
  requireCloseNotify: true,
  signal: true,
};

/**
 * Performs the TLS handshake of a client on an open connection.
 *
 * Protocols such as SMTP, IMAP and PostgreSQL begin in plain text and continue
 * with TLS (STARTTLS). Take the connection from `FrameStream.detach()`, and
 * reject bytes that arrived before the handshake: they were not encrypted, and
 * an attacker may have sent them.
 *
 * @example Upgrade a connection
 * ```ts
 * import { type Connection, startTls, type TlsConnection } from "@lengthwise/lengthwise/transport";
 * import { frames, lines } from "@lengthwise/lengthwise/framing";
 *
 * async function upgrade(connection: Connection): Promise<TlsConnection> {
 *   const plain = frames(connection, lines());
 *   await plain.send(new TextEncoder().encode("STARTTLS"));
 *   for await (const line of plain) {
 *     if (!new TextDecoder().decode(line).startsWith("220")) break;
 *     const { rest } = await plain.detach();
 *     if (rest.length > 0) break;
 *     return await startTls(connection, { serverName: "mail.example" });
 *   }
 *   connection.close();
 *   throw new Error("Cannot upgrade the connection");
 * }
 * ```
 *
 * @param connection any connection; this function owns it, and closes it if the
 * handshake fails
 * @param options the server's name, which its certificate contains;
 * certificates; a signal that cancels the handshake. Unlike those of `connect`,
 * `caCerts` replaces the runtime's authorities, as the handshake has one attempt.
 * @returns the encrypted connection
 * @throws {TransportError} with code `"tls"` if a certificate or the handshake is
 * rejected, or with code `"protocol"` if the peer does not speak TLS
 * @throws {TypeError} if an option is unknown or `serverName` is missing
 * @throws {unknown} the signal's reason, if the signal is aborted
 *
 * @category TLS
 */
export async function startTls(
  connection: Connection,
  options: Omit<TlsClientOptions, "defaultCaCerts"> & {
    readonly serverName: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TlsConnection> {
  checkOptions("startTls()", options, OPTIONS);
  const { serverName, caCerts, requireCloseNotify, signal } = options;
  if (typeof serverName !== "string" || serverName === "") {
    throw new TypeError(
      `Cannot start TLS as 'serverName' must be the server's name: current value is ${serverName}`,
    );
  }
  const context = {
    verb: "start TLS with",
    address: formatAddress(connection.remoteAddr),
  };
  try {
    signal?.throwIfAborted();
    const { cert, key, alpnProtocols } = options;
    const own = { serverName, caCerts, cert, key, alpnProtocols };
    const client = await clientOptions({ port: 0, tls: own }, context);
    const engine = await performHandshake(connection, {
      client: { ...client, ...(caCerts && { ca: [...caCerts] }) },
      requireCloseNotify,
    }, {
      signal,
      timeout: Infinity,
      timeoutError: () => new Error("unreachable: no timeout is set"),
    });
    return new TlsConnectionImpl(engine, negotiated(engine.socket));
  } catch (error) {
    connection.close();
    signal?.throwIfAborted();
    throw handshakeFailure(error, context);
  }
}
