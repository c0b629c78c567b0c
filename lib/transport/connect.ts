/**
 * The client's side of every transport.
 *
 * @module
 */
import { retry, RetryError } from "@std/async/retry";
import { connectAttempt } from "./connect_attempt.ts";
import { failure } from "./failure.ts";
import {
  type Address,
  formatAddress,
  type MemoryAddress,
  resolveAddress,
} from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import { TransportError, type TransportErrorKind } from "./errors.ts";
import {
  connectMemory,
  type MemoryConnectOptions,
} from "./memory/memory_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { connectTcp, type TcpConnectOptions } from "./tcp.ts";
import type { TlsClientOptions, TlsConnection } from "./tls/tls_connection.ts";
import { connectUnix } from "./unix.ts";

/**
 * Where to connect to: an address object, its URL form, or what a listener
 * reports as `addr`; `ws://` and `wss://` URLs as well.
 */
export type ConnectAddress =
  | Address<TlsClientOptions>
  | SocketAddress
  | string
  | URL;

/** When to dial again; the waits have full jitter, so that clients do not come back all at once. */
export interface RetryPolicy {
  /**
   * Attempts in all, the first included.
   *
   * @default {5}
   */
  maxAttempts?: number;
  /**
   * Milliseconds below which the first wait is drawn.
   *
   * @default {100}
   */
  minTimeout?: number;
  /**
   * Milliseconds below which every wait is drawn.
   *
   * @default {10000}
   */
  maxTimeout?: number;
  /**
   * Growth of the bound from one wait to the next.
   *
   * @default {2}
   */
  multiplier?: number;
}

/** Options of {@linkcode connect}. */
export interface ConnectOptions
  extends TcpConnectOptions, MemoryConnectOptions {
  /** Gives up when aborted, and rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Milliseconds that one attempt at one address may take, name lookup and TLS
   * handshake included; `0` is no limit.
   *
   * @default {10000}
   */
  timeout?: number;
  /** Dial again when nobody answers; never by default. */
  retry?: RetryPolicy;
  /** Speak TLS to addresses that have no `tls` of their own, with these options; also for `wss:`. */
  tls?: TlsClientOptions;
}

/**
 * Connects over TLS.
 *
 * @param address where to
 * @param options limits, retries and socket options
 * @returns a connection that knows the peer's certificate
 */
export function connect(
  address: Exclude<Address<TlsClientOptions>, MemoryAddress> & {
    readonly tls: TlsClientOptions;
  },
  options?: ConnectOptions,
): Promise<TlsConnection>;
/**
 * Connects to the first of the addresses that answers.
 *
 * Requires `--allow-net=host:port`; for a Unix socket `--allow-net=unix:path`,
 * `--allow-read=path` and `--allow-write=path`; for memory nothing.
 *
 * @example Ask, and read the answer
 * ```ts
 * import { connect, listen, writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen("tcp://127.0.0.1:0");
 * const serving = (async () => {
 *   using connection = await listener.accept();
 *   await writeAll(connection, new Uint8Array([42]));
 * })();
 *
 * using connection = await connect(listener.addr, {
 *   timeout: 1_000,
 *   signal: AbortSignal.timeout(5_000),
 * });
 * assertEquals(await connection.read(new Uint8Array(16)), 1);
 * await serving;
 * ```
 *
 * @param address where to, or several in the order to try
 * @param options limits, retries and socket options
 * @throws {TransportError} of the kind that the address failed with; for
 * several, that of the last, with an `AggregateError` as its cause
 * @throws {Error} `Deno.errors.NotCapable` for a missing permission; the reason
 * of the signal, as it is
 */
