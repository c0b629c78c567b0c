/**
 * Recognizes well-known protocols by their first bytes, for error messages.
 *
 * @module
 */

/**
 * First four bytes of well-known protocols, and the hint for each. An absurd
 * length usually means that the peer speaks a different protocol.
 */
const SIGNATURES: readonly (readonly [prefix: string, hint: string])[] = [
  ["HTTP", "the bytes look like an HTTP response"],
  ["GET ", "the bytes look like an HTTP request"],
  ["HEAD", "the bytes look like an HTTP request"],
  ["POST", "the bytes look like an HTTP request"],
  ["PUT ", "the bytes look like an HTTP request"],
  ["DELE", "the bytes look like an HTTP request"],
  ["PATC", "the bytes look like an HTTP request"],
  ["OPTI", "the bytes look like an HTTP request"],
  ["CONN", "the bytes look like an HTTP request"],
  ["TRAC", "the bytes look like an HTTP request"],
  ["PRI ", "the bytes look like an HTTP/2 connection preface"],
  ["SSH-", "the bytes look like an SSH banner"],
];

/**
 * Returns whether the bytes begin a TLS record: content type 22 (handshake) or
 * 21 (alert), version 3.x (RFC 8446, 5.1).
 */
function looksLikeTls(head: Uint8Array): boolean {
  return (head[0] === 0x16 || head[0] === 0x15) && head[1] === 0x03 &&
    head[2] !== undefined && head[2] <= 0x04;
}

/** Returns a hint about the first bytes of a frame, or `undefined`. */
export function hintOf(head: Uint8Array): string | undefined {
  if (looksLikeTls(head)) {
    return head[0] === 0x16
      ? "the bytes look like a TLS handshake"
      : "the bytes look like a TLS alert";
  }
  const start = String.fromCharCode(...head.subarray(0, 4));
  return SIGNATURES.find(([prefix]) => prefix === start)?.[1];
}
