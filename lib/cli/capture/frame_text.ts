/**
 * Captured frames as text and as values.
 *
 * @module
 */
import { printableName } from "../../messages/support/printable.ts";
import { HEADER } from "../../messages/session/wire/frame_header.ts";
import { ascii, fitted, jsonFor, jsonLine } from "../display.ts";
import { toJson } from "../values.ts";
import { LENGTH } from "./session_decoder.ts";
import type { CapturedFrame } from "./captured_frame.ts";

/** How much of a body is shown or written. */
export type Bodies = "none" | "head" | "full";

/** Bytes of a body that `head` keeps. */
const HEAD = 64;

/** Bytes of a body that a line shows. */
const SHOWN = 48;

/** Returns the bytes of a frame that are kept; a HELLO is kept as a whole. */
export function keptBytes(
  { bytes, kind }: CapturedFrame,
  bodies: Bodies,
): Uint8Array {
  if (bodies === "full" || kind === "HELLO") return bytes;
  // A REQUEST and a NOTIFY begin with the number of their method.
  const least = kind === "REQUEST" || kind === "NOTIFY" ? 2 : 1;
  const body = bodies === "head" ? HEAD : least;
  return bytes.subarray(0, LENGTH + HEADER + body);
}

/** Returns the body of a frame, as far as it is kept. */
function bodyOf(frame: CapturedFrame, bodies: Bodies): Uint8Array {
  return bodies === "none"
    ? new Uint8Array()
    : keptBytes(frame, bodies).subarray(LENGTH + HEADER);
}

/**
 * Returns a frame as a line.
 *
 * @param start time of the capture's beginning, in ms since 1970
 */
export function frameLine(
  frame: CapturedFrame,
  start: number,
  bodies: Bodies,
): string {
  const { connection, dir, time, kind, more, id, size } = frame;
  const { method, code, note } = frame;
  const seconds = ((time - start) / 1000).toFixed(4).padStart(9);
  const body = bodyOf(frame, bodies);
  const words = [
    `${seconds} #${connection} ${dir === "in" ? "→" : "←"} ${kind.padEnd(7)}`,
    ...(id === 0 ? [] : [`id ${id}`]),
    ...(method === undefined ? [] : [printableName(method)]),
    ...(code === undefined ? [] : [code]),
    `${size} B${more ? ", more follows" : ""}`,
    ...(note === undefined ? [] : [`(${printableName(note)})`]),
    ...(body.length === 0 ? [] : [ascii(body.subarray(0, SHOWN))]),
  ];
  return words.join(" ");
}

/** A decoded value. */
type Decoded = { readonly value: unknown } | undefined;

/**
 * Returns a frame as a line, with the value of its message.
 *
 * A value that does not fit into the line follows it.
 *
 * @param decoded the value of the message that the frame completes
 */
export function frameLines(
  frame: CapturedFrame,
  start: number,
  bodies: Bodies,
  decoded: Decoded,
  columns: number,
): string {
  if (decoded === undefined) {
    return fitted(frameLine(frame, start, bodies), columns);
  }
  const line = frameLine(frame, start, "none");
  const json = toJson(decoded.value);
  const whole = `${line} ${jsonLine(json)}`;
  if (whole.length <= columns) return whole;
  const lines = jsonFor(columns - INDENT.length, json).split("\n");
  return [fitted(line, columns), ...lines.map((each) => `${INDENT}${each}`)]
    .join("\n");
}

/** Space before a value below its frame. */
const INDENT = " ".repeat(10);

/**
 * Returns a frame as a value, for JSON.
 *
 * @param decoded the value of the message that the frame completes
 */
export function frameValue(
  frame: CapturedFrame,
  bodies: Bodies,
  decoded?: Decoded,
): Record<string, unknown> {
  const { connection, dir, time, kind, more, id, size } = frame;
  const { method, code, note } = frame;
  const body = bodyOf(frame, decoded === undefined ? bodies : "none");
  return {
    time,
    connection,
    dir,
    kind,
    id,
    size,
    ...(more && { more }),
    ...(method !== undefined && { method }),
    ...(code !== undefined && { code }),
    ...(note !== undefined && { note }),
    ...(body.length > 0 && { body: body.toHex() }),
    ...decoded,
  };
}
