/**
 * Parses headers of the PROXY protocol, versions 1 and 2.
 *
 * The specification is `doc/proxy-protocol.txt` of HAProxy. The functions are
 * pure: bytes in, a header or the number of bytes that it needs out.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import type { ConnectionInfo } from "../connection_info.ts";
import { crc32c } from "./crc32c.ts";
import { formatIp, parseIp } from "./ip_address.ts";

/** A header with the address of the proxy that sent it. */
export type ProxyInfo = NonNullable<ConnectionInfo["proxy"]>;

/** Facts about the TLS of a client. */
type TlsFacts = NonNullable<ProxyInfo["tls"]>;

/** Contents of a header; the address of its sender is not a part of it. */
export type ProxyHeader = Omit<ProxyInfo, "proxyAddr">;

/** Result of {@linkcode parseProxyHeader}. */
export type ParsedHeader =
  /** A whole header of `length` bytes. */
  | {
    readonly kind: "header";
    readonly header: ProxyHeader;
    readonly length: number;
  }
  /** The header has at least `needed` bytes. */
  | { readonly kind: "more"; readonly needed: number }
  /** The bytes are not an acceptable header. */
  | { readonly kind: "invalid"; readonly reason: string };

/** `"PROXY "`, with which version 1 begins. */
const V1_SIGNATURE: Uint8Array = ascii("PROXY ");
/** Signature of version 2; no other protocol begins with it. */
const V2_SIGNATURE: Uint8Array = ascii("\r\n\r\n\0\r\nQUIT\n");
/** Maximum length of a header of version 1, with its CRLF. */
const V1_LIMIT = 107;
/** Length of the fixed part of version 2. */
const V2_FIXED = 16;
/** Maximum length of a unique id. */
const UNIQUE_ID_LIMIT = 128;

const CR = 0x0d, LF = 0x0a;

/** Types of values in a header of version 2. */
const TYPE = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  uniqueId: 0x05,
  tls: 0x20,
} as const; // the literal types

/** Types of values within the value `tls`. */
const TLS_TYPE = { version: 0x21, commonName: 0x22, cipher: 0x23 } as const; // the literal types

/** Bits of the first byte of the value `tls`. */
const CERTIFICATE_BITS = 0x02 | 0x04; // on this connection, or in its TLS session

/** Fields that version 1 does not have. */
const NO_VALUES = {
  tls: undefined,
  authority: undefined,
  alpn: undefined,
  uniqueId: undefined,
  extensions: new Map<number, Uint8Array>(),
} satisfies Partial<ProxyHeader>;

/**
 * Parses the header at the start of some bytes.
 *
 * The result depends on the bytes alone. Bytes after the header are not
 * examined.
 *
 * @param bytes everything received, from its start
 * @param maxHeader maximum length of a header
 */
export function parseProxyHeader(
  bytes: Uint8Array,
  maxHeader: number,
): ParsedHeader {
  if (startsAs(bytes, V1_SIGNATURE)) return parseV1(bytes);
  if (startsAs(bytes, V2_SIGNATURE)) return parseV2(bytes, maxHeader);
  return invalid("the first bytes are not a header of the PROXY protocol");
}

function parseV1(bytes: Uint8Array): ParsedHeader {
  const limit = Math.min(bytes.length, V1_LIMIT);
  const end = bytes.subarray(0, limit).indexOf(LF);
  if (end === -1) {
    return limit === V1_LIMIT
      ? invalid(`its line has more than ${V1_LIMIT} bytes`)
      : { kind: "more", needed: bytes.length + 1 };
  }
  if (bytes[end - 1] !== CR) return invalid("its line does not end with CRLF");
  const line = String.fromCharCode(...bytes.subarray(0, end - 1));
  const addresses = v1Addresses(line);
  if (typeof addresses === "string") return invalid(addresses);
  const header: ProxyHeader = {
    version: 1,
    command: "proxy",
    ...addresses,
    ...NO_VALUES,
  };
  return { kind: "header", header, length: end + 1 };
}

