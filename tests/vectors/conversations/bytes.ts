/**
 * Encodes the frames of `lib/messages/PROTOCOL.md` as hex, without any code of the
 * library, so that the library can be checked against the result.
 *
 * @module
 */

/** A value as MessagePack in hex, and as the vectors represent it. */
export interface Value {
  /** MessagePack in hex. */
  readonly hex: string;
  /** JSON, with `$bytes`, `$undefined`, `$date` and `$bigint` for other values. */
  readonly json: unknown;
}

/** Encodes an unsigned integer in `width` bytes, big-endian. */
export function uint(value: number, width: number): string {
  const hex = value.toString(16).padStart(width * 2, "0");
  if (hex.length > width * 2) {
    throw new RangeError(`Cannot encode ${value} in ${width} bytes`);
  }
  return hex;
}

/** Encodes text as UTF-8. */
export function utf8(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => uint(byte, 1))
    .join("");
}

/** Returns the number of bytes in a hex string. */
export function size(hex: string): number {
  return hex.length / 2;
}

/** Encodes a short string: fixstr or str 8. */
export function str(text: string): Value {
  const body = utf8(text);
  const head = size(body) < 32
    ? uint(0xa0 + size(body), 1)
    : "d9" + uint(size(body), 1);
  return { hex: head + body, json: text };
}

/** Encodes an integer from 0 to 65,535. */
export function int(value: number): Value {
  const hex = value < 128
    ? uint(value, 1)
    : value < 256
    ? "cc" + uint(value, 1)
    : "cd" + uint(value, 2);
  return { hex, json: value };
}

/** Encodes a byte repeated `times` times: bin 8, 16 or 32. */
export function bin(byte: string, times: number): Value {
  const head = times < 256
    ? "c4" + uint(times, 1)
    : times < 65_536
    ? "c5" + uint(times, 2)
    : "c6" + uint(times, 4);
  return { hex: head + byte.repeat(times), json: { $bytes: [byte, times] } };
}

/** Encodes a small object. */
export function map(members: Record<string, Value>): Value {
  const entries = Object.entries(members);
  return {
    hex: uint(0x80 + entries.length, 1) +
      entries.map(([key, value]) => str(key).hex + value.hex).join(""),
    json: Object.fromEntries(
      entries.map(([key, value]) => [key, value.json]),
    ),
  };
}

/** The encoding of `undefined`, "no value". */
export const NONE: Value = { hex: "d40000", json: { $undefined: true } };

/** Numbers of the kinds. */
export const KIND = {
  HELLO: 0x01,
  GOAWAY: 0x02,
  PING: 0x03,
  PONG: 0x04,
  WINDOW: 0x05,
  AUTH: 0x06,
  ACK: 0x07,
  REQUEST: 0x10,
  ITEM: 0x11,
  END: 0x12,
  RESULT: 0x13,
  ERROR: 0x14,
  CANCEL: 0x15,
  CREDIT: 0x16,
  NOTIFY: 0x17,
} as const;

/** Names of the kinds. */
export type KindName = keyof typeof KIND;

/** Flag bits. */
export const MORE = 0x01, REPLY = 0x02, NO_VALUE = 0x04, IGNORABLE = 0x80;

/** Encodes a frame: length, kind, flags, id, body. */
export function frame(
  kind: number,
  id: number,
  body = "",
  flags = 0,
): string {
  return uint(8 + size(body), 4) + uint(kind, 1) + uint(flags, 1) +
    uint(id, 6) + body;
}

/** Encodes a frame of a named kind. */
export function named(
  kind: KindName,
  id: number,
  body = "",
  flags = 0,
): string {
  return frame(KIND[kind], id, body, flags);
}

/** Encodes RETRY_AFTER of an ERROR or GOAWAY. */
export function retryAfter(ms: number): string {
  return field(0x13, uint(ms, 4));
}

