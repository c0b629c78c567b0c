/**
 * The command `call`: calls one method.
 *
 * @module
 */
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import {
  type CallableMethod,
  callerOf,
  type DynamicCallOptions,
  protocolOf,
  replyOf,
} from "../dynamic_method.ts";
import { EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import { readInput, readInputs } from "../inputs.ts";
import type { Io } from "../io.ts";
import { CALL_FLAGS, callOptions, methodOf } from "../method_flags.ts";
import { Printer } from "../output.ts";
import { formatMs } from "../quantities.ts";
import { readStream, STREAM_FLAGS, streamLimits } from "../stream_limits.ts";
import { parseValue } from "../values.ts";
import { sendsItems } from "../../messages/session/calls/call_state.ts";

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
  let details = Promise.resolve();
  const options: DynamicCallOptions = {
    ...callOptions(flags),
    signal: io.interrupted,
    ...(flags.key !== undefined && { key: flags.key }),
    ...(flags.opening !== undefined &&
      { opening: parseValue(flags.opening, "--opening") }),
    onMetadata: (metadata) => {
      details = printer.detail(
        `metadata of the result: ${JSON.stringify(metadata)}`,
      );
      details.catch(() => {}); // it is awaited below
    },
  };
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const method = await methodOf(name, target, flags, io);
  const value = sendsItems(method.shape)
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
    await details.catch(() => {}); // if the call has failed, its error is thrown
  }
  await details;
  await printer.detail(`${formatMs(io.now() - start)}`);
  return EXIT.ok;

  async function print(
    { shape }: CallableMethod,
    result: unknown,
  ): Promise<void> {
    const reply = replyOf(shape, result);
    if ("output" in reply) {
      const output = await reply.output;
      return shape === "notification" ? undefined : await printer.value(output);
    }
    const items = printer.stream();
    try {
      await readStream(reply.items, limits, io, (item) => items.item(item));
    } finally {
      await items.end();
    }
  }
}
