/**
 * The checksum CRC-32C (RFC 9260, appendix A).
 *
 * @module
 */

/** The polynomial with its bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;

/**
 * Returns the CRC-32C of some bytes.
 *
 * It works bit by bit, because headers are short: a table would take more time
 * to fill than most headers take.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