/** Encodes SPREAD of a GOAWAY. */
export function spread(ms: number): string {
  return field(0x14, uint(ms, 4));
}

/** Encodes a block of fields. */
export function fields(...list: string[]): string {
  const block = list.join("");
  return uint(size(block), 2) + block;
}

/** Encodes one field. */
export function field(type: number, value: string): string {
  return uint(type, 1) + uint(size(value), 2) + value;
}

/** Encodes DEADLINE. */
export function deadline(ms: number): string {
  return field(0x01, uint(ms, 4));
}

/** Encodes METADATA. */
export function metadata(pairs: Record<string, string>): string {
  return field(
    0x02,
    Object.entries(pairs).map(([key, value]) =>
      uint(key.length, 1) + utf8(key) + uint(size(utf8(value)), 2) + utf8(value)
    ).join(""),
  );
}

/** Encodes REQUEST. */
export function request(
  id: number,
  method: number,
  value: Value | undefined,
  ...list: string[]
): string {
  return named("REQUEST", id, call(method, value, ...list));
}

/** Encodes NOTIFY. */
export function notify(
  method: number,
  value: Value,
  ...list: string[]
): string {
  return named("NOTIFY", 0, call(method, value, ...list));
}

/** Encodes the body of a REQUEST or NOTIFY. */
export function call(
  method: number,
  value: Value | undefined,
  ...list: string[]
): string {
  return uint(method, 2) + fields(...list) + (value?.hex ?? "");
}

/** Encodes ITEM. */
export function item(id: number, value: Value): string {
  return named("ITEM", id, fields() + value.hex);
}

/** Encodes RESULT. */
export function result(
  id: number,
  value?: Value,
  ...list: string[]
): string {
  return named("RESULT", id, fields(...list) + (value?.hex ?? ""));
}

/** Codes of ERROR, in the order of their numbers. */
const CODES = (
  "declared cancelled deadline unimplemented invalid internal overloaded " +
  "unavailable unauthenticated forbidden too-large malformed disconnected " +
  "moving conflict outcome-lost"
).split(" ");

/** The contents of an ERROR. */
export interface ErrorParts {
  /** Name of the code. */
  readonly code: string;
  /** Whether the handler ran. */
  readonly processed?: "no" | "maybe" | "yes";
  /** Whether to retry. */
  readonly retry?: "never" | "later" | "now";
  /** MESSAGE. */
  readonly text?: string;
  /** INCIDENT. */
  readonly incident?: string;
  /** DECLARED. */
  readonly declared?: string;
  /** RETRY_AFTER. */
  readonly retryAfter?: number;
  /** Data. */
  readonly data?: Value;
}

/** Encodes ERROR. */
export function error(
  id: number,
  parts: ErrorParts,
  ...others: string[]
): string {
  const { code, processed = "maybe", retry = "never", text = code } = parts;
  const list = [field(0x10, utf8(text)), ...others];
  if (parts.incident) list.push(field(0x11, utf8(parts.incident)));
  if (parts.declared) list.push(field(0x12, utf8(parts.declared)));
  if (parts.retryAfter) list.push(retryAfter(parts.retryAfter));
  return named(
    "ERROR",
    id,
    uint(CODES.indexOf(code), 1) +
      uint(["no", "maybe", "yes"].indexOf(processed), 1) +
      uint(["never", "later", "now"].indexOf(retry), 1) + "00" +
      fields(...list) + (parts.data?.hex ?? ""),
  );
}

/** Encodes CANCEL; reason 1 is "deadline". */
export function cancel(id: number, reason = 0): string {
  return named("CANCEL", id, uint(reason, 1));
}

/** Encodes CREDIT, with the total granted to the call's items so far. */
export function credit(id: number, total: number): string {
  return named("CREDIT", id, uint(total, 8));
}

/** Accounts of the connection. */
export const REQUESTS = 0, NOTIFICATIONS = 1, ITEMS = 2;

