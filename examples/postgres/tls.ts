/**
 * TLS, which the client asks for in the clear, before it logs in:
 *
 * ```text
 * SSLRequest ───────▶
 *           ◀─────── "S", and then TLS begins; or "N": it has none
 * ```
 *
 * @module
 */
import { frames } from "@lengthwise/lengthwise/framing";
import { postgresStartup } from "@lengthwise/lengthwise/framing/presets";
import { readExactly } from "@lengthwise/lengthwise/transport";
import { ProtocolError } from "./errors.ts";
import { int32 } from "./messages.ts";

/** In the place of the protocol's version (PostgreSQL, "SSLRequest"). */
const SSL_REQUEST = 80_877_103;
const YES = "S";
const NO = "N";

/** Options of {@linkcode connectWithTls}. */
export interface TlsOptions {
  /** PEM certificates of authorities to trust beside those that Deno trusts. */
  caCerts?: string[];
}

/**
 * Dials a server and asks it for TLS.
 *
 * @throws {ProtocolError} if it has none: nothing goes on in the clear
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
  // One byte and no more: what came with it would have come in the clear, from
  // anybody (CVE-2021-23222).
  const answer = new Uint8Array(1);
  await readExactly(tcp, answer);
  const letter = String.fromCharCode(answer[0] ?? 0);
  if (letter === YES) return;
  throw new ProtocolError(
    letter === NO
      ? "Cannot log in: the server has no TLS"
      : "Cannot log in: what listens there is no PostgreSQL server",
  );
}
