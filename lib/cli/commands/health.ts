/**
 * The command `health`: asks whether a server can serve calls.
 *
 * @module
 */
import { CallError } from "../../messages/errors/call_error.ts";
import { Health } from "../../messages/health/health_service.ts";
import { printableName } from "../../messages/support/printable.ts";
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import { CliError, EXIT } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";

const FLAGS = {
  service: {
    type: "string",
    value: "name",
    summary: "service to ask about; by default, the server as a whole",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "health <url> [flags]",
  examples: [
    ["health tcp://localhost:7000", "ask whether the server can serve calls"],
    ["health tcp://localhost:7000 --service orders", "ask about one service"],
  ],
  notes:
    `The server must serve Health. The exit code is 0 if it is serving, 4 if it is
not or does not say, and 3 if it was not reached.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 1],
  );
  const [url = ""] = positionals;
  const { service = "" } = flags;
  const printer = new Printer(io, flags);
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const session = await openSession(Health, target, io);
  let status: unknown;
  try {
    const reply = await session.remote.health.check({ service }, {
      timeout: target.timeout,
      signal: io.interrupted,
    });
    status = reply?.status; // a server may send anything
  } catch (error) {
    throw error instanceof CallError && error.code === "unimplemented"
      ? new CliError(`${url} does not report its health`, {
        code: "no",
        cause: error,
        hint: "merge Health into the server's protocol",
      })
      : error;
  } finally {
    await session.close();
  }
  if (printer.format === "pretty") {
    await printer.print(`${printableName(String(status))}\n`);
  } else {
    await printer.value({ service, status });
  }
  return status === "serving" ? EXIT.ok : EXIT.no;
}
