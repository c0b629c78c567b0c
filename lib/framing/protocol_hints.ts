/**
 * What well-known protocols begin with: the most common reason for an absurd
 * length is a peer that speaks something else.
 */
const SIGNATURES: readonly (readonly [prefix: string, hint: string])[] = [
  ["HTTP", "the bytes spell an HTTP response"],
  ["GET ", "the bytes spell an HTTP request"],
  ["HEAD", "the bytes spell an HTTP request"],
  ["POST", "the bytes spell an HTTP request"],
  ["PUT ", "the bytes spell an HTTP request"],
  ["DELE", "the bytes spell an HTTP request"],
  ["PATC", "the bytes spell an HTTP request"],
  ["OPTI", "the bytes spell an HTTP request"],
  ["CONN", "the bytes spell an HTTP request"],
  ["TRAC", "the bytes spell an HTTP request"],
  ["PRI ", "the bytes spell the opening of HTTP/2"],
  ["SSH-", "the bytes spell an SSH banner"],
];

/** A TLS record: content type 22 (handshake) or 21 (alert), version 3.x (RFC 8446, 5.1). */
function looksLikeTls(head: Uint8Array): boolean {
  return (head[0] === 0x16 || head[0] === 0x15) && head[1] === 0x03 &&
    head[2] !== undefined && head[2] <= 0x04;
}

/** What the first bytes of a frame look like, or `undefined`. */
export function hintOf(head: Uint8Array): string | undefined {
  if (looksLikeTls(head)) {
    return head[0] === 0x16
      ? "the bytes look like a TLS hello"
      : "the bytes look like a TLS alert";
  }
  if (head.length < 4) return undefined;
  const spelled = String.fromCharCode(...head.subarray(0, 4));
  return SIGNATURES.find(([prefix]) => prefix === spelled)?.[1];
}
