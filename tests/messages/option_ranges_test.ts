/**
 * Numbers as options: each has a least and a greatest value that is accepted, and
 * is rejected, by its name, one step beyond them.
 *
 * @module
 */
import { ALL_PLUGINS } from "../../lib/messages/connection/all_plugins.ts";
import { assertStringIncludes, assertThrows } from "@std/assert";
import {
  frames,
  type FramesOptions,
  u32be,
} from "@lengthwise/lengthwise/framing";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import {
  createServer,
  memoryOnceStore,
  protocol,
  type ServerOptions,
} from "@lengthwise/lengthwise";
import { resolveClientOptions } from "../../lib/messages/client/create_client_options.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Empty = protocol({ name: "empty", server: {} });
const TIME = 2 ** 31 - 1;
const COUNT = Number.MAX_SAFE_INTEGER;

/** Functions that take options; the options are given as JavaScript would. */
const TAKERS: Readonly<Record<string, (options: object) => unknown>> = {
  "memoryOnceStore()": memoryOnceStore,
  "createClient()": (options) => resolveClientOptions(options, 1, ALL_PLUGINS),
  "createServer()": (options) =>
    createServer(Empty, withGrace(options)).handle({}),
  "memoryPair()": memoryPair,
  "frames()": (options: FramesOptions) =>
    frames(memoryPair()[0], u32be(), options),
};

/** Paths of options, with the least and the greatest value. */
const RANGES: Readonly<
  Record<string, Readonly<Record<string, readonly [number, number]>>>
> = {
  "memoryOnceStore()": {
    maxBytes: [64 * 1024, COUNT],
    maxOutcome: [0, COUNT],
    retention: [1_000, COUNT],
    maxUnacknowledged: [1, COUNT],
  },
  "createClient()": {
    "reconnect.minDelay": [1, 10_000],
    "reconnect.maxDelay": [100, TIME],
    "reconnect.spread": [0, TIME],
    "wait.timeout": [0, TIME],
    "wait.calls": [0, Infinity],
    "wait.bytes": [0, Infinity],
    "retry.maxAttempts": [1, Infinity],
    "retry.budget.perSecond": [0, Infinity],
    "retry.budget.ratio": [0, 1],
    "resume.patience": [0, TIME],
    connections: [1, 1_000],
    memory: [2 ** 20, COUNT],
  },
  "createServer()": {
    "resume.grace": [0, TIME],
    "resume.perPrincipal": [1, COUNT],
    maxSessions: [1, COUNT],
    memory: [2 ** 20, COUNT],
    spread: [0, TIME],
  },
  "memoryPair()": {
    capacity: [1, Infinity],
    latency: [0, COUNT],
    readSize: [1, Infinity],
    writeSize: [1, Infinity],
  },
  "frames()": {
    highWaterMark: [0, COUNT],
    frameTimeout: [0, TIME],
    minByteRate: [0, COUNT],
    turnTime: [1, TIME],
    linger: [0, TIME],
  },
};

/** Options that must be integers. */
const INTEGERS = /^(?!reconnect|wait|retry|latency)/;

function withOption(path: string, value: number): object {
  return path.split(".").reduceRight<unknown>(
    (inner, name) => ({ [name]: inner }),
    value,
  ) as object; // a path has at least one name
}

/** Adds the member that the option `resume` of a server requires. */
function withGrace(
  options: { resume?: { grace?: number; perPrincipal?: number } },
): ServerOptions<typeof Empty> {
  const { resume, ...others } = options;
  return resume === undefined
    ? others
    : { ...others, resume: { grace: 1, ...resume } };
}

for (const [where, ranges] of Object.entries(RANGES)) {
  for (const [path, [least, most]] of Object.entries(ranges)) {
    Deno.test(`${where} takes ${path} from ${least} to ${most}`, none, () => {
      const take = TAKERS[where]!; // each function of RANGES is there
      for (const value of [least, most]) take(withOption(path, value));
      const wrong = [least - 1, NaN, -Infinity];
      if (most < COUNT) wrong.push(most + 1, Infinity);
      if (INTEGERS.test(path)) wrong.push(least + 0.5);
      for (const value of wrong) {
        const { message } = assertThrows(
          () => take(withOption(path, value)),
          RangeError,
        );
        assertStringIncludes(message, path.split(".")[0]!);
        assertStringIncludes(message, String(value));
      }
    });
  }
}
