/**
 * Flags of commands that make calls.
 *
 * @module
 */
import { SHAPES } from "../messages/session/wire/shape.ts";
import type { Target } from "./connecting.ts";
import {
  callableMethods,
  describeServer,
  methodNamed,
} from "./described_server.ts";
import type { CallableMethod, DynamicCallOptions } from "./dynamic_method.ts";
import { usage } from "./errors.ts";
import { type Flags, type FlagValues, parseChoice } from "./flags.ts";
import type { Io } from "./io.ts";
import { optionalDuration } from "./quantities.ts";

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
  return methodNamed(name, callableMethods(await describeServer(target, io)));
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
