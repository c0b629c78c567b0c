/**
 * The command `diff`: compares a protocol with that of a server.
 *
 * @module
 */
import {
  compareWithServer,
  Introspection,
} from "../../messages/introspection/introspection_service.ts";
import type { MethodDifference } from "../../messages/introspection/protocol_diff.ts";
import type { AnyProtocol } from "../../messages/protocol/protocol_types.ts";
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import { notDescribed } from "../described_server.ts";
import { EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";
import { countOf } from "../quantities.ts";
import { fileError } from "../secrets.ts";

const FLAGS = {
  export: {
    type: "string",
    value: "Name",
    summary: "export of the file, if it has several protocols",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "diff <url> <file.ts> [flags]",
  examples: [
    ["diff tcp://localhost:7000 ./shop.ts", "compare before a deployment"],
  ],
  notes:
    `The file exports the protocol that a client was built with. The exit code is 4
if a method differs. The file is executed: it needs --allow-read, and what it
imports.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [2, 2],
  );
  const [url = "", path = ""] = positionals;
  const printer = new Printer(io, flags);
  const target = await readTarget(url, flags, io);
  const protocol = protocolIn(await load(path, io), path, flags.export);
  await printer.detail(describeTarget(target));
  const session = await openSession(Introspection, target, io);
  let differences: readonly MethodDifference[];
  try {
    differences = await compareWithServer(session, protocol, {
      timeout: target.timeout,
      signal: io.interrupted,
    });
  } catch (error) {
    throw notDescribed(error, url);
  } finally {
    await session.close();
  }
  const stream = printer.stream();
  for (const difference of differences) {
    if (printer.format === "pretty") await printer.print(lineOf(difference));
    else await stream.item(difference);
  }
  await stream.end();
  await printer.note(
    differences.length === 0
      ? `no difference in ${protocol.name}`
      : countOf(differences.length, "difference"),
  );
  return differences.length === 0 ? EXIT.ok : EXIT.no;
}

/** Returns a line for people; the text of a difference is printable. */
function lineOf({ incompatible, text }: MethodDifference): string {
  return `${incompatible ? "fails " : "differs"}  ${text}\n`;
}

async function load(
  path: string,
  io: Io,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await io.importModule(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/** Returns the protocol that a module exports. */
function protocolIn(
  module: Readonly<Record<string, unknown>>,
  path: string,
  name: string | undefined,
): AnyProtocol {
  const found = new Map<string, AnyProtocol>();
  for (const [name, value] of Object.entries(module)) {
    if (isProtocol(value)) found.set(name, value);
  }
  const [only] = found.values();
  const chosen = name === undefined && found.size === 1
    ? only
    : found.get(name ?? "");
  if (chosen !== undefined) return chosen;
  const names = [...found.keys()].join(", ");
  throw usage(
    found.size === 0
      ? `${path} exports no protocol`
      : name === undefined
      ? `${path} exports several protocols: ${names}`
      : `${path} does not export a protocol named ${name}; it has ${names}`,
    found.size === 0
      ? "export what protocol() returns"
      : "choose one with --export",
  );
}

function isProtocol(value: unknown): value is AnyProtocol {
  return typeof value === "object" && value !== null && "name" in value &&
    typeof value.name === "string" && "methods" in value &&
    typeof value.methods === "object" && value.methods !== null &&
    "server" in value.methods && Array.isArray(value.methods.server) &&
    "client" in value.methods && Array.isArray(value.methods.client);
}
