/**
 * Lines of a web stream, compared with split2 from npm. It is loaded by a process
 * that uses no lock file, so that the project's does not contain it.
 *
 * @module
 */
import { Program } from "../processes.ts";
import { interleave, type Row } from "../row.ts";

/** The row. */
export const ROWS: readonly Row[] = [{
  name: "lines_web",
  title: "lines of 100 B through `FrameDecoderStream`",
  against: "split2",
  target: { least: 1 },
  group: "rows",
  async measure({ rounds = 9 }) {
    await using program = Program.start("lines.ts", [], [
      "--no-lock",
      "--allow-env",
      "--allow-read",
    ]);
    await program.next();
    const found = await interleave(
      () => program.ask("lengthwise"),
      () => program.ask("split2"),
      rounds,
    );
    return { ...found, unit: "lines/s" };
  },
}];
