/**
 * The command `ls`: lists the methods of a server.
 *
 * @module
 */
import {
  printableLines,
  printableName,
} from "../../messages/support/printable.ts";
import { sendsItems } from "../../messages/session/calls/call_state.ts";
import type { Shape } from "../../messages/session/wire/shape.ts";
import { describeTarget, readTarget } from "../connecting.ts";
import {
  type DescribedMethod,
  describeServer,
  methodNamed,
} from "../described_server.ts";
import { columnsOf, fitted, jsonLines, styled } from "../display.ts";
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
import { protocolSource, signature } from "../protocol_source.ts";
import { exampleOf } from "../schema_text.ts";

const FLAGS = {
  json: { type: "boolean", summary: "print everything, with JSON Schemas" },
  template: {
    type: "boolean",
    summary: "print an input of the method, to edit",
  },
  ts: {
    type: "boolean",
    summary: "print the source of a protocol, with types",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "ls <url> [method] [flags]",
  examples: [
    ["ls tcp://localhost:7000", "list all methods"],
    ["ls tcp://localhost:7000 orders.create", "show one method"],
    [
      "ls tcp://localhost:7000 orders.create --template >order.json",
      "write an input to edit",
    ],
    ["ls tcp://localhost:7000 --ts >shop.ts", "write a protocol for a client"],
  ],
  notes: "The server must serve Introspection.",
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 2],
  );
  const [url = "", name] = positionals;
  const printer = new Printer(io, flags);
  if (flags.template && name === undefined) {
    throw usage("--template needs a method: ls <url> <method> --template");
  }
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const server = await describeServer(target, io);
  const methods = name === undefined
    ? server.methods
    : [methodNamed(name, server.methods)];
  if (flags.template) {
    const [method] = methods;
    await printer.print(`${jsonLines(exampleOf(inputOf(method!)))}\n`); // named above
  } else if (flags.ts) {
    await printer.print(protocolSource(server.name, methods));
  } else if (flags.json) {
    await printer.value(name === undefined ? methods : methods[0]);
  } else if (printer.format === "pretty") {
    await printer.print(
      name === undefined ? list(methods, printer) : details(methods[0]!), // named
    );
  } else {
    const stream = printer.stream();
    for (const { schemas: _, ...rest } of methods) await stream.item(rest);
    await stream.end();
  }
  return EXIT.ok;
}

/** Returns the schema of the value with which a call begins. */
function inputOf({ shape, schemas }: DescribedMethod): unknown {
  return sendsItems(shape) && schemas.opening !== null
    ? schemas.opening
    : schemas.input;
}

const ARROWS: Readonly<Record<Shape, string>> = {
  unary: "unary",
  notification: "notification",
  serverStream: "server stream",
  clientStream: "client stream",
  duplex: "duplex",
};

function list(
  methods: readonly DescribedMethod[],
  { color, columns }: Printer,
): string {
  const rows = methods.map(({ side, name, shape, description }) => [
    side === "client" ? `(client) ${printableName(name)}` : printableName(name),
    ARROWS[shape],
    printableName(description),
  ]);
  const lines = columnsOf(rows).map((line) => fitted(line, columns));
  const width = Math.max(0, ...rows.map(([name = ""]) => name.length));
  return lines.map((line) =>
    `${styled(line.slice(0, width), "bold", color)}${line.slice(width)}\n`
  ).join("");
}

/** Describes one method for people. */
function details(method: DescribedMethod): string {
  const { name, shape, description, timeout, schemas } = method;
  const lines = [
    `${printableName(name)} (${ARROWS[shape]})`,
    ...(description === "" ? [] : [printableName(description)]),
    signature(method),
    ...(timeout === undefined ? [] : [`timeout: ${timeout} ms`]),
    ...(method.idempotent ? ["idempotent: a repeated call is harmless"] : []),
    ...(method.once ? ["once: a repeated call runs at most once"] : []),
    ...Object.keys(schemas.errors).map((each) =>
      `error: ${printableName(each)}`
    ),
  ];
  return printableLines(`${lines.join("\n")}\n`);
}
