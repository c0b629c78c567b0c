/**
 * Lines of a web stream, compared with split2 from npm. It is loaded by a process
 * that uses no lock file, so that the project's does not contain it.
 *
 * @module
 */
import { Program } from "../processes.ts";
import { interleave, type Row } from "../row.ts";

/** The rows. */
export const ROWS: readonly Row[] = [
  row("lines_web", "readLines", {
    title: "lines of 100 B through `readLines()`",
    target: { least: 1 },
  }),
  row("lines_frames", "frames", {
    title: "lines of 100 B through `FrameDecoderStream`, as bytes and as text",
  }),
];

function row(
  name: string,
  subject: string,
  parts: Pick<Row, "title" | "target">,
): Row {
  return {
    name,
    ...parts,
    against: "split2",
    group: "rows",
    async measure({ rounds = 9 }) {
      await using program = Program.start("lines.ts", [], [
        "--no-lock",
        "--allow-env",
        "--allow-read",
      ]);
      await program.next();
      const found = await interleave(
        () => program.ask(subject),
        () => program.ask("split2"),
        rounds,
      );
      return { ...found, unit: "lines/s" };
    },
  };
}
