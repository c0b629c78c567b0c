/**
 * Connecting to an address of any transport.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { retry, RetryError } from "@std/async/retry";
import { connectAttempt } from "./connect_attempt.ts";
import { failure } from "./error_mapping.ts";
import {
  type Address,
  checkTlsOption,
  checkWebSocketTls,
  formatAddress,
  hasOwnTls,
  type MemoryAddress,
  resolveAddress,
} from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import {
  TransportError,
  type TransportErrorCode,
  withOwnStack,
} from "./errors.ts";
import {
  connectMemory,
  type MemoryConnectOptions,
} from "./memory/memory_listener.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { checkTcpOptions, connectTcp, type TcpConnectOptions } from "./tcp.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import {
  TLS_CLIENT_OPTIONS,
  type TlsClientOptions,
  type TlsConnection,
} from "./tls/tls_connection.ts";
import { connectUnix } from "./unix.ts";
import { checkTimeLimit } from "./with_timeout.ts";

/**
 * The address of a server, in any form that {@linkcode connect} accepts.
 *
 * It is an address object, its URL form, the `addr` of a listener, or a `ws://`
 * or `wss://` URL.
 *
 * @category Connect and listen
 */
export type ConnectAddress =
  | Address<TlsClientOptions>
  | SocketAddress
  | string
  | URL;

/**
 * Policy for repeating failed connection attempts.
 *
 * Only failures that may be temporary, such as a refused connection, are retried.
 * The waits have full jitter, so that clients do not all reconnect at the same
 * time. A server's `retry-after` adds to the wait, up to `maxTimeout`.
 *
 * @category Connect and listen
 */
export interface RetryPolicy {
  /**
   * Maximum number of attempts at each address, including the first.
   *
   * @default {5}
   */
  maxAttempts?: number | undefined;
  /**
   * Upper bound on the first wait, in milliseconds.
   *
   * @default {100}
   */
  minTimeout?: number | undefined;
  /**
   * Upper bound on every wait, in milliseconds.
   *
   * @default {10000}
   */
  maxTimeout?: number | undefined;
  /**
   * Factor by which the bound grows from one wait to the next.
   *
   * @default {2}
   */
  multiplier?: number | undefined;
}

/**
 * Options for {@linkcode connect}.
 *
 * @category Connect and listen
 */
export interface ConnectOptions
  extends TcpConnectOptions, MemoryConnectOptions {
  /** Cancels connecting when aborted; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds that each attempt at each address may take.
   *
   * The time includes the name lookup and the TLS handshake; `0` means no limit.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
  /** Policy for retries; without one, `connect` tries each address once. */
  retry?: RetryPolicy | undefined;
  /**
   * TLS options for `wss:` URLs and for addresses without their own `tls`. Not
   * allowed if each address has its own.
   */
  tls?: TlsClientOptions | undefined;
}

/**
 * Connects over TLS.
 *
 * @param address the server's address
 * @param options limits, retries and socket options
 * @returns a connection that has the peer's certificate
 *
 * @category Connect and listen
 */
export function connect(
  address: Exclude<Address<TlsClientOptions>, MemoryAddress> & {
    readonly tls: TlsClientOptions;
  },
  options?: ConnectOptions,
): Promise<TlsConnection>;
/**
 * Connects to an address, or to the first reachable one of several.
 *
 * Requires `--allow-net=host:port`. A Unix socket requires
 * `--allow-net=unix:path`, `--allow-read=path` and `--allow-write=path`; a memory
 * address requires no permission.
 *
 * @example Connect and read the first byte
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
 * @param address the server's address, or several addresses to try in order
 * @param options limits, retries and socket options
 * @throws {TransportError} if connecting fails; if several addresses fail, the
 * error has the code of the last failure, and its cause is an `AggregateError`
 * @throws {TypeError} if an option is unknown, or has no effect at any of the
 * addresses
 * @throws {RangeError} if an option is out of range
 * @throws {Error} `Deno.errors.NotCapable` if a permission is missing
 * @throws {unknown} the signal's reason, if the signal is aborted
 */
export function connect(
  address: ConnectAddress | readonly ConnectAddress[],
  options?: ConnectOptions,
): Promise<SocketConnection>;
export async function connect(
  address: ConnectAddress | readonly ConnectAddress[],
  given: ConnectOptions = {},
): Promise<SocketConnection> {
  const options = checkOptions("connect()", given, CONNECT_OPTIONS);
  const { timeout = 10_000, signal, retry: policy, tls } = options;
  checkTimeLimit("connect", timeout);
  const targets = toList(address).map((item) => resolveTarget(item, tls));
  if (targets.length === 0) {
    throw new RangeError("Cannot connect as the list of addresses is empty");
  }
  checkTlsOption("connect()", toList(address), tls);
  checkTuning(targets, options);
  const limits = { timeout, signal };
  const round = () => connectFirst(targets, limits, options);
  if (policy === undefined) return await round();
  checkOptions("the option retry of connect()", policy, RETRY_OPTIONS);
  return await withRetries(round, policy, signal);
}

const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  signal: true,
  timeout: true,
  retry: true,
  noDelay: "flag",
  keepAlive: "flag",
  autoSelectFamily: "flag",
  autoSelectFamilyAttemptDelay: true,
  link: true,
  tls: true,
};

const RETRY_OPTIONS: OptionNames<RetryPolicy> = {
  maxAttempts: true,
  minTimeout: true,
  maxTimeout: true,
  multiplier: true,
};

/** Options that only one kind of address has. */
const TUNING: Readonly<
  & Record<keyof TcpConnectOptions, "TCP">
  & Record<keyof MemoryConnectOptions, "memory">
