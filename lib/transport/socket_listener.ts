/**
 * The listener that `listen` returns, and its options.
 *
 * @module
 */
import type { Listener } from "./connection.ts";
import type { TransportError } from "./errors.ts";
import type { SocketConnection } from "./socket_connection.ts";

/**
 * Options for accepting clients.
 *
 * @category Sockets
 */
export interface ListenerOptions {
  /**
   * Maximum number of open connections, including closed ones whose sockets linger.
   *
   * All sockets and files of a process share its descriptors, so without a cap,
   * one listener can exhaust them.
   *
   * @default {10000}
   */
  maxConnections?: number | undefined;
  /**
   * Treatment of new clients while `maxConnections` connections are open.
   *
   * `"wait"` leaves them in the operating system's backlog until a connection
   * closes; `"refuse"` accepts them and closes them immediately.
   *
   * @default {"wait"}
   */
  overflow?: "wait" | "refuse" | undefined;
  /**
   * Called when accepting fails temporarily, for example at the descriptor limit.
   *
   * Peers that disconnect before they are accepted are not reported. Later
   * failures of a connection are thrown by its own methods.
   */
  onError?: ((error: TransportError) => void) | undefined;
  /**
   * Accepts clients through the listed proxies only, and reports their addresses.
   *
   * Each client must begin with a header of the PROXY protocol, version 1 or 2,
   * also before TLS. The address that it states becomes the `remoteAddr` of the
   * connection, by which handshakes are limited too. The header is the `proxy` of
   * its `info`. Not allowed in memory.
   *
   * @default clients connect directly, and a header is not recognized
   */
  proxyProtocol?: {
    /**
     * Sources that are proxies; all others are refused.
     *
     * They are IP addresses, ranges such as `"10.0.0.0/8"`, and `"unix"` for the
     * clients of a Unix socket. Any other source could state any address.
     */
    from: readonly string[];
    /**
     * Milliseconds that a header may take.
     *
     * @default {5000}
     */
    timeout?: number | undefined;
    /**
     * Maximum number of bytes of a header, from 232 to 65,551.
     *
     * @default {4096}
     */
    maxHeader?: number | undefined;
    /**
     * Called for each client that is refused; the listener continues.
     *
     * Its source is not listed, or its header is missing, invalid, too long or
     * late.
     */
    onRefused?: ((error: TransportError) => void) | undefined;
  } | undefined;
  /** Closes the listener when aborted; accepted connections stay open. */
  signal?: AbortSignal | undefined;
}

/**
 * A listening socket with an accept loop that peers cannot end.
 *
 * Accepting continues until {@linkcode SocketListener.close} is called or the
 * signal is aborted. A peer that resets before it is accepted is skipped. At
 * the descriptor limit, the listener pauses while clients wait in the backlog:
 * the first pause is 5 ms, and each further one is twice as long, up to 1 s.
 *
 * @example Greet each client
 * ```ts
 * import { connect, listen, writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen({ port: 0 });
 * const serving = (async () => {
 *   for await (using connection of listener) {
 *     await writeAll(connection, new TextEncoder().encode("hello"));
 *     break; // leaving the loop closes the listener
 *   }
 * })();
 *
 * using client = await connect(listener.addr);
 * const buffer = new Uint8Array(16);
 * const count = await client.read(buffer) ?? 0;
 * assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "hello");
 * await serving;
 * ```
 *
 * @typeParam C the connections it accepts
 *
 * @category Connections
 */
export interface SocketListener<C extends SocketConnection = SocketConnection>
  extends Listener<C>, AsyncDisposable {
  /** Number of accepted connections whose sockets are not released yet. */
  readonly connections: number;
  /** Whether the listener has stopped listening. */
  readonly closed: boolean;
  /**
   * Waits for the next client; concurrent calls are served in order.
   *
   * @throws {TransportError} with code `"closed"` after the listener has closed
   * @throws {unknown} the signal's reason, if the signal closed the listener
   */
  accept(): Promise<C>;
  /** Stops listening; accepted connections stay open. A second call does nothing. */
  close(): void;
  /** Keeps the process alive while the listener is open; this is the default. */
  ref(): void;
  /** Lets the process exit while the listener is open; connections still keep it alive. */
  unref(): void;
  /** Stops listening. */
  [Symbol.dispose](): void;
  /**
   * Stops listening; waits until the address is free again and no socket of a
   * closed connection lingers.
   */
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Accepts clients until the listener closes, then ends without an error. As
   * in Deno, leaving a `for await` loop closes the listener.
   */
  [Symbol.asyncIterator](): AsyncGenerator<C, void, void>;
}
