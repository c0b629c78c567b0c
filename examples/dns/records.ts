/**
 * Resource records (RFC 1035, 3.2), with data as in zone files.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import { toBytes, toText } from "./text.ts";
import type { Writer } from "./writer.ts";

/** The class "Internet", the only class in use. */
export const IN = 1;

/** Fields of a record's data, such as `[10, "mail.example."]` for MX. */
export type RecordData = readonly (string | number)[];

/** One resource record. */
export interface ResourceRecord {
  /** Name of the owner, with a trailing dot. */
  name: string;
  /** `A`, `MX`, …; `TYPE65280` for a type without a name in this program. */
  type: string;
  /** @default {1}, the Internet */
  class?: number;
  /** Number of seconds for which the record may be cached. */
  ttl: number;
  /** Data as in a zone file; `["\\#", length, hex]` for unknown types (RFC 3597). */
  data: RecordData;
}

type Field = "ipv4" | "ipv6" | "u16" | "u32" | "name" | "plainName" | "texts";

interface RecordType {
  code: number;
  /** Fields of the data; absent for opaque data and for query types. */
  fields?: readonly Field[];
}

/** The prefix `::ffff:0:0/96` in hex (RFC 4291, 2.5.5.2). */
const MAPPED_IPV4 = "00000000000000000000ffff";

const TYPES: Readonly<Record<string, RecordType>> = {
  A: { code: 1, fields: ["ipv4"] },
  NS: { code: 2, fields: ["name"] },
  CNAME: { code: 5, fields: ["name"] },
  SOA: {
    code: 6,
    fields: ["name", "name", "u32", "u32", "u32", "u32", "u32"],
  },
  PTR: { code: 12, fields: ["name"] },
  MX: { code: 15, fields: ["u16", "name"] },
  TXT: { code: 16, fields: ["texts"] },
  AAAA: { code: 28, fields: ["ipv6"] }, // RFC 3596
  SRV: { code: 33, fields: ["u16", "u16", "u16", "plainName"] }, // RFC 2782
  OPT: { code: 41 }, // RFC 6891
  IXFR: { code: 251 },
  AXFR: { code: 252 },
  ANY: { code: 255 },
};

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPES).map(([name, { code }]) => [code, name]),
);

/** Returns the name of a record type: `MX`, or `TYPE65280` (RFC 3597, 5). */
export function typeName(code: number): string {
  return NAMES.get(code) ?? `TYPE${code}`;
}

/**
 * Returns the number of a record type.
 *
 * @throws {DnsFormatError} if `name` is neither a known name nor `TYPE` followed
 * by a number up to 65535
 */
export function typeCode(name: string): number {
  if (Object.hasOwn(TYPES, name)) return TYPES[name]?.code ?? 0;
  const [, digits] = /^TYPE(\d{1,5})$/.exec(name) ?? [];
  if (digits === undefined || Number(digits) > 0xffff) {
    throw new DnsFormatError(
      `Cannot use ${JSON.stringify(name)} as a type: expected one of ${
        Object.keys(TYPES).join(", ")
      }, or TYPE and a number from 0 to 65535`,
    );
  }
  return Number(digits);
}

/** Reads a record's data, which is the rest of its section. */
export function readData(reader: Reader, type: string): RecordData {
  const { fields } = TYPES[type] ?? {};
  if (fields !== undefined) {
    return fields.flatMap((field) => READ[field](reader));
  }
  const bytes = reader.bytes(reader.left);
  return ["\\#", bytes.length, bytes.toHex()];
}

/** Writes the data of a record. */
export function writeData(
  writer: Writer,
  type: string,
  data: RecordData,
): void {
  const { fields } = TYPES[type] ?? {};
  if (fields === undefined) return writer.bytes(opaque(data));
  const many = fields[0] === "texts";
  if (many ? data.length === 0 : data.length !== fields.length) {
    throw new DnsFormatError(
      `Cannot write a record of type ${type} with ${data.length} fields; expected ${
        many ? "one or more texts" : fields.length
      }`,
    );
  }
  for (const [i, value] of data.entries()) {
    WRITE[fields[i] ?? "texts"](writer, value);
  }
}