interface Addresses {
  source: SocketAddress | undefined;
  destination: SocketAddress | undefined;
}

const UNKNOWN: Addresses = { source: undefined, destination: undefined };

/** Returns the addresses of a line, or why it is invalid. */
function v1Addresses(line: string): Addresses | string {
  const [, family, ...fields] = line.split(" ");
  // The receiver must ignore the rest of such a line.
  if (family === "UNKNOWN") return UNKNOWN;
  if (family !== "TCP4" && family !== "TCP6") {
    return "its family is not TCP4, TCP6 or UNKNOWN";
  }
  const [from = "", to = "", fromPort = "", toPort = "", ...more] = fields;
  const length = family === "TCP4" ? 4 : 16;
  const [source, destination] = [from, to].map((text) => parseIp(text));
  const valid = more.length === 0 && source?.length === length &&
    destination?.length === length && isPort(fromPort) && isPort(toPort);
  if (!valid) return `its ${family} addresses are invalid`;
  return {
    source: tcp(source, Number(fromPort)),
    destination: tcp(destination, Number(toPort)),
  };
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff;
}

function tcp(ip: Uint8Array, port: number): SocketAddress {
  return { transport: "tcp", hostname: formatIp(ip), port };
}

function parseV2(bytes: Uint8Array, maxHeader: number): ParsedHeader {
  const [versionAndCommand, familyAndProtocol] = bytes.subarray(12, 14);
  if (versionAndCommand !== undefined && versionAndCommand >> 4 !== 2) {
    return invalid(`its version is ${versionAndCommand >> 4}`);
  }
  const command = versionAndCommand === undefined ? 0 : versionAndCommand & 15;
  if (command > 1) return invalid(`its command is ${command}`);
  if (bytes.length < V2_FIXED || familyAndProtocol === undefined) {
    return { kind: "more", needed: V2_FIXED };
  }
  const length = V2_FIXED + uint16(bytes, 14);
  if (length > maxHeader) {
    return invalid(`it has ${length} bytes, and the limit is ${maxHeader}`);
  }
  if (bytes.length < length) return { kind: "more", needed: length };
  // The receiver must skip the rest of such a header, addresses included.
  const header: Contents | string = command === 0
    ? { command: "local", ...UNKNOWN, ...NO_VALUES }
    : v2Contents(bytes.subarray(0, length), familyAndProtocol);
  if (typeof header === "string") return invalid(header);
  return { kind: "header", header: { version: 2, ...header }, length };
}

type Contents = Omit<ProxyHeader, "version">;

/** Lengths of the addresses of each family: IPv4, IPv6 and Unix. */
const ADDRESS_LENGTHS: readonly number[] = [0, 12, 36, 216];

/** Returns the contents of version 2, or why they are invalid. */
function v2Contents(
  bytes: Uint8Array,
  familyAndProtocol: number,
): Contents | string {
  const family = familyAndProtocol >> 4;
  const protocol = familyAndProtocol & 15;
  const addressLength = ADDRESS_LENGTHS[family];
  if (addressLength === undefined) return `its address family is ${family}`;
  // Both are "unspecified"; the receiver must ignore the addresses.
  const stated = family !== 0 && protocol !== 0;
  if (stated && protocol !== 1) {
    return "its addresses are not those of a stream";
  }
  const start = V2_FIXED + addressLength;
  if (start > bytes.length) return "it is too short for its addresses";
  const block = bytes.subarray(V2_FIXED, start);
  const values = valuesOf(bytes, start);
  if (typeof values === "string") return values;
  const addresses = stated ? v2Addresses(block, family) : UNKNOWN;
  return { command: "proxy", ...addresses, ...values };
}

function v2Addresses(block: Uint8Array, family: number): Addresses {
  if (family === 3) {
    return {
      source: unix(block.subarray(0, 108)),
      destination: unix(block.subarray(108)),
    };
  }
  const size = family === 1 ? 4 : 16;
  return {
    source: tcp(block.subarray(0, size), uint16(block, 2 * size)),
    destination: tcp(
      block.subarray(size, 2 * size),
      uint16(block, 2 * size + 2),
    ),
  };
}

