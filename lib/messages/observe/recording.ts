/**
 * The last frames of a session, to find out why it ended.
 *
 * @module
 */
import type { FrameRecord } from "../errors/frame_record.ts";
import { printable } from "../support/printable.ts";

/**
 * Formats the last frames of a session, one in a line.
 *
 * @param frames the result of `session.recording()`, or `recording` of a
 * `SessionError`
 * @returns lines with the time since the first frame, the direction (`→` for
 * sent), the kind, the id and the length
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { formatRecording } from "@lengthwise/lengthwise/observe";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 * await using session = await connect(Echo, server.addr);
 * await session.remote.echo("hello");
 * assertStringIncludes(formatRecording(session.recording()), "→ REQUEST id 1 10 B");
 * ```
 *
 * @category Figures
 */
export function formatRecording(frames: readonly FrameRecord[]): string {
  const [first] = frames;
  return frames.map(({ at, direction, kind, flags, id, length }) =>
    [
      `+${(at - first!.at).toFixed(1)} ms`.padStart(14), // not empty
      direction === "sent" ? "→" : "←",
      printable(kind),
      ...(id === 0 ? [] : [`id ${id}`]),
      length === undefined ? "(length not shown)" : `${length} B`,
      ...(flags === 0 ? [] : [`flags 0x${flags.toString(16)}`]),
    ].join(" ")
  ).join("\n");
}
