/**
 * The one error class of the transport layer.
 *
 * @module
 */

/**
 * What went wrong, as a closed set to switch on:
 *
 * | kind | meaning |
 * | --- | --- |
 * | `"address-in-use"` | somebody listens there already |
 * | `"address-invalid"` | no such address can exist on this machine |
 * | `"closed"` | this side closed the socket before or during the call |
 * | `"limit"` | out of descriptors, buffers or room in a backlog; later may work |
 * | `"not-found"` | the host name or the path does not exist |
 * | `"permission"` | the operating system refuses (what Deno refuses stays `Deno.errors.NotCapable`) |
 * | `"protocol"` | the peer speaks something else than this transport |
 * | `"refused"` | nobody listens there |
 * | `"reset"` | the peer has gone, and what was under way is lost |
 * | `"timeout"` | it took longer than was allowed |
 * | `"tls"` | certificate, handshake or record refused |
 * | `"truncated"` | the stream ended inside something |
 * | `"unreachable"` | no route to the host |
 * | `"unsupported"` | this runtime cannot, or not without a flag |
 * | `"other"` | anything else; see `cause` |
 */
export type TransportErrorKind =
  | "address-in-use"
  | "address-invalid"
  | "closed"
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
  | "unreachable"
  | "unsupported";

/** Options of {@linkcode TransportError}. */
export interface TransportErrorOptions {
  /** What went wrong. */
  kind: TransportErrorKind;
  /** The address concerned, in its URL form; `""` where there is none. */
  address: string;
  /** What the platform threw. */
  cause?: unknown;
}

/**
 * A socket could not be opened, accepted, read, written or closed.
 *
 * @example Tell a server that is not there from a bad address
 * ```ts
 * import { connect, TransportError } from "@lengthwise/lengthwise/transport";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => connect({ memory: "nobody" }),
 *   TransportError,
 * );
 * assertEquals(error.kind, "refused");
 * assertEquals(error.address, "memory:nobody");
 * ```
 */
export class TransportError extends Error {
  /** Always `"TransportError"`. */
  override readonly name = "TransportError";
  /** What went wrong. */
  readonly kind: TransportErrorKind;
  /** The address concerned, in its URL form; `""` where there is none. */
  readonly address: string;

  /**
   * Makes an error; the transports of this library do.
   *
   * @param message what was attempted, what went wrong and what to do
   * @param options the kind, the address and the cause
   */
  constructor(message: string, options: TransportErrorOptions) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.kind = options.kind;
    this.address = options.address;
  }
}
