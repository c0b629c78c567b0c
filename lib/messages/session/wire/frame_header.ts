/**
 * The frame header and the numbers on the wire (PROTOCOL.md, "Frames"):
 *
 * ```text
 *  0        1        2                                         8
 *  ├────────┼────────┼─────────────────────────────────────────┼────────
 *  │ kind   │ flags  │ id, u48 big-endian                      │ body …
 * ```
 *
 * @module
 */
import { MalformedError } from "./malformed_error.ts";

/** Size of the header in bytes. */
export const HEADER = 8;

/**
 * Frame kinds: below 0x10 for the session, others for calls and notifications.
 */
export const Kind = {
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

/** Names of the kinds by their slots; slot 0 is for unknown kinds. */
export const KINDS: readonly string[] = /* @__PURE__ */ Array.from(
  { length: 16 },
  (_, slot) =>
    Object.entries(Kind).find(([, kind]) => slotOf(kind) === slot)?.[0] ??
      "other",
);

/** Returns the slot of a kind among 16: a small number for tables. */
export function slotOf(kind: number): number {
  if (kind < 0x08) return kind;
  return kind >= 0x10 && kind < 0x18 ? kind - 0x08 : 0;
}

/** Flag bits. */
export const Flag = {
  /** More frames of this message follow. */
  MORE: 0x01,
  /** The frame replies to a frame of the same kind. */
  REPLY: 0x02,
  /** The ITEM has fields only, and is not one of the application's. */
  NO_VALUE: 0x04,
  /** A peer that does not know the kind ignores the frame. */
  IGNORABLE: 0x80,
} as const;

/** Credit that each frame costs in addition to its bytes. Floods of tiny frames are therefore not free. */
export const FRAME_CHARGE = 64;

/**
 * Highest id. The first GOAWAY of a drain contains it, because the id of the
 * last accepted call is not known yet.
 */
export const MAX_ID = 0xffff_ffff_ffff;

/**
 * Writes a header. The function has five positional parameters because it runs
 * once per frame, and would otherwise allocate an options object each time.
 */
export function putHeader(
  target: Uint8Array,
  offset: number,
  kind: number,
  flags: number,
  id: number,
): void {
  target[offset] = kind;
  target[offset + 1] = flags;
  putU48(target, offset + 2, id);
}

/** Reads the id of a frame. */
export function readId(frame: Uint8Array): number {
  return getU48(frame, 2);
}

/** Reads a big-endian u16. */
export function getU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** Writes a big-endian u16. */
export function putU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Reads a big-endian u32. */
export function getU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) |
    (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** Writes a big-endian u32. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/**
 * Returns whether frames of a kind have positions. The others concern one
 * connection, and are never sent again.
 */
export function hasPosition(kind: number): boolean {
  switch (kind) {
    case Kind.HELLO:
    case Kind.GOAWAY:
    case Kind.PING:
    case Kind.PONG:
    case Kind.ACK:
      return false;
  }
  return true;
}

/** Reads a big-endian u64; returns a number from 2^53 on for one too large. */
export function getU64(bytes: Uint8Array, offset: number): number {
  return getU32(bytes, offset) * 2 ** 32 + getU32(bytes, offset + 4);
}

/**
 * Reads a big-endian u64.
 *
 * @throws {MalformedError} if it is 2^53 or more, which a number cannot hold
 */
export function getExactU64(bytes: Uint8Array, offset: number): number {
  const number = getU64(bytes, offset);
  if (number < 2 ** 53) return number;
  throw new MalformedError("a number is 2^53 or more");
}

/** Writes a big-endian u64 below 2^53. */
export function putU64(bytes: Uint8Array, offset: number, value: number): void {
  putU32(bytes, offset, Math.floor(value / 2 ** 32));
  putU32(bytes, offset + 4, value % 2 ** 32);
}

/** Reads a big-endian u48. */
export function getU48(bytes: Uint8Array, offset: number): number {
  return getU16(bytes, offset) * 2 ** 32 + getU32(bytes, offset + 2);
}

/** Writes a big-endian u48. */
export function putU48(bytes: Uint8Array, offset: number, value: number): void {
  putU16(bytes, offset, Math.floor(value / 2 ** 32));
  putU32(bytes, offset + 2, value % 2 ** 32);
}
