/**
 * What can be wrong with a DNS message.
 *
 * @module
 */

/** Bytes that are no DNS message, or text that no DNS message can carry. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
}