/** Encodes WINDOW, with the total granted to an account so far. */
export function window(account: number, total: number): string {
  return named("WINDOW", account, uint(total, 8));
}

/** "Not settled yet", as the last id of a GOAWAY. */
export const UNSETTLED = 2 ** 48 - 1;

/** Codes of GOAWAY, in the order of their numbers. */
const GOAWAY_CODES = (
  "closed protocol version codec unauthenticated timeout too-many " +
  "flow-control too-large unsent internal drain age refused-busy resume-lost"
).split(" ");

/** Encodes GOAWAY. */
export function goaway(
  code: string,
  lastId: number,
  text = code,
  ...list: string[]
): string {
  const number = GOAWAY_CODES.indexOf(code);
  return named(
    "GOAWAY",
    0,
    uint(number, 1) + uint(lastId, 6) + fields(...list) + utf8(text),
  );
}

/** Splits a body into the frames of one message. */
export function fragments(
  kind: KindName,
  id: number,
  body: string,
  most: number,
): string[] {
  const frames: string[] = [];
  for (let at = 0; at < size(body); at += most) {
    const part = body.slice(at * 2, (at + most) * 2);
    const last = at + most >= size(body);
    frames.push(named(kind, id, part, last ? 0 : MORE));
  }
  return frames;
}

/** A method in a HELLO: name, number of its shape, hash. */
export type Method = readonly [name: string, shape: number, hash: number];

/** The contents of a HELLO. */
export interface HelloParts {
  /** 0: client, 1: server. */
  readonly role: 0 | 1;
  /** Fixed members that differ from the defaults. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Version. */
  readonly version?: readonly [major: number, minor: number];
  /** Feature bits. */
  readonly features?: number;
  /** Names of the codecs, separated by commas. */
  readonly codec?: string;
  /** Hash of its protocol. */
  readonly protocolHash?: number;
  /** Methods that it may call. */
  readonly methods: readonly Method[];
  /** Further entries. */
  readonly entries?: readonly string[];
}

const DEFAULTS = {
  maxFrameBody: 131_072,
  maxMessage: 4_194_304,
  maxCalls: 1024,
  streamWindow: 32_768,
  connectionWindow: 4_194_304,
  heartbeat: 15_000,
  notifyWindow: 1_048_576,
  itemsWindow: 4_194_304,
  maxAssembly: 8_388_608,
};

/** Protocol hash and name that all vectors use. */
export const PROTOCOL_HASH = 0x1badcafe, PROTOCOL_NAME = "demo";

/** Encodes the body of a HELLO. */
export function helloBody(parts: HelloParts): string {
  const { role, version = [1, 0], features = 0, codec = "msgpack" } = parts;
  const limits = { ...DEFAULTS, ...parts.limits };
  return [
    utf8("LWP1"),
    uint(version[0], 1),
    uint(version[1], 1),
    uint(role, 1),
    "00",
    uint(features, 4),
    uint(limits.maxFrameBody, 4),
    uint(limits.maxMessage, 4),
    uint(limits.maxCalls, 4),
    uint(limits.streamWindow, 4),
    uint(limits.connectionWindow, 4),
    uint(limits.heartbeat, 4),
    uint(parts.protocolHash ?? PROTOCOL_HASH, 4),
    uint(limits.notifyWindow, 4),
    uint(limits.itemsWindow, 4),
    uint(limits.maxAssembly, 4),
    field(0x01, utf8(PROTOCOL_NAME)),
    field(0x02, utf8(codec)),
    field(0x03, methodList(parts.methods)),
    ...(parts.entries ?? []),
  ].join("");
}

/** Encodes METHODS. */
export function methodList(methods: readonly Method[]): string {
  return methods.map(([name, shape, hash]) =>
    uint(shape, 1) + uint(hash, 4) + uint(name.length, 1) + utf8(name)
  ).join("");
}
