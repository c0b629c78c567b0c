/**
 * Reads `tests/vectors/messages.json`, and compares frames with it.
 *
 * @module
 */
import text from "../../vectors/messages.json" with { type: "text" };
import type {
  Bytes,
  Conversation,
  Step,
} from "../../vectors/conversations/script.ts";
import type { MessageVectors } from "../../vectors/make_messages.ts";
import { expand } from "../../vectors/preludes.ts";

/** The text of the file. */
export const TEXT: string = text;

/** The content of the file; a test compares it with its source. */
export const VECTORS: MessageVectors = JSON.parse(text);

/** The conversations of the file, with the steps of their preludes. */
export const CONVERSATIONS: readonly Conversation[] = VECTORS.conversations
  .map((conversation) => expand(conversation, VECTORS.preludes));

/** A step that puts bytes on the wire. */
export type FrameStep = Extract<Step, { bytes: Bytes }>;

/** Returns the bytes of a vector. */
export function bytesOf(bytes: Bytes): Uint8Array {
  const parts = typeof bytes === "string" ? [[bytes, 1] as const] : bytes.parts;
  const runs = parts.map(([hex, times]) => {
    const run = Uint8Array.from(
      hex.match(/../g) ?? [],
      (byte) => parseInt(byte, 16),
    );
    const all = new Uint8Array(run.length * times);
    for (let at = 0; at < all.length; at += run.length) all.set(run, at);
    return all;
  });
  const whole = new Uint8Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    whole.set(run, at);
    at += run.length;
  }
  return whole;
}

/** Size of the fixed members of a HELLO. */
const FIXED = 52;

/** Returns a frame as hex without text, which each sender chooses. */
export function comparable(frame: Uint8Array): string {
  const hex = frame.toHex();
  const kind = frame[4];
  if (kind === 0x01 && frame.length >= 12 + FIXED) return helloOf(frame);
  if (kind === 0x02 && frame.length >= 21) {
    const end = 21 + frame[19]! * 256 + frame[20]!;
    return `length ${hex.slice(8, 2 * end)}`; // code, last id and fields
  }
  return kind === 0x14 && (frame[5]! & 1) === 0 && frame.length >= 18
    ? withoutMessage(frame)
    : hex;
}

/** Returns the members of a HELLO, and its entries except AGENT, in order. */
function helloOf(frame: Uint8Array): string {
  const entries: string[] = [];
  for (let at = 12 + FIXED; at < frame.length;) {
    const next = at + 3 + frame[at + 1]! * 256 + frame[at + 2]!;
    if (frame[at] !== 0x06) entries.push(frame.subarray(at, next).toHex());
    at = next;
  }
  return [
    "length",
    frame.subarray(4, 12 + FIXED).toHex(),
    ...entries.sort(),
  ].join(" ");
}

/** Returns the fixed members, fields and data of an ERROR, without MESSAGE. */
function withoutMessage(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const end = 18 + view.getUint16(16);
  const fields: string[] = [];
  for (let at = 18; at < end;) {
    const next = at + 3 + view.getUint16(at + 1);
    if (frame[at] !== 0x10) fields.push(frame.subarray(at, next).toHex());
    at = next;
  }
  return [
    "length",
    frame.subarray(4, 16).toHex(),
    ...fields,
    frame.subarray(end).toHex(),
  ].join(" ");
}
