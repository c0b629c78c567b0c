/**
 * MessagePack against Python's `msgpack` (Debian: python3-msgpack), in both
 * directions: Python must decode each encoded value to the same value, and the
 * codec must decode what Python encodes to the same value.
 *
 * ```sh
 * deno run --allow-run=/usr/bin/python3 tests/interop/msgpack/main.ts [SEED]
 * ```
 *
 * @module
 */
import * as fc from "fast-check";
import {
  frames,
  type FrameStream,
} from "../../../lib/framing/stream/frame_stream.ts";
import { u32be } from "../../../lib/framing/length_presets.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { sameValue } from "../../../lib/testing/same_value.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { CARRIED } from "../../messages/codec/values.ts";
import { GROUPS } from "../../messages/codec/vectors.ts";
import { spell } from "./spelling.ts";

const PYTHON = "/usr/bin/python3";
const RANDOM_VALUES = 2000;
// The longest map of two bytes of length has more keys than the limit allows.
const codec = msgpack({ maxKeys: 65_536 });
const forPython = msgpack({ int64: "auto", maxKeys: 65_536 });

async function main(): Promise<void> {
  const seed = Number(Deno.args[0] ?? Math.floor(Date.now() / 86_400_000));
  const peer = new Deno.Command(PYTHON, {
    args: [new URL("peer.py", import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const stream = frames(
    toConnection(peer),
    u32be({ maxFrameLength: 16 * 1024 * 1024 }),
    { frameTimeout: 0 },
  );
  const answers = stream[Symbol.asyncIterator]();
  const fixed = [
    ...CARRIED,
    ...GROUPS.flatMap(({ cases }) => cases.map(({ value }) => value)),
  ];
  const random = fc.sample(values(), { numRuns: RANDOM_VALUES, seed });
  for (const value of [...fixed, ...random]) {
    await compare(stream, answers, value);
  }
  await stream.closeWrite();
  await peer.status;
  stream.close();
  console.log(
    `Python's msgpack agrees on ${
      fixed.length + random.length
    } values in both directions (seed ${seed})`,
  );
}

async function compare(
  stream: FrameStream,
  answers: AsyncIterator<Uint8Array>,
  value: unknown,
): Promise<void> {
  await stream.send(codec.encode(value));
  const read = new TextDecoder().decode((await answers.next()).value);
  const expected = spell(value);
  if (read !== expected) {
    throw new Error(
      `Python read ${read.slice(0, 300)}, not ${expected.slice(0, 300)}`,
    );
  }
  const again = forPython.decode((await answers.next()).value);
  if (!sameValue(again, normal(value))) {
    throw new Error(
      `Python's bytes for ${expected.slice(0, 300)} decode to another value`,
    );
  }
}

/** Generates values that Python can represent. */
function values(): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.oneof(
        fc.double({ noNaN: true }),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        fc.boolean(),
        fc.constantFrom(null, undefined),
        fc.string({ unit: "grapheme", maxLength: 80 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.date({
          noInvalidDate: true,
          min: new Date("0001-01-01"),
          max: new Date("9999-12-31"),
        }),
      ),
      fc.array(tie("value"), { maxLength: 20 }),
      fc.dictionary(
        fc.string({ unit: "grapheme", maxLength: 40 }).filter((key) =>
          key !== "__proto__"
        ),
        tie("value"),
        { maxKeys: 20 },
      ),
    ),
  })).value;
}

/** Converts bigints up to 2^53 to numbers: Python encodes integers in the shortest form. */
function normal(value: unknown): unknown {
  if (typeof value === "bigint") {
    return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
  }
  if (Array.isArray(value)) return value.map(normal);
  if (
    typeof value !== "object" || value === null || value instanceof Date ||
    value instanceof Uint8Array
  ) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, normal(part)]),
  );
}

/** Wraps the pipes of a process as a connection. */
function toConnection(process: Deno.ChildProcess): Connection {
  const writer = process.stdin.getWriter();
  const reader = process.stdout.getReader();
  let rest = new Uint8Array(0);
  const addr = { transport: "pipe" };
  const close = () => {
    writer.close().catch(() => {});
    reader.cancel().catch(() => {});
  };
  return {
    localAddr: addr,
    remoteAddr: addr,
    async read(buffer) {
      if (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        rest = value;
      }
      const count = Math.min(rest.length, buffer.length);
      buffer.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    async write(data) {
      await writer.write(data.slice());
      return data.length;
    },
    closeWrite: () => writer.close(),
    close,
    [Symbol.dispose]: close,
  };
}

if (import.meta.main) await main();
