/**
 * Runs a command by its name.
 *
 * @module
 */
import { didYouMean } from "../support/did_you_mean.ts";
import { AGENT } from "../messages/session/wire/agent.ts";
import { COMMANDS } from "./command_table.ts";
import { fittedText } from "./display.ts";
import { CliError, EXIT, usage } from "./errors.ts";
import { exitCodeOf, isBrokenPipe, reportFailure } from "./failures.ts";
import { SEE_ARGUMENTS } from "./flags.ts";
import { commandHelp, PROGRAM, programHelp } from "./help.ts";
import { type Io, type OutputStream, writeText } from "./io.ts";

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

function isUsage(error: unknown): error is CliError {
  return error instanceof CliError && error.code === "usage";
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    await printHelp(io.stderr, programHelp(summaries()));
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    await printHelp(io.stdout, programHelp(summaries()));
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
    await printHelp(io.stdout, commandHelp(entry.summary, command.HELP));
    return EXIT.ok;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    const { usage: form } = command.HELP;
    throw isUsage(error) && error.hint === SEE_ARGUMENTS
      ? usage(error.message, `the form is: ${PROGRAM} ${form}`)
      : error;
  }
}

/** Prints a text, in lines that fit into a terminal. */
async function printHelp(to: OutputStream, text: string): Promise<void> {
  const columns = to.isTTY ? to.columns : Infinity;
  await writeText(to, fittedText(text, columns, `  ${PROGRAM}`));
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  return flags.includes("--help") || flags.includes("-h");
}

function summaries(): [name: string, summary: string][] {
  return Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]);
}
