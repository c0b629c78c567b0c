/**
 * TLS over a connection that is already open, as STARTTLS needs.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { formatAddress } from "../address.ts";
import type { Connection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import { checkTimeLimit } from "../with_timeout.ts";
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
  requireCloseNotify: "flag",
  timeout: true,
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
 *   await plain.send("STARTTLS");
 *   const line = await plain.read() ?? undefined;
 *   if (new TextDecoder().decode(line).startsWith("220")) {
 *     const { rest } = await plain.detach();
 *     if (rest.length === 0) {
 *       return await startTls(connection, { serverName: "mail.example" });
 *     }
 *   }
 *   connection.close();
 *   throw new Error("Cannot upgrade the connection");
 * }
 * ```
 *
 * @param connection any connection; this function owns it, and closes it if the
 * handshake fails
 * @param options the server's name, which its certificate contains;
 * certificates; a time limit and a signal that cancel the handshake. Unlike those
 * of `connect`, `caCerts` replaces the runtime's authorities, as the handshake has
 * one attempt. `timeout` is the longest time of the handshake in milliseconds, by
 * default 10,000; `0` means no limit.
 * @returns the encrypted connection
 * @throws {TransportError} with code `"tls"` if a certificate or the handshake is
 * rejected, also if the peer closes the connection; with code `"protocol"` if the
 * peer does not speak TLS, `"reset"` if it disconnects, `"closed"` if the
 * connection has been closed locally, or `"timeout"` if the handshake takes too
 * long
 * @throws {RangeError} if `timeout` is out of range
 * @throws {TypeError} if an option is unknown or `serverName` is missing
 * @throws {unknown} the signal's reason, if the signal is aborted
 *
 * @category TLS
 */
export async function startTls(
  connection: Connection,
  options: Omit<TlsClientOptions, "defaultCaCerts" | "caCerts"> & {
    readonly serverName: string;
    /** PEM certificates of trusted authorities, instead of the runtime's. */
    readonly caCerts?: readonly string[] | undefined;
    /** Maximum time of the handshake in ms; 0 for no limit. @default {10000} */
    readonly timeout?: number | undefined;
    /** Cancels the handshake when aborted. */
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TlsConnection> {
  checkOptions("startTls()", options, OPTIONS);
  const { serverName, caCerts, requireCloseNotify, signal } = options;
  const { timeout = 10_000 } = options;
  if (typeof serverName !== "string" || serverName === "") {
    throw new TypeError(
      `Cannot start TLS as 'serverName' must be the server's name: current value is ${serverName}`,
    );
  }
  checkTimeLimit("start TLS", timeout);
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
      timeout: timeout === 0 ? Infinity : timeout,
      timeoutError: () =>
        new TransportError(
          `Cannot start TLS with ${context.address}: the handshake did not complete within ${timeout} ms`,
          { code: "timeout", address: context.address },
        ),
    });
    return new TlsConnectionImpl(engine, negotiated(engine.socket));
  } catch (error) {
    connection.close();
    signal?.throwIfAborted();
    throw handshakeFailure(error, context);
  }
}