const READ: Readonly<
  Record<Field, (reader: Reader) => string | number | RecordData>
> = {
  u16: (reader) => reader.u16(),
  u32: (reader) => reader.u32(),
  name: (reader) => reader.name(),
  plainName: (reader) => reader.name(),
  ipv4: (reader) => reader.bytes(4).join("."),
  ipv6: (reader) => ipv6Text(reader.bytes(16)),
  texts: (reader) => {
    const texts = [];
    do texts.push(toText(reader.bytes(reader.u8()), "string")); while (
      reader.left
    );
    return texts;
  },
};

const WRITE: Readonly<
  Record<Field, (writer: Writer, value: string | number) => void>
> = {
  u16: (writer, value) => writer.u16(integer(value, 0xffff)),
  u32: (writer, value) => writer.u32(integer(value, 0xffff_ffff)),
  name: (writer, value) => writer.name(`${value}`, { compress: true }),
  plainName: (writer, value) => writer.name(`${value}`, { compress: false }),
  ipv4: (writer, value) => writer.bytes(ipv4(`${value}`)),
  ipv6: (writer, value) => writer.bytes(ipv6(`${value}`)),
  texts: (writer, value) => {
    const bytes = toBytes(`${value}`);
    writer.u8(integer(bytes.length, 255));
    writer.bytes(bytes);
  },
};

function integer(value: string | number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value)) {
    if (value >= 0 && value <= most) return value;
  }
  throw new DnsFormatError(
    `Cannot write ${value}: expected an integer from 0 to ${most}`,
  );
}

function ipv4(text: string): Uint8Array {
  const parts = /^(?:\d{1,3}\.){3}\d{1,3}$/.test(text) ? text.split(".") : [];
  if (parts.length === 4 && parts.every((part) => Number(part) < 256)) {
    return Uint8Array.from(parts, Number);
  }
  throw new DnsFormatError(`Cannot write "${text}": it is not an IPv4 address`);
}

function ipv6(text: string): Uint8Array {
  const canonical = canonicalIpv6(text);
  if (canonical === undefined) {
    throw new DnsFormatError(
      `Cannot write "${text}": it is not an IPv6 address`,
    );
  }
  const [head = [], tail = []] = canonical.split("::").map((side) =>
    side === "" ? [] : side.split(":")
  );
  const zeros = Array.from(
    { length: 8 - head.length - tail.length },
    () => "0",
  );
  return Uint8Array.from(
    [...head, ...zeros, ...tail].flatMap((group) => {
      const value = parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** Formats an address; writes IPv4-mapped ones in dotted form (RFC 5952, 5). */
function ipv6Text(bytes: Uint8Array): string {
  if (bytes.subarray(0, 12).toHex() === MAPPED_IPV4) {
    return `::ffff:${bytes.subarray(12).join(".")}`;
  }
  const groups = bytes.toHex().match(/.{4}/g) ?? [];
  return canonicalIpv6(groups.join(":")) ?? "";
}

/** Returns the form used in URLs; it omits the longest run of zeros. */
function canonicalIpv6(text: string): string | undefined {
  const url = /^[\da-fA-F:.]+$/.test(text)
    ? URL.parse(`http://[${text}]/`)
    : null;
  return url?.hostname.slice(1, -1);
}

/** Decodes `\# <length> <hex>` (RFC 3597, 5). */
function opaque(data: RecordData): Uint8Array {
  const [mark, length, hex] = data;
  if (mark === "\\#" && typeof hex === "string" && data.length === 3) {
    if (/^(?:[\da-fA-F]{2})*$/.test(hex) && hex.length === 2 * Number(length)) {
      return Uint8Array.fromHex(hex);
    }
  }
  throw new DnsFormatError(
    `Cannot write ${
      data.join(" ")
    }: expected \\#, a length, and that many bytes in hex`,
  );
}
