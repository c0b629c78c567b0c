/**
 * The error class of the transport layer.
 *
 * @module
 */
import { isOfKind } from "../support/error_kind.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";

/**
 * Reason for a {@linkcode TransportError}.
 *
 * The set is closed, so a `switch` over it can be exhaustive.
 *
 * | code | meaning |
 * | --- | --- |
 * | `"address-in-use"` | another listener uses the address |
 * | `"address-invalid"` | the address is malformed, or this machine does not have it |
 * | `"closed"` | the socket was closed locally, before or during the call |
 * | `"forbidden"` | the server does not permit this client (an upgrade refused with HTTP 403) |
 * | `"limit"` | descriptors, buffers, a backlog or `receiveLimit` is exhausted; a later attempt may succeed |
 * | `"not-found"` | the host name or the path does not exist |
 * | `"permission"` | the operating system denies access (if Deno denies it, the error stays a `Deno.errors.NotCapable`) |
 * | `"protocol"` | the peer does not speak this transport's protocol |
 * | `"refused"` | nothing listens on the address |
 * | `"reset"` | the peer has disconnected, and data in transit may be lost |
 * | `"timeout"` | the operation exceeded its time limit |
 * | `"tls"` | a certificate, a handshake or a record was rejected |
 * | `"truncated"` | the stream ended prematurely |
 * | `"unauthenticated"` | the server requires other credentials (an upgrade refused with HTTP 401) |
 * | `"unavailable"` | the server accepts no clients now (an upgrade refused with HTTP 429, 502, 503 or 504), or the runtime does not report why an upgrade failed; see `retryAfter` |
 * | `"unreachable"` | there is no route to the host |
 * | `"unsupported"` | this runtime lacks the feature, or needs a flag for it |
 * | `"other"` | anything else; see `cause` |
 *
 * @category Errors
 */
export type TransportErrorCode =
  | "address-in-use"
  | "address-invalid"
  | "closed"
  | "forbidden"
  | "limit"
  | "not-found"
  | "other"
  | "permission"
  | "protocol"
  | "refused"
  | "reset"
  | "timeout"
  | "tls"
  | "truncated"
  | "unauthenticated"
  | "unavailable"
  | "unreachable"
  | "unsupported";

/**
 * Details of a {@linkcode TransportError}.
 *
 * @category Sockets
 */
export interface TransportErrorOptions extends ErrorOptions {
  /** The reason for the failure. */
  code: TransportErrorCode;
  /** The address concerned, in its URL form; `""` if no address applies. */
  address: string;
  /** Milliseconds to wait before another attempt. @default {0} */
  retryAfter?: number | undefined;
  /** HTTP status with which a server refused an upgrade. @default {undefined} */
  status?: number | undefined;
}

/** The codes; the compiler requires each of them. */
/**
 * Replaces the stack of an error by that of the running function.
 *
 * It includes the functions that await this one. The error was created in a
 * callback, where the code of the application is not on the stack. Errors of the
 * runtime stay as they are.
 */
export function withOwnStack<E>(error: E): E {
  // Some engines do not have the function.
  if (error instanceof TransportError) Error.captureStackTrace?.(error);
  return error;
}

const CODES: readonly string[] = /* @__PURE__ */ Object.keys(
  {
    "address-in-use": true,
    "address-invalid": true,
    closed: true,
    forbidden: true,
    limit: true,
    "not-found": true,
    other: true,
    permission: true,
    protocol: true,
    refused: true,
    reset: true,
    timeout: true,
    tls: true,
    truncated: true,
    unauthenticated: true,
    unavailable: true,
    unreachable: true,
    unsupported: true,
  } satisfies Record<TransportErrorCode, true>,
);

const TRANSPORT_ERROR_OPTIONS: OptionNames<TransportErrorOptions> = {
  code: true,
  address: true,
  retryAfter: true,
  status: true,
  cause: true,
};

/**
 * A failure to open, accept, read, write or close a socket.
 *
 * @example Recognize that no server is listening
 * ```ts
 * import { connect, TransportError } from "@lengthwise/lengthwise/transport";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => connect({ memory: "unknown" }),
 *   TransportError,
 * );
 * assertEquals(error.code, "refused");
 * assertEquals(error.address, "memory:unknown");
 * ```
 *
 * @category Errors
 */
export class TransportError extends Error {
  /** Always `"TransportError"`. */
  override readonly name = "TransportError";
  /** The reason for the failure. */
  readonly code: TransportErrorCode;
  /** The address concerned, in its URL form; `""` if no address applies. */
  readonly address: string;
  /** Milliseconds to wait before another attempt; 0 if the server has not said. */
  readonly retryAfter: number;
  /** HTTP status with which a server refused an upgrade; `undefined` otherwise. */
  readonly status: number | undefined;

  /**
   * Creates an error, for use in your own transport.
   *
   * @param message what was attempted, what failed and what to do
   * @param options the code, the address, and the platform's error as the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: TransportErrorOptions) {
    checkOptions("TransportError()", options, TRANSPORT_ERROR_OPTIONS);
    checkChoice("TransportError()", "code", options.code, CODES);
    super(message, options);
    this.code = options.code;
    this.address = options.address;
    this.retryAfter = options.retryAfter ?? 0;
    this.status = options.status;
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, TransportError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "TransportError";
  }
}
