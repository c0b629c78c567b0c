/**
 * The command `subscribe`: prints the messages of a server.
 *
 * @module
 */
import { CallError } from "../../messages/errors/call_error.ts";
import type { SessionError } from "../../messages/errors/call_error.ts";
import {
  describeTarget,
  openSession,
  readTarget,
  type Target,
} from "../connecting.ts";
import {
  callableMethods,
  type DescribedMethod,
  describeServer,
  methodNamed,
} from "../described_server.ts";
import {
  type CallableMethod,
  callerOf,
  type DynamicStream,
  handlersOf,
  protocolOf,
} from "../dynamic_method.ts";
import { printable } from "../../messages/support/printable.ts";
import { EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import { readInput } from "../inputs.ts";
import type { Io } from "../io.ts";
import { Printer, type StreamPrinter } from "../output.ts";
import { countOf } from "../quantities.ts";
import { RatePrinter } from "../rate_printer.ts";
import {
  readStream,
  StopTimers,
  STREAM_FLAGS,
  type StreamLimits,
  streamLimits,
} from "../stream_limits.ts";

const FLAGS = {
  ...STREAM_FLAGS,
  rate: {
    type: "boolean",
    summary: "print the number of messages each second instead of them",
  },
  join: {
    type: "string",
    value: "method",
    summary: "method to call first, which subscribes the client",
  },
  input: {
    type: "string",
    value: "json|@file",
    summary: "input of that method, or of the server stream",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "subscribe <url> <name> [flags]",
  examples: [
    ["subscribe tcp://localhost:7000 quotes --count 3", "print three items"],
    [
      `subscribe tcp://localhost:7000 news --join room.enter --input '"tea"'`,
      "enter a room, then print what it sends",
    ],
    ["subscribe tcp://localhost:7000 news --rate", "print messages per second"],
  ],
  notes:
    `The name is that of a notification, which the server sends to its clients, or
of a server stream. A limit, or an orderly end of the session, ends the command
with 0.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [2, 2],
  );
  const [url = "", name = ""] = positionals;
  const printer = new Printer(io, flags);
  const limits = streamLimits(flags);
  const input = await readInput(flags.input, io);
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const described = await describeServer(target, io);
  const callable = callableMethods(described);
  checkMessages(name, callable);
  const method = methodNamed(
    name,
    described.methods.filter(({ side }) => side === "client").concat(
      callable.filter(({ shape }) => shape === "serverStream"),
    ),
  );
  const join = flags.join === undefined
    ? undefined
    : methodNamed(flags.join, callable);
  if (join !== undefined && join.shape !== "unary") {
    throw usage(
      `Cannot call ${join.name} with --join: expected a unary method`,
    );
  }
  const output = flags.rate ? new RatePrinter(printer, io) : printer.stream();
  const subscription = { method, join, input, target, limits, output };
  try {
    const count = method.side === "client"
      ? await receive(subscription, io)
      : await stream(subscription, io);
    await printer.note(countOf(count, "message"));
  } finally {
    await output.end();
  }
  return EXIT.ok;
}

/** @throws {CallError} if a server's method has no messages to print */
function checkMessages(
  name: string,
  callable: readonly DescribedMethod[],
): void {
  const found = callable.find((method) => method.name === name);
  if (found === undefined || found.shape === "serverStream") return;
  throw new CallError(
    `Cannot subscribe to ${
      printable(name)
    }, which is ${found.shape}: expected a server stream, or a notification to clients`,
    { code: "unimplemented", method: name, processed: "no" },
  );
}

/** A source of messages, and where they are printed. */
interface Subscription {
  readonly method: CallableMethod;
  readonly join: CallableMethod | undefined;
  readonly input: unknown;
  readonly target: Target;
  readonly limits: StreamLimits;
  readonly output: StreamPrinter;
}

/** Prints the items of a server stream; returns their number. */
async function stream(
  { method, input, target, limits, output }: Subscription,
  io: Io,
): Promise<number> {
  const session = await openSession(protocolOf([method]), target, io);
  try {
    const items = callerOf(session, method.name)(input, {
      signal: io.interrupted,
    });
    // A server stream returns its items.
    return await readStream(
      items as DynamicStream,
      limits,
      io,
      (item) => output.item(item),
    );
  } finally {
    await session.close();
  }
}

/** Codes with which a session ends in order. */
const ORDERLY: readonly string[] = ["closed", "drain", "age"];

/** Prints notifications of the server; returns their number. */
async function receive(
  { method, join, input, target, limits, output }: Subscription,
  io: Io,
): Promise<number> {
  if (method.shape !== "notification") {
    throw usage(
      `Cannot subscribe to ${method.name}, which is ${method.shape} and handled by clients`,
      "only notifications and server streams have messages",
    );
  }
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // it is awaited below
  const timers = new StopTimers(limits, io, () => done.resolve());
  let count = 0;
  let printed: Promise<void> = Promise.resolve();
  // The server waits for this promise when it has no credit left.
  const print = (_: string, value: unknown): Promise<void> => {
    printed = printed.then(async () => {
      if (count >= limits.count || timers.stopped) return;
      timers.restart();
      count++;
      await output.item(value);
      if (count >= limits.count) done.resolve();
    });
    printed.catch(done.reject);
    return printed;
  };
  const protocol = protocolOf(join === undefined ? [] : [join], [method]);
  const session = await openSession(
    protocol,
    target,
    io,
    handlersOf([method], print),
  );
  session.finished.then((reason) => {
    if (ORDERLY.includes(reason.code)) done.resolve();
    else done.reject(lost(reason, method.name));
  });
  io.interrupted.addEventListener("abort", () => done.resolve(), {
    once: true,
  });
  try {
    if (join !== undefined) {
      await callerOf(session, join.name)(input, { signal: io.interrupted });
    }
    await done.promise;
  } finally {
    timers.clear();
    await session.close();
    await printed.catch(() => {}); // the error is thrown above
  }
  return count;
}

/** Returns the error of a subscription whose session was lost. */
function lost(reason: SessionError, method: string): CallError {
  return new CallError(reason.message, {
    code: "disconnected",
    method,
    cause: reason,
  });
}
