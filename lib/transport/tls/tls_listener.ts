/**
 * The server's side of TLS.
 *
 * @module
 */
import { checkTimeout } from "../with_timeout.ts";
import { BoundedHandshakes } from "./bounded_handshakes.ts";
import { serverOptions, type TlsServerCertificate } from "./tls_context.ts";
import {
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "../address.ts";
import { TransportError } from "../errors.ts";
import {
  type AcceptSource,
  type ListenerOptions,
  SocketListener,
} from "../listener.ts";
import { listenTcp, type TcpListenOptions } from "../tcp.ts";
import type { TlsConnection } from "./tls_connection.ts";
import { listenUnix, type UnixListenOptions } from "../unix.ts";

export type { TlsServerCertificate };

/** TLS options of a listener. */
export interface TlsServerOptions extends TlsServerCertificate {
  /**
   * Application protocols to speak (ALPN, RFC 7301), the most wanted first. A
   * client that offers only others is refused.
   */
  alpnProtocols?: readonly string[];
  /**
   * Refuse clients that offer no application protocol at all.
   *
   * @default {false}
   */
  requireAlpn?: boolean;
  /**
   * Milliseconds that a client may take for its handshake.
   *
   * @default {5000}
   */
  handshakeTimeout?: number;
  /**
   * Handshakes under way at a time, counting connections that are ready and
   * not accepted yet. Further clients wait in the backlog: the cap bounds what
   * clients that never finish can hold, each for `handshakeTimeout`.
   *
   * @default {256}
   */
  maxHandshakes?: number;
  /** Told of each handshake that failed; the listener goes on. */
  onHandshakeError?: (error: TransportError) => void;
}

/** Options of {@linkcode listenTls}. */
export interface TlsListenOptions
  extends ListenerOptions, TcpListenOptions, UnixListenOptions {}

type TlsTarget =
  | TcpAddress<Partial<TlsServerOptions>>
  | UnixAddress<Partial<TlsServerOptions>>;

/** What a {@linkcode TlsListener} can tell those who do its handshakes. */
export interface TlsListenerControl {
  /**
   * Changes the certificate.
   *
   * @param certificate the next one
   */
  load(certificate: TlsServerCertificate): Promise<void>;
  /** Waits until nothing is under way any more. */
  stopped(): Promise<void>;
}

/**
 * A listener whose connections come with their TLS handshake done, and with
 * what it agreed on.
 *
 * @example Follow a certificate that is renewed on disk
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
 */
export class TlsListener extends SocketListener<TlsConnection> {
  #control: TlsListenerControl;

  /**
   * Makes one of what does the handshakes; `listen` does that.
   *
   * @param source what does the handshakes
   * @param control what it can be told
   * @param options caps, callback and signal
   */
  constructor(
    source: AcceptSource<TlsConnection>,
    control: TlsListenerControl,
    options: ListenerOptions = {},
  ) {
    super(source, options);
    this.#control = control;
  }

  /**
   * Shows another certificate from the next handshake on; connections live on
   * with what they were made with.
   *
   * @param certificate all of it: what is left out is not kept
   * @throws {TransportError} of kind `"tls"` if it is unusable; the old one stays
   */
  async reload(certificate: TlsServerCertificate): Promise<void> {
    await this.#control.load(certificate);
  }

  /** Stops listening, and waits until the address is free and no handshake is under way. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#control.stopped();
  }
}

/**
 * Listens, and does each handshake beside the accept loop.
 *
 * `node:tls` does them, on sockets that Deno has accepted: Deno's own TLS
 * listener can neither set no-delay nor ask for client certificates, and the
 * accept loop of `node:net` stops for good at the descriptor limit.
 *
 * @param address where, with the TLS options
 * @param options of the listener and its sockets
 * @throws {TransportError} of kind `"tls"` for an unusable certificate or key,
 * and of the kinds that `listen` has
 */
export async function listenTls(
  address: TlsTarget,
  options: TlsListenOptions = {},
): Promise<TlsListener> {
  const name = formatAddress({ tls: {}, ...address });
  const tls = checkServer(address.tls ?? {}, name);
  const { alpnProtocols, requireAlpn = false, onHandshakeError } = tls;
  const { handshakeTimeout = 5_000, maxHandshakes = 256 } = tls;
  let current = await serverOptions(tls, name);
  const alpn = alpnProtocols && { ALPNProtocols: [...alpnProtocols] };
  const acceptor = new BoundedHandshakes(await listenRaw(address, options), {
    tlsOptions: () => ({ ...current, ...alpn }),
    requireAlpn,
    handshakeTimeout,
    maxHandshakes,
    onHandshakeError,
  });
  return new TlsListener(acceptor, {
    load: async (certificate) => {
      current = await serverOptions(certificate, name);
    },
    stopped: () => acceptor.stopped(),
  }, options);
}

function checkServer(
  tls: Partial<TlsServerOptions>,
  address: string,
): TlsServerOptions {
  const { cert, key, handshakeTimeout = 5_000, maxHandshakes = 256 } = tls;
  if (cert === undefined || key === undefined) {
    throw new TransportError(
      `Cannot listen on ${address}: TLS needs a certificate and its key; give them as '{ tls: { cert, key } }'`,
      { kind: "tls", address },
    );
  }
  checkTimeout(handshakeTimeout, "tls.handshakeTimeout");
  if (!(maxHandshakes >= 1)) {
    throw new RangeError(
      `Cannot listen as 'tls.maxHandshakes' must be at least 1: current value is ${maxHandshakes}`,
    );
  }
  return { ...tls, cert, key, handshakeTimeout, maxHandshakes };
}

/** The cap on connections is that of the TLS listener; the rest is this one's. */
async function listenRaw(
  address: TlsTarget,
  { signal: _signal, overflow: _overflow, ...options }: TlsListenOptions,
): Promise<SocketListener> {
  const raw = { ...options, maxConnections: Infinity };
  return "path" in address
    ? await listenUnix(address, raw)
    : listenTcp(address, raw);
}
