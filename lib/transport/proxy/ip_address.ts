/**
 * IP addresses and ranges of them.
 *
 * @module
 */

/** First bytes of an IPv4 address as IPv6 (RFC 4291). */
const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Parses an IP address.
 *
 * @param text an address without a zone
 * @returns its 4 or 16 bytes; `undefined` if it is not an IP address
 */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && +part <= 255);
  return valid ? Uint8Array.from(parts, Number) : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map((half, index) =>
    groupsOf(half, index === halves.length - 1)
  );
  if (before === undefined) return undefined;
  const bytes = new Uint8Array(16);
  if (halves.length === 1) {
    if (before.length !== 16) return undefined;
    bytes.set(before);
    return bytes;
  }
  // "::" stands for at least one group.
  if (after === undefined || before.length + after.length > 14) {
    return undefined;
  }
  bytes.set(before);
  bytes.set(after, 16 - after.length);
  return bytes;
}

/** Returns the bytes of groups; the last one may be an IPv4 address. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const ipv4 = last && index === groups.length - 1
      ? parseIpv4(group)
      : undefined;
    if (ipv4 === undefined) return undefined;
    bytes.push(...ipv4);
  }
  return bytes;
}

/**
 * Writes an IP address as RFC 5952 recommends.
 *
 * @param bytes its 4 or 16 bytes
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}`;
  const groups = Array.from(
    { length: 8 },
    (_, index) => (bytes[index * 2]! << 8 | bytes[index * 2 + 1]!).toString(16),
  );
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(":");
  const before = groups.slice(0, zeros.start).join(":");
  const after = groups.slice(zeros.start + zeros.length).join(":");
  return `${before}::${after}`;
}

/** Returns the first of the longest runs of groups that are 0. */
function longestZeros(groups: string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > longest.length) longest = { start, length: end - start };
    start = Math.max(start, end);
  }
  return longest;
}

/** A range of addresses. */
interface IpRange {
  /** The bytes of one address of the range. */
  readonly bytes: Uint8Array;
  /** Number of leading bits that all addresses have in common. */
  readonly bits: number;
}

/**
 * Parses an address or a range such as `"10.0.0.0/8"`.
 *
 * @returns the range; `undefined` if the text is invalid
 */
function parseRange(text: string): IpRange | undefined {
  // A JavaScript program may pass anything.
  if (typeof text !== "string") return undefined;
  const slash = text.indexOf("/");
  const ip = parseIp(slash === -1 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const length = ip.length * 8;
  const suffix = slash === -1 ? String(length) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(suffix) || Number(suffix) > length) {
    return undefined;
  }
  const bits = Number(suffix);
  // An IPv4 range that is written as IPv6 is the same range.
  return isMapped(ip) && bits >= 96
    ? { bytes: ip.subarray(12), bits: bits - 96 }
    : { bytes: ip, bits };
}

/** A set of IP addresses. */
export class IpRanges {
  readonly #ranges: IpRange[];

  /**
   * @param texts addresses and ranges
   * @param invalid called with a text that is neither; it throws
   */
  constructor(texts: readonly string[], invalid: (text: string) => never) {
    this.#ranges = texts.map((text) => parseRange(text) ?? invalid(text));
  }

  /**
   * Returns whether the set contains an address.
   *
   * @param hostname an IP address, which may have a zone; IPv4 written as IPv6 counts as IPv4
   */
  has(hostname: string): boolean {
    const ip = parseIp(hostname.replace(/%.*$/, ""));
    if (ip === undefined) return false;
    const plain = isMapped(ip) ? ip.subarray(12) : ip;
    return this.#ranges.some((range) => contains(range, plain));
  }
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 &&
    MAPPED.every((byte, index) => bytes[index] === byte);
}

function contains({ bytes, bits }: IpRange, ip: Uint8Array): boolean {
  if (bytes.length !== ip.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (bytes[at] !== ip[at]) return false;
  const mask = 0xff00 >> (bits & 7) & 0xff;
  return ((bytes[whole] ?? 0) & mask) === ((ip[whole] ?? 0) & mask);
}
