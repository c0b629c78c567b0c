/**
 * The command `call`: calls one method.
 *
 * @module
 */
import { SHAPES } from "../../messages/session/wire/shape.ts";
import {
  describeTarget,
  openSession,
  readTarget,
  type Target,
} from "../connecting.ts";
import { describeServer, methodNamed } from "../described_server.ts";
import {
  type CallableMethod,
  callerOf,
  type DynamicCallOptions,
  type DynamicStream,
  protocolOf,
} from "../dynamic_method.ts";
import { EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  type FlagValues,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import { readInput, readInputs } from "../inputs.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";
import { formatMs, optionalDuration } from "../quantities.ts";
import { readStream, STREAM_FLAGS, streamLimits } from "../stream_limits.ts";
import { parseValue } from "../values.ts";

/** Flags of commands that make calls. */
export const CALL_FLAGS = {
  timeout: {
    type: "string",
    value: "10s",
    summary: "deadline of the call; the exit code is then 66",
  },
  header: {
    type: "string",
    short: "H",
    multiple: true,
    value: "key:value",
    summary: "metadata of the call; may be repeated",
  },
  shape: {
    type: "string",
    value: "unary",
    summary: "shape of the method, for servers without Introspection",
  },
} as const satisfies Flags;

const FLAGS = {
  ...CALL_FLAGS,
  ...STREAM_FLAGS,
  first: {
    type: "boolean",
    summary: "stop after the first item, like --count 1",
  },
  opening: {
    type: "string",
    value: "json",
    summary: "value that begins a client stream or a duplex call",
  },
  key: {
    type: "string",
    value: "text",
    summary: "key of a call that runs at most once",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "call <url> <method> [json | @file | -] [flags]",
  examples: [
    [`call tcp://localhost:7000 price '{"sku":"tea"}'`, "call a method"],
    [
      "call tcp://localhost:7000 orders.create @order.json",
      "read the input from a file",
    ],
    [
      "call tcp://localhost:7000 quotes --count 3",
      "print the first items of a stream",
    ],
    [
      "call tcp://localhost:7000 upload - <items.ndjson",
      "send a stream, one item per line",
    ],
  ],
  notes:
    `The server is asked for the shape of the method (Introspection), unless
--shape names it. Inputs of client streams and duplex calls are items, one per
line of a file or of standard input.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [2, 3],
  );
  const [url = "", name = "", input] = positionals;
  if (input === "-" && flags.credentials === "-") {
    throw usage(
      "Cannot read both the input and the credentials from standard input",
    );
  }
  const printer = new Printer(io, flags);
  const limits = streamLimits(flags.first ? { ...flags, count: "1" } : flags);
  const options: DynamicCallOptions = {
    ...callOptions(flags),
    signal: io.interrupted,
    ...(flags.key !== undefined && { key: flags.key }),
    ...(flags.opening !== undefined &&
      { opening: parseValue(flags.opening, "--opening") }),
    onMetadata: (metadata) => {
      printer.detail(`metadata of the result: ${JSON.stringify(metadata)}`);
    },
  };
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const method = await methodOf(name, target, flags, io);
  const value = sendsItems(method)
    ? readInputs(input, io)
    : await readInput(input, io);
  const protocol = protocolOf([{ ...method, once: flags.key !== undefined }]);
  const session = await openSession(protocol, target, io);
  const start = io.now();
  try {
    const result = callerOf(session, name)(value, options);
    await print(method, result);
  } finally {
    await session.close();
  }
  await printer.detail(`${formatMs(io.now() - start)}`);
  return EXIT.ok;

  async function print(
    { shape }: CallableMethod,
    result: unknown,
  ): Promise<void> {
    switch (shape) {
      case "unary":
        return await printer.value(await result);
      case "notification":
        return void await result;
      case "clientStream": {
        // A call of this shape has a result.
        const { result: output } = result as { result: Promise<unknown> };
        return await printer.value(await output);
      }
      case "serverStream":
      case "duplex": {
        const items = printer.stream();
        try {
          // A call of these shapes is a stream.
          const stream = result as DynamicStream;
          await readStream(stream, limits, io, (item) => items.item(item));
        } finally {
          await items.end();
        }
      }
    }
  }
}

function sendsItems({ shape }: CallableMethod): boolean {
  return shape === "clientStream" || shape === "duplex";
}

/**
 * Returns a method with the shape that `--shape` or the server names.
 *
 * @throws {CliError} if the server does not describe its methods
 */
export async function methodOf(
  name: string,
  target: Target,
  { shape }: FlagValues<typeof CALL_FLAGS>,
  io: Io,
): Promise<CallableMethod> {
  if (shape !== undefined) {
    return { name, shape: parseChoice("shape", shape, SHAPES) };
  }
  const { methods } = await describeServer(target, io);
  return methodNamed(name, methods.filter(({ side }) => side === "server"));
}

/** Returns the options that flags set for each call. */
export function callOptions(
  flags: FlagValues<typeof CALL_FLAGS>,
): DynamicCallOptions {
  const { header = [] } = flags;
  const timeout = optionalDuration("timeout", flags.timeout);
  return {
    ...(timeout !== undefined && { timeout }),
    ...(header.length > 0 && {
      metadata: Object.fromEntries(header.map(headerOf)),
    }),
  };
}

function headerOf(text: string): [key: string, value: string] {
  const [, key, value] = /^([^:]+):\s*(.*)$/s.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw usage(
    `Cannot use ${JSON.stringify(text)} as -H: expected key:value`,
  );
}