> = {
  noDelay: "TCP",
  keepAlive: "TCP",
  autoSelectFamily: "TCP",
  autoSelectFamilyAttemptDelay: "TCP",
  link: "memory",
};

/**
 * Checks options for addresses that are connected to one at a time.
 *
 * @throws {TypeError} if an option has no effect at any of the addresses
 * @throws {RangeError} if a socket option is out of range
 */
export function checkOptionsFor(
  addresses: readonly ConnectAddress[],
  options: ConnectOptions,
): void {
  checkTcpOptions(options);
  const targets = addresses.map((item) => resolveTarget(item, options.tls));
  checkTlsOption("connect()", addresses, options.tls);
  checkTuning(targets, options);
}

/** Returns the options that have an effect at an address. */
export function optionsFor<Options extends ConnectOptions>(
  address: ConnectAddress,
  options: Options,
): Partial<Options> {
  const kind = kindOf(resolveTarget(address, options.tls));
  const fitting: Partial<Options> = { ...options };
  for (const name of Object.keys(TUNING) as (keyof typeof TUNING)[]) { // all of its keys
    if (TUNING[name] !== kind) delete fitting[name];
  }
  if (hasOwnTls(address)) delete fitting.tls;
  return fitting;
}

/** @throws {TypeError} if an option has no effect at any of the addresses */
function checkTuning(
  targets: readonly Target[],
  options: ConnectOptions,
): void {
  const kinds: readonly string[] = targets.map(kindOf);
  for (const [name, used] of Object.entries(TUNING)) {
    if (kinds.includes(used) || Reflect.get(options, name) === undefined) {
      continue;
    }
    throw new TypeError(
      `Cannot use the option "${name}" for ${
        targets.map(textOf).join(", ")
      }: only ${used} addresses have it; omit the option`,
    );
  }
}

function kindOf(target: Target): "WebSocket" | "memory" | "Unix" | "TCP" {
  if ("url" in target) return "WebSocket";
  if ("memory" in target) return "memory";
  return "path" in target ? "Unix" : "TCP";
}

function textOf(target: Target): string {
  return "url" in target ? target.url : formatAddress(target);
}

function toList(
  address: ConnectAddress | readonly ConnectAddress[],
): readonly ConnectAddress[] {
  return typeof address === "object" && address !== null &&
      Symbol.iterator in address
    ? address
    : [address];
}

/** A resolved address; WebSockets are addressed by URL only. */
type Target = Address<TlsClientOptions> | {
  readonly url: string;
  readonly tls: TlsClientOptions | undefined;
};

function resolveTarget(
  address: ConnectAddress,
  tls: TlsClientOptions | undefined,
): Target {
  const text = typeof address === "string" || address instanceof URL
    ? String(address)
    : "";
  const webSocket = /^wss?:/i.test(text);
  if (webSocket) checkWebSocketTls(text, tls);
  const target: Target = webSocket
    ? { url: text, tls }
    : resolveAddress(address, tls);
  if ("tls" in target && target.tls !== undefined) {
    const where = "the option tls of connect()";
    const own = checkOptions(where, target.tls, TLS_CLIENT_OPTIONS);
    return { ...target, tls: own };
  }
  return target;
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
    const address = textOf(target);
    try {
      return await connectAttempt(
        (signal) => dial(target, { ...options, signal }),
        { ...limits, address },
      );
    } catch (error) {
      if (limits.signal?.aborted) throw limits.signal.reason;
      // An invalid option is invalid for every address.
      if (error instanceof RangeError) throw error;
      const failed = failure(error, { verb: "connect to", address });
      errors.push(withOwnStack(failed));
    }
  }
  throw summarize(errors);
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
      timeout: 0, // connectAttempt already has one
      ...(target.tls && { tls: target.tls }),
    });
  }
  if (target.tls !== undefined) {
    const { connectTls } = await import("./tls/connect_tls.ts");
    return connectTls(target, options);
  }
  return "path" in target ? connectUnix(target) : connectTcp(target, options);
}

/** Returns the only error, or one error that summarizes several. */
function summarize(errors: readonly Error[]): Error {
  const last = errors.at(-1) ??
    new Error("Cannot connect: no address was tried");
  if (errors.length === 1 || !(last instanceof TransportError)) return last;
  return new TransportError(
    `Cannot connect to any of ${errors.length} addresses; the last failed with: ${last.message}`,
    {
      code: last.code,
      address: last.address,
      retryAfter: last.retryAfter,
      status: last.status,
      cause: new AggregateError(errors, "Cannot connect to any address"),
    },
  );
}

/** Codes of failures that may be temporary; the others are permanent. */
const TEMPORARY: ReadonlySet<TransportErrorCode> = new Set([
  "limit",
  "not-found",
  "refused",
  "reset",
  "timeout",
  "unavailable",
  "unreachable",
]);

async function withRetries(
  round: () => Promise<SocketConnection>,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<SocketConnection> {
  const { maxAttempts = 5, minTimeout = 100, maxTimeout = 10_000 } = policy;
  const { multiplier = 2 } = policy;
  let pause = 0;
  const attempt = async () => {
    if (pause > 0) await delay(pause, signal && { signal });
    try {
      return await round();
    } catch (error) {
      const after = error instanceof TransportError ? error.retryAfter : 0;
      pause = Math.min(after, maxTimeout);
      throw error;
    }
  };
  try {
    return await retry(attempt, {
      maxAttempts,
      minTimeout,
      maxTimeout,
      multiplier,
      jitter: 1,
      isRetriable: (error) =>
        error instanceof TransportError && TEMPORARY.has(error.code),
      ...(signal && { signal }),
    });
  } catch (error) {
    throw error instanceof RetryError ? error.cause : error;
  }
}
