/**
 * Runs a command by its name.
 *
 * @module
 */
import { didYouMean } from "../support/did_you_mean.ts";
import { AGENT } from "../messages/session/wire/agent.ts";
import { COMMANDS } from "./command_table.ts";
import { CliError, EXIT, usage } from "./errors.ts";
import { exitCodeOf, isBrokenPipe, reportFailure } from "./failures.ts";
import { commandHelp, programHelp } from "./help.ts";
import { type Io, writeText } from "./io.ts";

/**
 * Runs the command line and returns its exit code.
 *
 * It never rejects: errors are printed to standard error.
 *
 * @param args the command's name and its arguments
 * @param io streams, files, sockets and the clock
 */
export async function run(
  args: readonly string[],
  io: Io,
): Promise<number> {
  try {
    const code = await dispatch(args, io);
    return io.interrupted.aborted ? EXIT.interrupted : code;
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok;
    // A file that could not be written is reported also at the end of a tap.
    if (io.interrupted.aborted && !isUsage(error)) return EXIT.interrupted;
    return await reportFailure(error, io).catch(() => exitCodeOf(error));
  }
}

function isUsage(error: unknown): boolean {
  return error instanceof CliError && error.code === "usage";
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    await writeText(io.stderr, programHelp(summaries()));
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    await writeText(io.stdout, programHelp(summaries()));
    return EXIT.ok;
  }
  if (name === "--version") {
    await writeText(io.stdout, `${AGENT}\n`);
    return EXIT.ok;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const names = Object.keys(COMMANDS);
    throw usage(
      `Unknown command ${JSON.stringify(name)}${didYouMean(name, names)}`,
      `the commands are ${names.join(", ")}; see --help`,
    );
  }
  const entry = COMMANDS[name]!; // its own member
  const command = await entry.load();
  if (asksForHelp(rest)) {
    await writeText(io.stdout, commandHelp(entry.summary, command.HELP));
    return EXIT.ok;
  }
  return await command.run(rest, io);
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  return flags.includes("--help") || flags.includes("-h");
}

function summaries(): [name: string, summary: string][] {
  return Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]);
}
