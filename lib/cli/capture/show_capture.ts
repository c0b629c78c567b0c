/**
 * Shows the frames of a file that `tap` has written.
 *
 * @module
 */
import { fitted } from "../display.ts";
import { EXIT } from "../errors.ts";
import type { Printer } from "../output.ts";
import { countOf } from "../quantities.ts";
import type { CapturedFrame } from "./captured_frame.ts";
import type { Filter } from "./filter.ts";
import { type Bodies, frameLine, frameValue } from "./frame_text.ts";
import { readPcapng } from "./pcapng.ts";
import { LENGTH, SessionDecoder } from "./session_decoder.ts";

/** Values of the flag `--bodies`. */
export const BODIES: readonly Bodies[] = ["none", "head", "full"];

/** Yields the frames of a file. */
export function* capturedFrames(file: Uint8Array): Generator<CapturedFrame> {
  const sessions: SessionDecoder[] = [];
  for (const entry of readPcapng(file)) {
    if ("interface" in entry) {
      sessions.push(new SessionDecoder(sessions.length + 1));
      continue;
    }
    const { interface: index, dir, bytes, size, time } = entry.packet;
    const session = sessions[index]!; // readPcapng() checks it
    yield session.describe(dir, bytes.subarray(LENGTH), size, time);
  }
}

/** Which frames to show, and how much of them. */
export interface CaptureOptions {
  /** Frames to show. */
  readonly filter: Filter;
  /** Part of their bodies. */
  readonly bodies: Bodies;
}

/** Prints the frames of a file; returns the exit code. */
export async function showCapture(
  file: Uint8Array,
  printer: Printer,
  { filter, bodies }: CaptureOptions,
): Promise<number> {
  const items = printer.stream();
  let start: number | undefined;
  let count = 0;
  try {
    for (const frame of capturedFrames(file)) {
      start ??= frame.time;
      if (!filter(frame)) continue;
      count++;
      if (printer.format === "pretty") {
        await printer.print(
          `${fitted(frameLine(frame, start, bodies), printer.columns)}\n`,
        );
      } else {
        await items.item(frameValue(frame, bodies));
      }
    }
  } finally {
    await items.end();
  }
  await printer.note(countOf(count, "frame"));
  return EXIT.ok;
}
