/**
 * Bytes of frames, from PROTOCOL.md, with no check of any rule.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import { KIND } from "../vectors/conversations/bytes.ts";

/** Numbers of the frame kinds. */
export const K = KIND;

/** Names of the frame kinds by number. */
export const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(K).map(([name, kind]) => [kind, name]),
);

/** Flag of a frame that is not the last of its message. */
export const MORE = 0x01;

/** Flag of a frame that a receiver may skip. */
export const IGNORABLE = 0x80;

/** Bytes without content. */
export const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array();

const codec = msgpack();
const text = new TextEncoder();

/** Encodes a u16. */
export function u16(of: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(of >> 8, of & 255);
}

/** Encodes a u32. */
export function u32(of: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, of);
  return bytes;
}

/** Encodes a u64. */
export function u64(of: number): Uint8Array<ArrayBuffer> {
  return concat([u32(Math.floor(of / 2 ** 32)), u32(of % 2 ** 32)]);
}

/** Returns one frame. */
export function frame(
  kind: number,
  id: number,
  body: Uint8Array = EMPTY,
  flags = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 8 + body.length);
  view.setUint8(4, kind);
  view.setUint8(5, flags);
  view.setUint16(6, Math.floor(id / 2 ** 32));
  view.setUint32(8, id % 2 ** 32);
  bytes.set(body, 12);
  return bytes;
}

/** Returns a block of fields. */
export function fields(
  ...list: readonly (readonly [type: number, value: Uint8Array])[]
): Uint8Array<ArrayBuffer> {
  const block = concat(
    list.map(([type, value]) =>
      concat([Uint8Array.of(type), u16(value.length), value])
    ),
  );
  return concat([u16(block.length), block]);
}

/** Encodes a value with MessagePack. */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(codec.encode(value));
}

/** Returns a byte string of the given length, encoded with MessagePack. */
export function bin(length: number): Uint8Array<ArrayBuffer> {
  return concat([Uint8Array.of(0xc6), u32(length), new Uint8Array(length)]);
}

/** Returns a REQUEST. */
export function request(
  id: number,
  method: number,
  value: Uint8Array = encode(null),
  block: Uint8Array = fields(),
  flags = 0,
): Uint8Array<ArrayBuffer> {
  return frame(K.REQUEST, id, concat([u16(method), block, value]), flags);
}

/** Returns a NOTIFY. */
export function notify(
  method: number,
  value: Uint8Array = encode(null),
  flags = 0,
): Uint8Array<ArrayBuffer> {
  return frame(K.NOTIFY, 0, concat([u16(method), fields(), value]), flags);
}

/** Returns an ITEM, RESULT or the value of another message with fields. */
export function message(
  kind: number,
  id: number,
  value: Uint8Array = encode(null),
  flags = 0,
): Uint8Array<ArrayBuffer> {
  return frame(kind, id, concat([fields(), value]), flags);
}

/** Returns a GOAWAY. */
export function goaway(
  code: number,
  lastId: number,
  words = "",
): Uint8Array<ArrayBuffer> {
  const last = u64(lastId).subarray(2);
  const body = [Uint8Array.of(code), last, fields(), text.encode(words)];
  return frame(K.GOAWAY, 0, concat(body));
}

/** Members of a HELLO that differ from the defaults. */
export interface HelloMembers {
  readonly role?: 0 | 1;
  readonly features?: number;
  readonly maxFrameBody?: number;
  readonly maxMessage?: number;
  readonly maxCalls?: number;
  readonly streamWindow?: number;
  readonly connectionWindow?: number;
  readonly notifyWindow?: number;
  readonly itemsWindow?: number;
  readonly maxAssembly?: number;
  readonly heartbeat?: number;
  readonly codec?: string;
  readonly methods?: readonly (readonly [name: string, shape: number])[];
  /** The encoded credentials. */
  readonly auth?: Uint8Array;
  /** Further entries, encoded. */
  readonly entries?: Uint8Array;
}

/** Returns a HELLO. */
export function hello(members: HelloMembers = {}): Uint8Array<ArrayBuffer> {
  const {
    role = 0,
    features = 0,
    maxFrameBody = 131_072,
    maxMessage = 1 << 22,
    maxCalls = 1024,
    streamWindow = 32_768,
    connectionWindow = 1 << 22,
    notifyWindow = 1 << 20,
    itemsWindow = 1 << 22,
    maxAssembly = 1 << 23,
    heartbeat = 15_000,
    codec = "msgpack",
    methods = [],
    auth,
    entries = EMPTY,
  } = members;
  return frame(
    K.HELLO,
    0,
    concat([
      text.encode("LWP1"),
      Uint8Array.of(1, 0, role, 0),
      ...[features, maxFrameBody, maxMessage, maxCalls, streamWindow].map(u32),
      ...[connectionWindow, heartbeat, 0].map(u32),
      ...[notifyWindow, itemsWindow, maxAssembly].map(u32),
      entry(0x02, text.encode(codec)),
      entry(0x03, methodList(methods)),
      auth === undefined ? EMPTY : entry(0x04, auth),
      entries,
    ]),
  );
}

/** Returns an entry of a HELLO. */
export function entry(
  type: number,
  content: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return concat([Uint8Array.of(type), u16(content.length), content]);
}

function methodList(
  methods: readonly (readonly [name: string, shape: number])[],
): Uint8Array {
  return concat(methods.map(([name, shape]) => {
    const bytes = text.encode(name);
    return concat([
      Uint8Array.of(shape),
      u32(0),
      Uint8Array.of(bytes.length),
      bytes,
    ]);
  }));
}
