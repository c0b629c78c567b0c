/**
 * A listener whose clients come through proxies.
 *
 * @module
 */
import { formatAddress } from "../address.ts";
import { BoundedSetups } from "../bounded_setups.ts";
import type { SocketAddress } from "../connection.ts";
import { destroy } from "../destroy.ts";
import { transportError } from "../error_mapping.ts";
import { TransportError } from "../errors.ts";
import type { SocketConnection } from "../socket_connection.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
  type SocketConnectionOptions,
} from "../socket_connection_impl.ts";
import type { ListenerOptions, SocketListener } from "../socket_listener.ts";
import {
  type AcceptSource,
  SocketListenerImpl,
} from "../socket_listener_impl.ts";
import { describeType } from "../../support/describe_type.ts";
import { checkTimeout, withTimeout } from "../with_timeout.ts";
import { IpRanges } from "./ip_address.ts";
import {
  parseProxyHeader,
  type ProxyHeader,
  type ProxyInfo,
} from "./proxy_header.ts";

/** Number of headers that may be incomplete at the same time. */
const MAX_HEADERS = 256;
/** Least of `maxHeader`: a header with two paths of Unix sockets. */
const LEAST_MAX = 232;
/** Length of the longest header that can be declared. */
const LONGEST = 16 + 0xffff;
/** Bytes of the first buffer; most headers are shorter. */
const FIRST_BUFFER = 256;
/** The source that stands for all clients of a Unix socket. */
const UNIX = "unix";

/** Options for {@linkcode ProxiedListener}, checked. */
export interface ResolvedProxyProtocol {
  /** Returns whether an address is that of a proxy. */
  isProxy(address: SocketAddress): boolean;
  /** Milliseconds that a header may take. */
  readonly timeout: number;
  /** Maximum number of bytes of a header. */
  readonly maxHeader: number;
  /** Called for each client that is refused. */
  readonly onRefused: ((error: TransportError) => void) | undefined;
}

/**
 * Checks the options of a user.
 *
 * @throws {TypeError} if a source is neither an address nor a range
 * @throws {RangeError} if a number is out of range
 */
export function resolveProxyProtocol(
  { from, timeout = 5_000, maxHeader = 4_096, onRefused }: NonNullable<
    ListenerOptions["proxyProtocol"]
  >,
): ResolvedProxyProtocol {
  if (!Array.isArray(from) || from.length === 0) {
    throw new TypeError(
      'Cannot use the option "proxyProtocol" of listen() without "from": list the addresses of the proxies, as in ["10.0.0.0/8"]',
    );
  }
  checkTimeout(timeout, "proxyProtocol.timeout");
  const inRange = maxHeader >= LEAST_MAX && maxHeader <= LONGEST;
  if (!Number.isInteger(maxHeader) || !inRange) {
    throw new RangeError(
      `Cannot listen as 'proxyProtocol.maxHeader' must be an integer from ${LEAST_MAX} to ${LONGEST}: current value is ${maxHeader}`,
    );
  }
  const ranges = new IpRanges(
    from.filter((text) => text !== UNIX),
    (text: unknown) => {
      const shown = typeof text === "string"
        ? JSON.stringify(text)
        : describeType(text);
      throw new TypeError(
        `Cannot use ${shown} as a source of proxies: expected an IP address, a range such as "10.0.0.0/8", or "${UNIX}"`,
      );
    },
  );
  const unix = from.includes(UNIX);
  return {
    isProxy: ({ transport, hostname = "" }) =>
      transport === "unix" ? unix : ranges.has(hostname),
    timeout,
    maxHeader,
    onRefused,
  };
}

/** A listener that reads a header before it accepts a connection. */
export class ProxiedListener extends SocketListenerImpl {
  /**
   * @param sockets the source of sockets; the new object owns it
   * @param proxies the proxies, and the limits of headers
   * @param options caps, callback and signal
   */
  constructor(
    sockets: SocketListener,
    proxies: ResolvedProxyProtocol,
    options: ListenerOptions,
  ) {
    super(new ProxiedSource(sockets, proxies), options);
  }
}

/** A socket after its header. */
interface Proxied {
  readonly socket: ProxiedSocket;
  readonly proxy: ProxyInfo;
}

/** The connections of a listener, after their headers. */
class ProxiedSource implements AcceptSource {
  readonly addr: SocketAddress;
  #proxies: ResolvedProxyProtocol;
  #setups: BoundedSetups<SocketConnection, Proxied>;

