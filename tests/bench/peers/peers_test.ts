import { assert, assertEquals, assertThrows } from "@std/assert";
import { chart } from "./chart.ts";
import { comparePeers } from "./compare_peers.ts";
import { readOptions } from "./options.ts";
import { PEERS } from "./peers.ts";
import { figuresOf, type Results, spread } from "./results.ts";
import { count, replaceBetween, tables } from "./table.ts";

const PURE = { permissions: "none" } as const;

const RESULTS: Results = {
  date: "2026-01-02",
  machine: "2 CPUs",
  versions: "Deno 2",
  rounds: 3,
  seconds: 1,
  peers: [
    {
      name: "bare",
      title: "bare",
      runtime: "Deno",
      samples: {
        unary64: [100, 200, 400].map((rate) => ({ rate, p50: 5, p99: 9 })),
        stream: [100, 100, 100].map((rate) => ({ rate })),
      },
    },
    {
      name: "lengthwise",
      title: "Lengthwise <",
      runtime: "Deno",
      samples: {
        unary64: [300, 300, 400].map((rate) => ({ rate, p50: 4, p99: 8 })),
      },
    },
    {
      name: "broken",
      title: "Broken",
      runtime: "Go",
      samples: { unary64: [{ rate: 900 }] },
      failure: "wrong | answer\nto call 7",
    },
  ],
};

Deno.test("spread() returns the median and the ends", PURE, () => {
  assertEquals(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assertEquals(spread([4, 1, 2, 9]), { median: 3, min: 1, max: 9 });
  assertThrows(() => spread([]), RangeError);
});

Deno.test("figuresOf() compares speeds of the same round", PURE, () => {
  const [, lengthwise, broken] = RESULTS.peers;
  const figures = figuresOf(RESULTS, lengthwise!, "unary64");
  // 3, 1.5 and 1: not 300 / 200, the quotient of the medians
  assertEquals(figures?.ratio, { median: 1.5, min: 1, max: 3 });
  assertEquals(figures?.rate, { median: 300, min: 300, max: 400 });
  assertEquals(figures?.p50?.median, 4);
  assertEquals(figuresOf(RESULTS, lengthwise!, "stream"), undefined);
  assertEquals(figuresOf(RESULTS, broken!, "unary64"), undefined);
});

Deno.test("tables() shows a failed peer without figures", PURE, () => {
  const text = tables(RESULTS);
  assert(
    text.includes("| Lengthwise < | Deno | 300 (300–400) | 1.5 (1.0–3.0) |"),
    text,
  );
  assert(text.includes("| Broken | Go | failed: wrong answer to call 7 |"));
  assert(!text.includes("900"));
  const unary64 = text.slice(text.indexOf("64 in"), text.indexOf("256 in"));
  assert(unary64.indexOf("Lengthwise") < unary64.indexOf("| bare |"));
});

Deno.test("count() keeps three digits", PURE, () => {
  assertEquals(count(123_456), "123,000");
  assertEquals(count(1_234), "1,230");
  assertEquals(count(47.6), "48");
});

Deno.test("chart() draws lengths in proportion and escapes names", PURE, () => {
  const svg = chart(RESULTS);
  const widths = [...svg.matchAll(/class="[blo]"[^>]* width="([\d.]+)"/g)]
    .map(([, width]) => Number(width));
  // calls: 300 and the baseline's 200; items: the baseline alone
  assertEquals(widths.length, 3);
  assert(Math.abs(widths[1]! / widths[0]! - 200 / 300) < 0.01);
  assertEquals(widths[2], widths[0]);
  assert(svg.includes("Lengthwise &lt;<"));
  assert(!svg.includes("Broken"));
});

Deno.test("replaceBetween() replaces the marked part only", PURE, () => {
  const text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
  assertEquals(
    replaceBetween(text, "x", "new"),
    "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb\n",
  );
  assertThrows(() => replaceBetween("a", "x", "new"), Error, "x:begin");
});

Deno.test("readOptions() rejects what it cannot do", PURE, () => {
  assertEquals(readOptions([]).peers, PEERS);
  assertEquals(
    readOptions(["--only", "lengthwise,grpc"]).peers.map(({ name }) => name),
    ["bare", "lengthwise", "grpc"],
  );
  for (
    const args of [
      ["--only", "nothing"],
      ["--rounds", "0"],
      ["--rounds", "1.5"],
      ["--seconds", "x"],
      ["--rounds"],
      ["--unknown", "1"],
      ["--write", "--only", "grpc"],
    ]
  ) assertThrows(() => readOptions(args), TypeError);
});

Deno.test("each peer has a program", () => {
  for (const { name, runtime, program } of PEERS) {
    const folder = runtime === "Node.js" ? "programs/npm/" : "programs/";
    const path = new URL(`${folder}${program}`, import.meta.url);
    assert(Deno.statSync(path).size > 0, name);
  }
});

Deno.test("comparePeers() drops a peer that answers wrongly or cannot run", async () => {
  const programs = {
    good: `console.log('{"port":1,"ready":true}');
      for await (const _ of Deno.stdin.readable) console.log('{"rate":5}');`,
    wrong: `console.log('{"port":1,"ready":true}');
      for await (const _ of Deno.stdin.readable) console.log('{"error":"Wrong"}');`,
    gone: `Deno.exit(3);`,
  };
  const lines: string[] = [];
  const peers = await comparePeers({
    peers: ["good", "wrong", "gone", "missing"].map((name) => ({
      name,
      title: name,
      runtime: "Deno",
      program: name,
      streams: name === "good",
    })),
    rounds: 1,
    seconds: 0.05,
    progress: (line) => lines.push(line),
  }, {
    failures: new Map([["missing", "not installed"]]),
    commandOf: ({ name }) => {
      const program = programs[name as keyof typeof programs]; // named above
      return [Deno.execPath(), "eval", "--no-config", program, "--"];
    },
  });
  const [good, wrong, gone, missing] = peers;
  assertEquals(good?.samples, {
    unary1: [{ rate: 5 }],
    unary64: [{ rate: 5 }],
    unary256: [{ rate: 5 }],
    stream: [{ rate: 5 }],
  });
  assertEquals([wrong?.samples, wrong?.failure], [{}, "Wrong"]);
  assertEquals(gone?.samples, {});
  assert(gone?.failure?.startsWith("the process ended"), gone?.failure);
  assertEquals([missing?.samples, missing?.failure], [{}, "not installed"]);
  assertEquals(lines.length, 5); // three dropped, and two rounds
});
