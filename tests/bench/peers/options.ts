/**
 * The options of `deno task bench:peers`.
 *
 * @module
 */
import { type Peer, PEERS } from "./peers.ts";

/** Text of `--help`. */
export const HELP = `deno task bench:peers --rounds 3 --only lengthwise,rsocket

Compares Lengthwise with other systems: two processes each, on loopback.
The baseline "bare" is always measured. Installs the peers into .cache/peers/,
and golang-go and nats-server as Debian packages.

  --rounds N         rounds that count, after one for warming up (default 7)
  --seconds N        seconds of each measurement (default 0.7)
  --only NAME,…      some of: ${PEERS.map(({ name }) => name).join(", ")}
  --json FILE        write the results as JSON
  --from FILE        read results from a file, and measure nothing
  --write            write the tables and the chart into README.md,
                     tests/bench/README.md and tests/bench/peers/
  --help             show this text
`;

/** Options after they have been checked. */
export interface Options {
  rounds: number;
  seconds: number;
  peers: readonly Peer[];
  json?: string;
  from?: string;
  write: boolean;
  help: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {TypeError} if an option is unknown or has a value that is not valid
 */
export function readOptions(args: readonly string[]): Options {
  const options: Options = {
    rounds: 7,
    seconds: 0.7,
    peers: PEERS,
    write: false,
    help: false,
  };
  const rest = [...args];
  for (let option; (option = rest.shift()) !== undefined;) {
    if (option === "--help") options.help = true;
    else if (option === "--write") options.write = true;
    else {
      const value = rest.shift();
      if (value === undefined) {
        throw new TypeError(`Option ${option} is unknown or lacks its value`);
      }
      if (option === "--rounds") {
        options.rounds = numberFrom(option, value, 1);
        if (!Number.isInteger(options.rounds)) {
          throw new TypeError(`--rounds ${value} is not an integer`);
        }
      } else if (option === "--seconds") {
        options.seconds = numberFrom(option, value, 0.05);
      } else if (option === "--only") options.peers = selected(value);
      else if (option === "--json") options.json = value;
      else if (option === "--from") options.from = value;
      else throw new TypeError(`Unknown option ${option}; see --help`);
    }
  }
  if (options.write && options.peers.length < PEERS.length) {
    throw new TypeError("--write needs all peers; remove --only");
  }
  return options;
}

function numberFrom(option: string, value: string, least: number): number {
  const number = Number(value);
  if (!(number >= least && number <= 1_000)) {
    throw new TypeError(
      `${option} ${value} is not valid; expected ${least} to 1000`,
    );
  }
  return number;
}

function selected(list: string): readonly Peer[] {
  const names = list.split(",");
  for (const name of names) {
    if (!PEERS.some((peer) => peer.name === name)) {
      const known = PEERS.map(({ name }) => name).join(", ");
      throw new TypeError(`Unknown peer "${name}"; expected one of ${known}`);
    }
  }
  return PEERS.filter(({ name }) => name === "bare" || names.includes(name));
}
