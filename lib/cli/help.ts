/**
 * The text of `--help`.
 *
 * @module
 */
import { columnsOf } from "./display.ts";
import { type Flags, GENERAL_FLAGS } from "./flags.ts";

/** Help of one command. */
export interface CommandHelp {
  /** Arguments after the program's name. */
  readonly usage: string;
  /** Examples, each a command after the program's name and its effect. */
  readonly examples: readonly (readonly [command: string, effect: string])[];
  /** Flags that only this command has, or only some commands. */
  readonly flags: Flags;
  /** Further text. */
  readonly notes?: string;
}

/** Name of the program in help texts. */
export const PROGRAM = "lengthwise";

const EXIT_CODES = columnsOf([
  ["  0", "success; also if the reader of a pipe has gone"],
  ["  1", "a fault of this program"],
  ["  2", "an argument is not valid"],
  ["  3", "the server was not reached, or refused the client"],
  ["  4", "a negative result: damaged frames, other protocols, a threshold"],
  [
    "  64 + n",
    "the call failed with code number n: 64 declared, 65 cancelled,",
  ],
  ["", "66 deadline, 67 unimplemented, 68 invalid, 69 internal,"],
  ["", "70 overloaded, 71 unavailable, 72 unauthenticated, 73 forbidden,"],
  ["", "74 too-large, 75 malformed, 76 disconnected, 77 moving,"],
  ["", "78 conflict, 79 outcome-lost, 80 gap"],
  ["  130", "interrupted (SIGINT)"],
]).join("\n");

/** Returns the help of the program. */
export function programHelp(
  commands: readonly (readonly [name: string, summary: string])[],
): string {
  return `Example: list the methods of a server, then call one

  ${PROGRAM} ls tcp://localhost:7000
  ${PROGRAM} call tcp://localhost:7000 price '{"sku":"tea"}'

Usage: ${PROGRAM} <command> [arguments] [flags]

Commands:
${
    columnsOf(commands.map(([name, summary]) => [`  ${name}`, summary])).join(
      "\n",
    )
  }

${PROGRAM} <command> --help prints the flags of a command.
"${PROGRAM}" is short for

  deno run --allow-net=host:port jsr:@lengthwise/lengthwise/cli

Files that arguments name need --allow-read or --allow-write, and env:NAME
needs --allow-env=NAME; nothing else is needed.

Addresses: tcp://host:port, tls://host:port, unix:/path, tls+unix:/path,
ws://host/path, wss://host/path

Answers go to standard output, everything else to standard error. On a
terminal, answers are indented; in a pipe, each is a line of JSON. Values that
JSON lacks are written {"$bigint":"1"}, {"$bytes":"AQ=="}, {"$date":"…"},
{"$undefined":true} and {"$number":"NaN"}, also in inputs. A key that begins
with "$" has another "$" before it.

Exit codes:
${EXIT_CODES}
`;
}

/** Returns the help of a command. */
export function commandHelp(
  summary: string,
  { usage, examples, flags, notes }: CommandHelp,
): string {
  const shown = examples.map(([command, effect]) =>
    `  # ${effect}\n  ${PROGRAM} ${command}`
  ).join("\n");
  const many = examples.length > 1 ? "Examples" : "Example";
  return `${many}:

${shown}

Usage: ${PROGRAM} ${usage}

${summary[0]!.toUpperCase()}${summary.slice(1)}.
${notes === undefined ? "" : `\n${notes}\n`}
Flags:
${flagLines({ ...flags, ...GENERAL_FLAGS })}

Exit codes: see ${PROGRAM} --help
`;
}

function flagLines(flags: Flags): string {
  return columnsOf(
    Object.entries(flags).map(([name, { short, value, summary }]) => [
      `  ${short === undefined ? "    " : `-${short}, `}--${name}${
        value === undefined ? "" : ` ${value}`
      }`,
      summary,
    ]),
  ).join("\n");
}
