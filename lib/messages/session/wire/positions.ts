/**
 * Positions of items. PROTOCOL.md, "Positions of items", describes the fields:
 *
 * ```text
 *  ITEM_ID, RESUME_FROM  │ u64 epoch │ u64 number │
 *  GAP                   │ u64 from  │ u64 to     │ u8 reason    │
 *  JOINED                │ u64 epoch │ u64 head   │ u8 recovered │
 * ```
 *
 * @module
 */
import { MalformedError } from "./malformed_error.ts";
import { getExactU64, putU64 } from "./frame_header.ts";

/**
 * Position of an item in its stream.
 *
 * Positions with the same epoch follow each other by their numbers. Those of
 * different epochs cannot be compared.
 *
 * @category Sessions
 */
export interface Position {
  /** The numbering that the position belongs to; an integer below 2^53. */
  readonly epoch: number;
  /** Number of the item in this numbering; an integer below 2^53. */
  readonly number: number;
}

/** Reasons of gaps, indexed by their wire value. */
export const GAP_REASONS: readonly Gap["reason"][] = [
  "unknown",
  "expired",
  "slow",
];

/**
 * Items that are missing from a stream.
 *
 * @category Sessions
 */
export interface Gap {
  /** Number of the first item that is missing; 0 if it is unknown. */
  readonly from: number;
  /** Number of the last item that is missing. */
  readonly to: number;
  /**
   * Why they are missing.
   *
   * - `"unknown"`: the server has another numbering, for example because it was
   *   restarted; any number of items may be missing.
   * - `"expired"`: the server did not keep the items for long enough.
   * - `"slow"`: the reader was too slow, and the items are no longer kept.
   */
  readonly reason: "unknown" | "expired" | "slow";
}

/** The beginning of a stream with positions. */
export interface Joined {
  /** The numbering of the stream. */
  readonly epoch: number;
  /** Number of the newest item. */
  readonly head: number;
  /** Whether the stream continues where the caller left it, without a gap. */
  readonly recovered: boolean;
}

/** Encodes the value of ITEM_ID or RESUME_FROM. */
export function encodePosition({ epoch, number }: Position): Uint8Array {
  return numbers(epoch, number, 16);
}

/** Encodes the value of GAP. */
export function encodeGap({ from, to, reason }: Gap): Uint8Array {
  const bytes = numbers(from, to, 17);
  bytes[16] = GAP_REASONS.indexOf(reason);
  return bytes;
}

/** Encodes the value of JOINED. */
export function encodeJoined({ epoch, head, recovered }: Joined): Uint8Array {
  const bytes = numbers(epoch, head, 17);
  bytes[16] = recovered ? 1 : 0;
  return bytes;
}

function numbers(first: number, second: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  putU64(bytes, 0, first);
  putU64(bytes, 8, second);
  return bytes;
}

/** Decodes the value of ITEM_ID or RESUME_FROM. @throws {MalformedError} */
export function decodePosition(value: Uint8Array): Position {
  checkLength(value, 16);
  return { epoch: getExactU64(value, 0), number: getExactU64(value, 8) };
}

/** Decodes the value of GAP. @throws {MalformedError} */
export function decodeGap(value: Uint8Array): Gap {
  checkLength(value, 17);
  return {
    from: getExactU64(value, 0),
    to: getExactU64(value, 8),
    // in range: the length is checked; an unknown reason is of a later version
    reason: GAP_REASONS[value[16]!] ?? "unknown",
  };
}

/** Decodes the value of JOINED. @throws {MalformedError} */
export function decodeJoined(value: Uint8Array): Joined {
  checkLength(value, 17);
  return {
    epoch: getExactU64(value, 0),
    head: getExactU64(value, 8),
    recovered: value[16] === 1,
  };
}

function checkLength({ length }: Uint8Array, expected: number): void {
  if (length === expected) return;
  throw new MalformedError(
    `a position has ${length} bytes; expected ${expected}`,
  );
}