  constructor(sockets: SocketListener, proxies: ResolvedProxyProtocol) {
    this.addr = sockets.addr;
    this.#proxies = proxies;
    this.#setups = new BoundedSetups(sockets, {
      name: "PROXY header",
      max: MAX_HEADERS,
      setUp: (socket, signal) => this.#readHeader(socket, signal),
      discard: ({ socket }) => destroy(socket),
      onFailed: (error, address) => this.#refused(error, address),
    });
  }

  async accept(options: SocketConnectionOptions): Promise<SocketConnection> {
    const { socket, proxy } = await this.#setups.accept();
    return new SocketConnectionImpl(socket, { ...options, proxy });
  }

  close(): void {
    this.#setups.close();
  }

  stopped(): Promise<void> {
    return this.#setups.stopped();
  }

  ref(): void {
    this.#setups.ref();
  }

  unref(): void {
    this.#setups.unref();
  }

  async #readHeader(
    socket: SocketConnection,
    signal: AbortSignal,
  ): Promise<Proxied> {
    const proxyAddr = socket.remoteAddr;
    const address = formatAddress(proxyAddr);
    const { timeout, maxHeader, isProxy } = this.#proxies;
    try {
      if (!isProxy(proxyAddr)) throw notListed(address);
      const { header, rest } = await withTimeout(
        receiveHeader(socket, maxHeader),
        {
          signal,
          timeout,
          cancel: () => destroy(socket),
          timeoutError: () => {
            return new TransportError(
              `Cannot accept ${address}: its PROXY header did not arrive within ${timeout} ms`,
              { code: "timeout", address },
            );
          },
        },
      );
      const proxy: ProxyInfo = { ...header, proxyAddr };
      const remoteAddr = header.source ?? proxyAddr;
      return { socket: new ProxiedSocket(socket, remoteAddr, rest), proxy };
    } catch (error) {
      destroy(socket);
      throw error;
    }
  }

  #refused(error: unknown, address: string): void {
    // The proxy has only checked that the port is open.
    if (error === NOTHING) return;
    try {
      const context = { verb: "accept", address };
      this.#proxies.onRefused?.(transportError(error, context));
    } catch {
      // A callback that throws must not end the listener.
    }
  }
}

/** The end of a socket before its first byte. */
const NOTHING: Error = new Error("the socket ended before its first byte");

function notListed(address: string): TransportError {
  return new TransportError(
    `Cannot accept ${address}: it is not listed in proxyProtocol.from, so that no header of it can be believed`,
    { code: "forbidden", address },
  );
}

/** Reads a header, and perhaps some of the bytes after it. */
async function receiveHeader(
  socket: SocketConnection,
  maxHeader: number,
): Promise<{ header: ProxyHeader; rest: Uint8Array }> {
  const address = formatAddress(socket.remoteAddr);
  let buffer = new Uint8Array(FIRST_BUFFER);
  let filled = 0;
  for (;;) {
    const count = await socket.read(buffer.subarray(filled));
    if (count === null) {
      if (filled === 0) throw NOTHING;
      throw new TransportError(
        `Cannot accept ${address}: the connection ended within its PROXY header`,
        { code: "truncated", address },
      );
    }
    filled += count;
    const parsed = parseProxyHeader(buffer.subarray(0, filled), maxHeader);
    if (parsed.kind === "header") {
      const rest = buffer.slice(parsed.length, filled);
      return { header: parsed.header, rest };
    }
    if (parsed.kind === "invalid") {
      throw new TransportError(
        `Cannot accept ${address}: its PROXY header is not acceptable: ${parsed.reason}`,
        { code: "protocol", address },
      );
    }
    if (parsed.needed > buffer.length) {
      const larger = new Uint8Array(parsed.needed);
      larger.set(buffer.subarray(0, filled));
      buffer = larger;
    }
  }
}

/** A socket after its header, with the address of its client. */
class ProxiedSocket implements LowerConnection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  readonly #socket: SocketConnection;
  /** Bytes after the header that are not read yet. */
  #rest: Uint8Array;

  constructor(
    socket: SocketConnection,
    remoteAddr: SocketAddress,
    rest: Uint8Array,
  ) {
    this.#socket = socket;
    this.#rest = rest;
    this.localAddr = socket.localAddr;
    this.remoteAddr = remoteAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) return this.#socket.read(buffer);
    const count = Math.min(buffer.length, this.#rest.length);
    buffer.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return Promise.resolve(count);
  }

  write(data: Uint8Array): Promise<number> {
    return this.#socket.write(data);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  /** Closes at once; the connection above has lingered. */
  close(): void {
    destroy(this.#socket);
  }

  ref(): void {
    this.#socket.ref?.();
  }

  unref(): void {
    this.#socket.unref?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
