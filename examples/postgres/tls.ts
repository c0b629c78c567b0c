/**
 * TLS, which the client requests in plain text before logging in:
 *
 * ```text
 * SSLRequest ───────▶
 *           ◀─────── "S", then TLS begins; or "N": not supported
 * ```
 *
 * @module
 */
import { frames } from "@lengthwise/lengthwise/framing";
import { postgresStartup } from "@lengthwise/lengthwise/framing/presets";
import { readExactly } from "@lengthwise/lengthwise/transport";
import { ProtocolError } from "./errors.ts";
import { int32 } from "./messages.ts";

/** Code in place of the protocol version (PostgreSQL, "SSLRequest"). */
const SSL_REQUEST = 80_877_103;
const YES = "S";
const NO = "N";

/** Options for {@linkcode connectWithTls}. */
export interface TlsOptions {
  /** PEM certificates of authorities to trust in addition to Deno's. */
  caCerts?: string[];
}

/**
 * Connects to a server and requests TLS.
 *
 * @throws {ProtocolError} if the server has no TLS; plain text is never used
 */
export async function connectWithTls(
  address: { hostname: string; port: number },
  { caCerts = [] }: TlsOptions,
  signal = AbortSignal.timeout(10_000),
): Promise<Deno.TlsConn> {
  const tcp = await Deno.connect({ ...address, signal });
  let open: Disposable = tcp;
  const close = () => open[Symbol.dispose]();
  signal.addEventListener("abort", close, { once: true });
  try {
    tcp.setNoDelay(true);
    await askForTls(tcp);
    const hostname = address.hostname;
    const tls = await Deno.startTls(tcp, { hostname, caCerts });
    open = tls;
    await tls.handshake();
    return tls;
  } catch (error) {
    close();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function askForTls(tcp: Deno.TcpConn): Promise<void> {
  const greeting = frames(tcp, postgresStartup());
  greeting.write(int32(SSL_REQUEST));
  await greeting.detach();
  // Read exactly one byte: further bytes would be unencrypted, and anyone could
  // have sent them (CVE-2021-23222).
  const reply = new Uint8Array(1);
  await readExactly(tcp, reply);
  const letter = String.fromCharCode(reply[0] ?? 0);
  if (letter === YES) return;
  throw new ProtocolError(
    letter === NO
      ? "Cannot log in: the server has no TLS"
      : "Cannot log in: the peer is not a PostgreSQL server",
  );
}
