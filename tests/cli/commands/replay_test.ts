import { assertEquals, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import type { Bodies } from "../../../lib/cli/capture/frame_text.ts";
import { keptBytes } from "../../../lib/cli/capture/frame_text.ts";
import {
  interfaceBlock,
  packetBlock,
  sectionHeader,
} from "../../../lib/cli/capture/pcapng.ts";
import { recordedCalls } from "../../../lib/cli/capture/recorded_calls.ts";
import { readAsRecorded } from "../../../lib/cli/commands/replay.ts";
import { CliError } from "../../../lib/cli/errors.ts";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { withSessionBytes } from "../capture/session_bytes.ts";
import { connectTo, runCli, type Surroundings } from "../kit.ts";
import { shop } from "../shop.ts";

/** Returns the file of a capture of one session. */
async function capture(
  bodies: Bodies = "full",
  keeps = (_: CapturedFrame) => true,
): Promise<Uint8Array> {
  const { client, server } = await withSessionBytes();
  const decoder = new SessionDecoder(1);
  let time = 1_769_817_600_000; // each frame is a second after the one before
  const frames = (["in", "out"] as const).flatMap((dir) =>
    decoder.push(dir, dir === "in" ? client : server, 0, (error) => {
      throw error;
    })
  );
  return concat([
    sectionHeader("test"),
    interfaceBlock("1"),
    ...frames.filter(keeps).map((frame) =>
      packetBlock({
        interface: 0,
        dir: frame.dir,
        time: time += 1000,
        bytes: keptBytes(frame, bodies),
        size: frame.size,
      })
    ),
  ]);
}

function replay(file: Uint8Array, flags: string[], more: Surroundings = {}) {
  const { server, seen } = shop();
  const result = runCli(["replay", "x", "--to", "tcp://test:1", ...flags], {
    files: { x: file },
    connect: connectTo(server),
    ...more,
  });
  return { result, seen };
}

Deno.test("replay makes the calls again and compares their outcomes", async () => {
  const { result, seen } = replay(await capture(), [
    ...["--yes", "--speed", "max"],
  ]);
  const { code, stdout, stderr } = await result;
  assertEquals(code, 0, stderr);
  const rows = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const outcomes = rows.map(({ method, outcome }) => `${method} ${outcome}`);
  assertEquals(outcomes.sort(), [
    "log ok",
    "price declared",
    "price ok",
    "room.join ok",
    "room.upper ok",
    "sum ok",
  ]);
  assertEquals(seen.log, [{ a: 1 }]);
  assertStringIncludes(stderr, "6 calls, 0 with another outcome");
});

Deno.test("replay says that a file is not a capture", async () => {
  const text = new TextEncoder().encode("export {};\n".repeat(9));
  const { code, stderr } = await replay(text, []).result;
  assertEquals(code, 4);
  assertStringIncludes(stderr, "it is not a pcapng file, as tap --write makes");
});

Deno.test("replay asks before it repeats what may do harm", async () => {
  const file = await capture();
  const refused = await replay(file, []).result;
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.stderr, "Cannot repeat sum, room.upper");
  const harmless = await replay(file, [
    ...["--filter", "method:price", "--speed", "max"],
  ]).result;
  assertEquals(harmless.code, 0, harmless.stderr);
  assertStringIncludes(harmless.stderr, "2 calls");
});

Deno.test("replay keeps the pace of the recording, or another", async () => {
  const file = await capture();
  const pauses = async (...flags: string[]) => {
    const waits: number[] = [];
    const { code } = await replay(file, ["--yes", ...flags], {
      now: () => 0,
      wait: (ms) => Promise.resolve(void waits.push(ms)),
    }).result;
    assertEquals(code, 0);
    return waits;
  };
  const recorded = await pauses();
  assertEquals(recorded.length, 5); // all calls but the first
  assertEquals(recorded[0], 1000);
  assertEquals(await pauses("--speed", "2"), recorded.map((ms) => ms / 2));
  assertEquals(await pauses("--speed", "max"), []);
});

Deno.test("recordedCalls() reports damage anywhere in a file", async () => {
  const file = await capture();
  const random = seededRandom(5);
  for (let round = 0; round < 400; round++) {
    const damaged = file.slice();
    for (let i = 0; i < 3; i++) {
      const at = Math.floor(random() * file.length);
      damaged[at] = Math.floor(random() * 256);
    }
    try {
      recordedCalls(damaged, () => true);
    } catch (error) {
      assertEquals(error instanceof CliError && error.code, "no", `${error}`);
    }
  }
});

Deno.test("replay ends with 4 if an outcome differs, or bodies are missing", async () => {
  const none = await replay(await capture("none"), ["--yes"]).result;
  assertEquals(none.code, 4);
  assertStringIncludes(none.stderr, "--bodies full");
  const file = await capture();
  const { server } = shop({ authenticate: true });
  const refused = await runCli(
    ["replay", "x", "--to", "tcp://test:1", "--yes"],
    { files: { x: file }, connect: connectTo(server) },
  );
  assertEquals(refused.code, 3);
  const damaged = await replay(file.slice(0, -5), ["--yes"]).result;
  assertEquals(damaged.code, 4);
});

Deno.test("replay prints a line for each call on a terminal", async () => {
  const lines = async (file: Uint8Array) => {
    const { code, stdout } = await replay(
      file,
      ["--yes", "--filter", "method:price"],
      { isTTY: true, now: () => 0, wait: () => Promise.resolve() },
    ).result;
    return [code, ...stdout.trim().split("\n").map((line) => line.trim())];
  };
  const same = await capture();
  assertEquals(await lines(same), [
    0,
    "0.000 price  0.0 µs  ok",
    "0.000 price  0.0 µs  declared",
  ]);
  const cut = await capture("full", ({ kind }) => kind !== "ERROR");
  assertEquals(await lines(cut), [
    4,
    "0.000 price  0.0 µs  ok",
    "0.000 price  0.0 µs  declared  (recorded: no end)",
  ]);
  const failed = await capture("full", ({ kind, id, method }) => {
    return kind !== "RESULT" || method !== "price" || id !== 1;
  });
  const [code, first] = await lines(failed);
  assertEquals([code, first], [
    4,
    "0.000 price  0.0 µs  ok  (recorded: no end)",
  ]);
});

Deno.test("readAsRecorded() reads as many items as a client that left", async () => {
  for (
    const [received, cancelled, outcome, expected] of [
      [0, true, undefined, "cancel"],
      [1, true, undefined, "1 left"],
      [2, true, "cancelled", "1 2 left"],
      [2, false, undefined, "1 2 left"], // the recording ends first
      [2, false, "ok", "1 2 3 end"],
      [0, false, "ok", "1 2 3 end"],
      [4, true, undefined, "1 2 3 end"],
    ] as const
  ) {
    const seen: string[] = [];
    const stream = {
      cancel: () => void seen.push("cancel"),
      async *[Symbol.asyncIterator]() {
        let last = "left";
        try {
          for (const item of [1, 2, 3]) {
            seen.push(`${item}`);
            yield await Promise.resolve(item);
          }
          last = "end";
        } finally {
          seen.push(last);
        }
      },
    };
    await readAsRecorded(stream, { received, cancelled, outcome });
    assertEquals(seen.join(" "), expected, `${received} ${outcome}`);
  }
});
