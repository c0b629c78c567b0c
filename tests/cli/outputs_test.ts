/**
 * Outputs that fail at any write: each command waits for what it writes, and ends
 * in order. An error of a write that is not awaited fails the tests as an
 * unhandled rejection.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect as connectSession } from "../../lib/messages/client/connect.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { connect } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import {
  connectTo,
  type Destination,
  type Result,
  runCli,
  type Surroundings,
} from "./kit.ts";
import { Shop, shop } from "./shop.ts";

/** A command, and what it needs. */
interface Case {
  readonly args: readonly string[];
  readonly given?: Surroundings;
  /** Whether it serves a client. */
  readonly taps?: boolean;
}

const URL = "tcp://test:1";
const CALL = ["call", URL];
const JSON_ARRAY = ["--format", "json"];
const BENCH = [
  ...["bench", URL, "echo", "--rate", "100"],
  ...["--duration", "50ms", "--warmup", "0"],
];
const TAP = ["tap", "--listen", "tcp://tap:1", "--to", URL];
const LINES = ["frames", "-", "--framing", "lines"];
const CASES: readonly Case[] = [
  { args: [] },
  { args: ["--help"] },
  { args: ["--version"] },
  { args: ["unknown"] },
  { args: ["ls", "--help"] },
  { args: ["ls", URL], given: { isTTY: true } },
  { args: ["ls", URL, "price"], given: { isTTY: true } },
  { args: ["ls", URL, "price", "--verbose"] },
  { args: ["ls", URL, ...JSON_ARRAY] },
  { args: ["ls", URL, "--json"] },
  { args: ["ls", URL, "--ts"] },
  { args: ["ls", URL, "price", "--template"] },
  { args: [...CALL, "price", '{"sku":"tea"}', "--verbose"] },
  { args: [...CALL, "quotes", '{"count":2}'] },
  { args: [...CALL, "quotes", '{"count":2}', ...JSON_ARRAY] },
  { args: ["subscribe", URL, "quotes", "--count", "2", "--verbose"] },
  { args: ["subscribe", URL, "quotes", "--count", "2", "--rate"] },
  {
    args: ["subscribe", URL, "quotes", "--count", "2", "--rate"],
    given: { isTTY: true },
  },
  {
    args: [
      ...["subscribe", URL, "news", "--join", "room.join", "--count", "2"],
      ...JSON_ARRAY,
    ],
  },
  { args: ["diff", URL, "x", "--export", "Shop"] },
  { args: ["diff", URL, "x", "--export", "Other", "--verbose"] },
  { args: ["diff", URL, "x", "--export", "Other"], given: { isTTY: true } },
  { args: ["diff", URL, "x", "--export", "Other", ...JSON_ARRAY] },
  { args: ["health", URL, "--verbose"] },
  { args: LINES, given: { stdin: "a\nb\n" } },
  { args: LINES, given: { stdin: "a\nb\n", isTTY: true } },
  { args: [...LINES, ...JSON_ARRAY], given: { stdin: "a\nb\n" } },
  { args: [...LINES, "--format", "hex"], given: { stdin: "a\nb\n" } },
  {
    args: ["frames", "-", "--pcapng", "a"],
    given: { stdin: Uint8Array.of(0, 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 9) },
  },
  { args: ["report", URL, "--verbose"] },
  { args: [...BENCH, "--verbose"], given: { isTTY: true } },
  { args: [...BENCH, "--save", "a", "--report", "b"] },
  { args: [...TAP, "--verbose"], given: { isTTY: true }, taps: true },
  { args: [...TAP, "--write", "a", "--report", "b"], taps: true },
];

const MODULE = {
  Shop,
  Other: protocol({ name: "shop", server: {} }),
};

let taps = 0;

/** Runs a command that writes as `onWrite` says, and ends when all writes have. */
async function run(
  { args, given, taps: serves }: Case,
  onWrite: (to: Destination) => void,
): Promise<Result> {
  const { server } = shop();
  const memory = `outputs-${taps++}`;
  const stop = new AbortController();
  let writes = 0;
  let finished = false;
  let client: Promise<void> | undefined;
  const result = await runCli(args, {
    connect: connectTo(server),
    async listen() {
      const listener = await listen({ memory });
      client = useOnce(memory).finally(() => stop.abort());
      return listener;
    },
    modules: { x: MODULE },
    ...given,
    ...(serves && { interrupted: stop.signal }),
    async onWrite(to) {
      writes++;
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert(!finished, `${args.join(" ")} ends before a write`);
      writes--;
      onWrite(to);
    },
  });
  finished = true;
  assertEquals(writes, 0, `${args.join(" ")} ends before a write`);
  await client;
  await server.shutdown();
  return result;
}

/** Makes a call through a tap, unless the tap has ended. */
async function useOnce(memory: string): Promise<void> {
  try {
    const session = await connectSession(Shop, await connect({ memory }), {
      handlers: { news: () => {} },
    });
    await session.remote.price({ sku: "tea" }).catch(() => {});
    await session.close();
  } catch { /* the tap has ended */ }
}

/**
 * Returns how a command ends when a write fails. Later ones fail too if their
 * reader has gone.
 */
async function failing(
  one: Case,
  to: Destination,
  number: number,
): Promise<Result> {
  let count = 0;
  return await run(one, (other) => {
    if (other !== to || ++count < number) return;
    if (to === "file" && count > number) return;
    throw Object.assign(new Error("no space"), {
      name: to === "file" ? "Error" : "BrokenPipe",
    });
  });
}

for (const one of CASES) {
  const { args, given } = one;
  const name = `${args.join(" ")}${given?.isTTY ? " on a terminal" : ""}`;
  Deno.test(`lengthwise ${name} ends in order if any write fails`, async () => {
    const counts = { stdout: 0, stderr: 0, file: 0 };
    const { code: usual } = await run(one, (to) => counts[to]++);
    assert(counts.stdout + counts.stderr > 0);
    for (const to of ["stdout", "stderr", "file"] as const) {
      for (let number = 1; number <= Math.min(6, counts[to]); number++) {
        const { code, stderr } = await failing(one, to, number);
        const when = `${to}, write ${number}: ${stderr}`;
        if (to === "file") {
          assertEquals(code, 2, when);
          assertStringIncludes(stderr, "no space", when);
        } else if (to === "stderr") {
          assert(code === 0 || code === usual, `${when}: ${code}`);
        } else assertEquals(code, one.taps ? code : 0, when);
      }
    }
  });
}
