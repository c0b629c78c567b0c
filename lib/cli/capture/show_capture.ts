/**
 * Shows the frames of a file that `tap` has written.
 *
 * @module
 */
import { EXIT } from "../errors.ts";
import type { Printer } from "../output.ts";
import { countOf } from "../quantities.ts";
import type { CaptureCopy } from "./capture_copy.ts";
import type { CapturedFrame } from "./captured_frame.ts";
import type { Filter } from "./filter.ts";
import { type Bodies, frameLines, frameValue } from "./frame_text.ts";
import { MessageAssembly, valueOf } from "./message_values.ts";
import { readPcapng } from "./pcapng.ts";
import { LENGTH, SessionDecoder } from "./session_decoder.ts";

/** Values of the flag `--bodies`. */
export const BODIES: readonly Bodies[] = ["none", "head", "full"];

/**
 * Yields the frames of a file.
 *
 * @param connected called with the name of each connection, before its frames
 */
export function* capturedFrames(
  file: Uint8Array,
  connected: (name: string) => void = () => {},
): Generator<CapturedFrame> {
  const sessions: SessionDecoder[] = [];
  for (const entry of readPcapng(file)) {
    if ("interface" in entry) {
      sessions.push(new SessionDecoder(sessions.length + 1));
      connected(entry.interface);
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
  /** File to which the frames are written as well. */
  readonly copy?: CaptureCopy | undefined;
}

/** Prints the frames of a file; returns the exit code. */
export async function showCapture(
  file: Uint8Array,
  printer: Printer,
  { filter, bodies, copy }: CaptureOptions,
): Promise<number> {
  const items = printer.stream();
  const messages = new MessageAssembly();
  let start: number | undefined;
  let count = 0;
  const names: string[] = [];
  try {
    for (const frame of capturedFrames(file, (name) => names.push(name))) {
      start ??= frame.time;
      for (const name of names.splice(0)) await copy?.connected(name);
      const shown = filter(frame);
      const message = bodies === "full" ? messages.add(frame) : undefined;
      // Without HELLO, the methods of the other frames have no names.
      if (shown || frame.kind === "HELLO") await copy?.frame(frame);
      if (!shown) continue;
      count++;
      const decoded = message && valueOf(message);
      if (printer.format === "pretty") {
        const { columns } = printer;
        await printer.print(
          `${frameLines(frame, start, bodies, decoded, columns)}\n`,
        );
      } else {
        await items.item(frameValue(frame, bodies, decoded));
      }
    }
  } finally {
    await items.end();
  }
  await printer.note(countOf(count, "frame"));
  return EXIT.ok;
}
