/**
 * Flags of commands, and the parser of arguments.
 *
 * @module
 */
import { didYouMean } from "../support/did_you_mean.ts";
import { type CliError, usage } from "./errors.ts";
import { countOf } from "./quantities.ts";

/** A flag of a command. */
export interface Flag {
  /** Whether the flag takes a value. */
  readonly type: "string" | "boolean";
  /** One-letter form. */
  readonly short?: string;
  /** Whether the flag may be repeated. */
  readonly multiple?: true;
  /** Name of the value in the help, such as `"10s"`. */
  readonly value?: string;
  /** Description in the help. */
  readonly summary: string;
}

/** The flags of a command by name. */
export type Flags = Readonly<Record<string, Flag>>;

/** Values of the flags that were set. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]?: F[Name] extends { readonly type: "boolean" }
    ? boolean
    : F[Name] extends { readonly multiple: true } ? readonly string[]
    : string;
};

/** Arguments of a command, by kind. */
export interface Arguments<F extends Flags> {
  /** Values of the flags. */
  readonly flags: FlagValues<F>;
  /** Arguments that are not flags. */
  readonly positionals: readonly string[];
}

/** Flags that every command has. */
export const GENERAL_FLAGS = {
  format: {
    type: "string",
    value: "auto",
    summary: "form of answers: auto, pretty, json, ndjson, raw or hex",
  },
  color: {
    type: "string",
    value: "auto",
    summary: "colors: auto, always or never",
  },
  verbose: { type: "boolean", short: "v", summary: "print what happens" },
  quiet: { type: "boolean", short: "q", summary: "print no notes" },
  help: { type: "boolean", short: "h", summary: "print this help" },
} as const satisfies Flags;

/** Flags of commands that connect to a server. */
export const CONNECT_FLAGS = {
  credentials: {
    type: "string",
    value: "@f|env:N|-",
    summary: "credentials: JSON or text in a file, variable or standard input",
  },
  codec: {
    type: "string",
    value: "msgpack",
    summary: "codec: msgpack, json or bytes; by default, the server chooses",
  },
  "connect-timeout": {
    type: "string",
    value: "5s",
    summary: "longest time to connect, handshakes included",
  },
  "tls-ca": {
    type: "string",
    value: "ca.pem",
    summary: "authorities to trust, in addition to the system's",
  },
  "tls-cert": {
    type: "string",
    value: "me.pem",
    summary: "certificate of this client",
  },
  "tls-key": {
    type: "string",
    value: "me.key",
    summary: "private key of the certificate",
  },
  "server-name": {
    type: "string",
    value: "name",
    summary: "name to find in the server's certificate",
  },
} as const satisfies Flags;

/**
 * Parses the arguments of a command.
 *
 * `parseArgs` of `node:util` needs no permission and no package, and rejects
 * unknown flags by itself. Other parsers read the environment (citty, yargs),
 * or accept what they do not know (`@std/cli`).
 *
 * @param flags the flags that the command has
 * @param args the arguments after the command's name
 * @param count smallest and largest number of positional arguments
 * @throws {CliError} with the code `usage` if an argument is not valid
 */
export async function parseFlags<F extends Flags>(
  flags: F,
  args: readonly string[],
  [least, most]: readonly [least: number, most: number],
): Promise<Arguments<F>> {
  const { parseArgs } = await import("node:util");
  const options: Record<
    string,
    { type: "string" | "boolean"; short?: string; multiple?: boolean }
  > = {};
  for (const [name, { type, short, multiple }] of Object.entries(flags)) {
    options[name] = {
      type,
      ...(short !== undefined && { short }),
      ...(multiple && { multiple }),
    };
  }
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: true,
    });
    checkPositionals(positionals, least, most);
    // parseArgs() returns what `options` describes.
    return { flags: values as FlagValues<F>, positionals };
  } catch (error) {
    throw flagError(error, flags);
  }
}

/** Hint that is replaced by the usage of the command. */
export const SEE_ARGUMENTS = "see --help for the arguments";

function checkPositionals(
  positionals: readonly string[],
  least: number,
  most: number,
): void {
  if (positionals.length < least) {
    throw usage(
      `Expected ${least === most ? "" : "at least "}${
        countOf(least, "argument")
      }, received ${positionals.length}`,
      SEE_ARGUMENTS,
    );
  }
  if (positionals.length > most) {
    throw usage(
      `Unexpected argument ${JSON.stringify(positionals[most])}`,
      "put JSON in quotes, so that the shell passes it as one argument",
    );
  }
}

/** Converts an error of `parseArgs`. */
function flagError(error: unknown, flags: Flags): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const { code, message } = error;
  if (code === "usage") return error;
  const name = /'(-[^ ']*)/.exec(message)?.[1] ?? "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    return unknownFlag(name, flags);
  }
  return code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE"
    ? usage(message.replace(/^Option/, "The flag"))
    : error;
}

function unknownFlag(name: string, flags: Flags): CliError {
  if (/^-\d/.test(name)) {
    return usage(
      `Cannot read ${name} as a flag`,
      `put -- before an argument that begins with "-": -- ${name}`,
    );
  }
  const names = Object.keys(flags).map((each) => `--${each}`);
  return usage(
    `Unknown flag ${name}${didYouMean(name, names)}`,
    "see --help for the flags",
  );
}

/**
 * Returns one of a few values of a flag.
 *
 * @throws {CliError} if the value is anything else
 */
export function parseChoice<Choice extends string>(
  flag: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw usage(
    `Unknown --${flag} ${JSON.stringify(value)}${didYouMean(value, choices)}`,
    `expected one of ${choices.join(", ")}`,
  );
}