export function connect(
  address: ConnectAddress | readonly ConnectAddress[],
  options?: ConnectOptions,
): Promise<SocketConnection>;
export async function connect(
  address: ConnectAddress | readonly ConnectAddress[],
  options: ConnectOptions = {},
): Promise<SocketConnection> {
  const { timeout = 10_000, signal, retry: policy, tls } = options;
  if (!(timeout >= 0 && timeout <= 2 ** 31 - 1)) {
    throw new RangeError(
      `Cannot connect as 'timeout' must be from 0 to 2147483647 milliseconds: current value is ${timeout}`,
    );
  }
  const targets = listOf(address).map((one) => targetOf(one, tls));
  if (targets.length === 0) {
    throw new RangeError("Cannot connect as the list of addresses is empty");
  }
  const limits = { timeout, signal };
  const round = () => connectFirst(targets, limits, options);
  return policy === undefined
    ? await round()
    : await retrying(round, policy, signal);
}

function listOf(
  address: ConnectAddress | readonly ConnectAddress[],
): readonly ConnectAddress[] {
  return typeof address === "object" && Symbol.iterator in address
    ? address
    : [address];
}

/** What is dialled; a WebSocket has no address but its URL. */
type Target = Address<TlsClientOptions> | {
  readonly url: string;
  readonly tls: TlsClientOptions | undefined;
};

function targetOf(
  address: ConnectAddress,
  tls: TlsClientOptions | undefined,
): Target {
  const text = typeof address === "string" || address instanceof URL
    ? String(address)
    : "";
  return /^wss?:/i.test(text)
    ? { url: text, tls }
    : resolveAddress(address, tls);
}

interface Limits {
  timeout: number;
  signal: AbortSignal | undefined;
}

async function connectFirst(
  targets: readonly Target[],
  limits: Limits,
  options: ConnectOptions,
): Promise<SocketConnection> {
  const errors: Error[] = [];
  for (const target of targets) {
    const address = "url" in target ? target.url : formatAddress(target);
    try {
      return await connectAttempt(
        (signal) => dial(target, { ...options, signal }),
        { ...limits, address },
      );
    } catch (error) {
      if (limits.signal?.aborted) throw limits.signal.reason;
      // A wrong option is wrong everywhere.
      if (error instanceof RangeError) throw error;
      errors.push(failure(error, { verb: "connect to", address }));
    }
  }
  throw summary(errors);
}

async function dial(
  target: Target,
  options: ConnectOptions & { signal: AbortSignal },
): Promise<SocketConnection> {
  if ("memory" in target) return connectMemory(target, options);
  if ("url" in target) {
    const { connectWebSocket } = await import(
      "./websocket/connect_websocket.ts"
    );
    return connectWebSocket(target.url, {
      signal: options.signal,
      timeout: 0, // the connectAttempt has one
      ...(target.tls && { tls: target.tls }),
    });
  }
  if (target.tls !== undefined) {
    const { connectTls } = await import("./tls/connect_tls.ts");
    return connectTls(target, options);
  }
  return "path" in target ? connectUnix(target) : connectTcp(target, options);
}

/** One address fails with its own error, several with one that holds them all. */
function summary(errors: readonly Error[]): Error {
  const last = errors.at(-1) ?? new Error("No address was tried");
  if (errors.length === 1 || !(last instanceof TransportError)) return last;
  return new TransportError(
    `Cannot connect to any of ${errors.length} addresses, the last: ${last.message}`,
    {
      kind: last.kind,
      address: last.address,
      cause: new AggregateError(errors, "Cannot connect to any address"),
    },
  );
}

/** Kinds that may go away by waiting; the others say that something is wrong. */
const PASSING: ReadonlySet<TransportErrorKind> = new Set([
  "limit",
  "not-found",
  "refused",
  "reset",
  "timeout",
  "unreachable",
]);

async function retrying(
  round: () => Promise<SocketConnection>,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<SocketConnection> {
  const { maxAttempts = 5, minTimeout = 100, maxTimeout = 10_000 } = policy;
  const { multiplier = 2 } = policy;
  try {
    return await retry(round, {
      maxAttempts,
      minTimeout,
      maxTimeout,
      multiplier,
      jitter: 1,
      isRetriable: (error) =>
        error instanceof TransportError && PASSING.has(error.kind),
      ...(signal && { signal }),
    });
  } catch (error) {
    throw error instanceof RetryError ? error.cause : error;
  }
}
