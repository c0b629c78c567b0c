/**
 * The outcome of a call as bytes that a store keeps.
 *
 * ```text
 *  ├─────────┼───────────┼─────────┼──────────────────────────┤
 *  │ u8 kind │ u8 length │ codec … │ body of RESULT or ERROR … │
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { Kind } from "../session/wire/frame_header.ts";

/** The outcome of a call. */
export interface Outcome {
  /** Kind of the frame: RESULT or ERROR. */
  readonly kind: number;
  /** Name of the codec of its value. */
  readonly codec: string;
  /** Body of the frame. */
  readonly body: Uint8Array;
}

/** Encodes an outcome. */
export function encodeOutcome({ kind, codec, body }: Outcome): Uint8Array {
  const name = new TextEncoder().encode(codec);
  return concat([Uint8Array.of(kind, name.length), name, body]);
}

/** Returns whether bytes are an outcome. */
export function isOutcome(bytes: Uint8Array): boolean {
  const { kind, codec, body } = decodeOutcome(bytes);
  return (kind === Kind.RESULT || kind === Kind.ERROR) && codec !== "" &&
    body.length > 0;
}

/** Decodes an outcome. */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const [kind = 0, length = 0] = bytes;
  const end = 2 + length;
  return {
    kind,
    codec: new TextDecoder().decode(bytes.subarray(2, end)),
    body: bytes.subarray(end),
  };
}
