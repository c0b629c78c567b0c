/**
 * The error of the DNS example.
 *
 * @module
 */

/** An invalid DNS message, or text that cannot be encoded in one. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
}