/** Returns the address of a Unix socket; NUL bytes pad its path. */
function unix(bytes: Uint8Array): SocketAddress {
  const abstract = bytes[0] === 0;
  const end = bytes.indexOf(0, abstract ? 1 : 0);
  const path = utf8(end === -1 ? bytes : bytes.subarray(0, end));
  return { transport: "unix", path: path === "\0" ? null : path };
}

type Values = Pick<
  ProxyHeader,
  "tls" | "authority" | "alpn" | "uniqueId" | "extensions"
>;

/** Returns the values after the addresses, or why they are invalid. */
function valuesOf(bytes: Uint8Array, start: number): Values | string {
  const fields = fieldsOf(bytes, start);
  if (fields === undefined) return "a value is longer than the header";
  const found = new Map<number, Uint8Array>();
  for (const { type, value } of fields) found.set(type, value);
  const checksum = fields.find(({ type }) => type === TYPE.crc32c)?.value;
  if (checksum !== undefined && !isChecked(bytes, checksum)) {
    return "its checksum is wrong";
  }
  const uniqueId = found.get(TYPE.uniqueId);
  if (uniqueId !== undefined && uniqueId.length > UNIQUE_ID_LIMIT) {
    return `its unique id has more than ${UNIQUE_ID_LIMIT} bytes`;
  }
  const tls = found.get(TYPE.tls);
  const tlsInfo = tls && tlsOf(tls);
  if (tlsInfo === null) return "its facts about TLS are cut short";
  const authority = found.get(TYPE.authority);
  const alpn = found.get(TYPE.alpn);
  for (const type of Object.values(TYPE)) found.delete(type);
  return {
    authority: authority && utf8(authority),
    alpn: alpn && utf8(alpn),
    uniqueId: uniqueId?.slice(),
    tls: tlsInfo,
    extensions: new Map(
      [...found].map(([type, value]) => [type, value.slice()]),
    ),
  };
}

interface Field {
  readonly type: number;
  /** A view of the header. */
  readonly value: Uint8Array;
}

/** Returns the values of a block; `undefined` if one is longer than the block. */
function fieldsOf(bytes: Uint8Array, start: number): Field[] | undefined {
  const fields: Field[] = [];
  let at = start;
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined;
    const end = at + 3 + uint16(bytes, at + 1);
    if (end > bytes.length) return undefined;
    fields.push({ type: bytes[at]!, value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return fields;
}

/** Returns whether a checksum, a view of the header, is right. */
function isChecked(header: Uint8Array, checksum: Uint8Array): boolean {
  if (checksum.length !== 4) return false;
  const at = checksum.byteOffset - header.byteOffset;
  const copy = header.slice();
  copy.fill(0, at, at + 4); // as the sender computed it
  const stated = uint16(checksum, 0) * 0x1_0000 + uint16(checksum, 2);
  return crc32c(copy) === stated;
}

/** Returns the facts about TLS; `null` if the value is cut short. */
function tlsOf(value: Uint8Array): TlsFacts | null {
  if (value.length < 5) return null;
  const fields = fieldsOf(value, 5);
  if (fields === undefined) return null;
  const text = (wanted: number): string | undefined => {
    const found = fields.find(({ type }) => type === wanted)?.value;
    return found && utf8(found);
  };
  const certificate = (value[0]! & CERTIFICATE_BITS) !== 0;
  // The four bytes are 0 if the proxy verified the certificate.
  const verified = certificate && value.subarray(1, 5).every((b) => b === 0);
  return {
    version: text(TLS_TYPE.version),
    cipher: text(TLS_TYPE.cipher),
    commonName: text(TLS_TYPE.commonName),
    certificate,
    verified,
  };
}

/** Returns whether bytes begin with a prefix, or still may. */
function startsAs(bytes: Uint8Array, prefix: Uint8Array): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return prefix.subarray(0, length).every((byte, at) => bytes[at] === byte);
}

function invalid(reason: string): ParsedHeader {
  return { kind: "invalid", reason };
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
