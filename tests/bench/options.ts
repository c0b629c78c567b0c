/**
 * Options of `deno task bench`.
 *
 * @module
 */

/** Options of the command. */
export interface BenchOptions {
  /** Benchmarks, rows, or the groups `rows` and `link`; all if empty. */
  readonly names: readonly string[];
  /** Prints the names and exits. */
  readonly list: boolean;
  /** Prints the rows as a Markdown table. */
  readonly markdown: boolean;
  /** File for the results. */
  readonly json: string | undefined;
  /** Server at the other end of a link; without it, a relay is the link. */
  readonly connect: { hostname: string; port: number } | undefined;
  /** Address on which to serve for a client at the other end of a link. */
  readonly serve: { hostname: string; port: number } | undefined;
  /** Seconds for which a link row measures. */
  readonly seconds: number;
  /** Seconds for which a link row warms up. */
  readonly warmup: number;
  /** Number of rounds; each row has its own number by default. */
  readonly rounds: number | undefined;
}

/**
 * Parses the arguments.
 *
 * @throws {TypeError} if one is unknown or lacks its value
 */
export function parseOptions(args: readonly string[]): BenchOptions {
  const names: string[] = [];
  const flags = { list: false, markdown: false };
  const values: Record<string, string | undefined> = {
    json: undefined,
    connect: undefined,
    serve: undefined,
    seconds: "3",
    warmup: "3",
    rounds: undefined,
  };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (!arg.startsWith("--")) {
      names.push(arg);
      continue;
    }
    const [, name = "", inline] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === "list" || name === "markdown") {
      if (inline !== undefined) throw new TypeError(`--${name} has no value`);
      flags[name] = true;
    } else if (Object.hasOwn(values, name)) {
      const value = inline ?? args[++at];
      if (value === undefined) throw new TypeError(`--${name} needs a value`);
      values[name] = value;
    } else {
      throw new TypeError(
        `Unknown option --${name}; expected --list, --markdown, --${
          Object.keys(values).join(", --")
        }`,
      );
    }
  }
  return {
    names,
    ...flags,
    json: values["json"],
    connect: address("connect", values["connect"]),
    serve: address("serve", values["serve"]),
    seconds: positive("seconds", values["seconds"])!, // has a default
    warmup: positive("warmup", values["warmup"])!, // has a default
    rounds: positive("rounds", values["rounds"]),
  };
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !(value > 0) || value === Infinity) {
    throw new TypeError(`--${name} is "${text}", but must be a number above 0`);
  }
  return value;
}

function address(name: string, text: string | undefined) {
  if (text === undefined) return undefined;
  const [, hostname, digits] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (hostname === undefined || !(port <= 65_535)) {
    throw new TypeError(`--${name} is "${text}", but must be HOST:PORT`);
  }
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port };
}
