import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { countedSignal } from "../../transport/counted_signal.ts";
import { connectTo, runCli, type Surroundings } from "../kit.ts";
import { shop } from "../shop.ts";
import { CALL_ERROR_CODES } from "../../../lib/messages/errors/call_error.ts";
import { TransportError } from "../../../lib/transport/errors.ts";

const SHORT = ["--duration", "100ms", "--warmup", "0"];

function bench(args: string[], more: Surroundings = {}) {
  const { server } = shop();
  return runCli(["bench", "tcp://test:1", ...args, ...SHORT], {
    connect: connectTo(server),
    ...more,
  });
}

Deno.test("bench measures an open loop on several connections", async () => {
  const { code, stdout } = await bench([
    ...["price", '{"sku":"tea"}', "--rate", "200", "--connections", "2"],
  ]);
  assertEquals(code, 0);
  const found = JSON.parse(stdout);
  assertEquals([found.calls, found.errors, found.connections], [20, 0, 2]);
  assertEquals(found.loop, { kind: "open", rate: 200 });
  assert(found.bytes.sent > 0 && found.bytes.received > 0);
});

Deno.test("bench measures a closed loop, and says so", async () => {
  const { code, stdout } = await bench(
    ["echo", "1", "--concurrency", "2"],
    { isTTY: true },
  );
  assertEquals(code, 0);
  assertStringIncludes(stdout, "closed loop");
});

Deno.test("bench counts the items of streams, and items that it sends", async () => {
  const stream = await bench(["quotes", '{"count":3}', "--rate", "100"]);
  assertEquals(JSON.parse(stream.stdout).items, 30);
  const sums = await bench(["sum", "[1,2]", "--rate", "100"]);
  assertEquals(JSON.parse(sums.stdout).outcomes, { ok: 10 });
});

Deno.test("bench ends with 4 if a threshold is broken", async () => {
  const slow = await bench(["echo", "--rate", "100", "--max-p99", "1us"]);
  assertEquals(slow.code, 4);
  assertStringIncludes(slow.stderr, "the limit is 1.0 µs");
  const errors = await bench(["crash", "--rate", "100", "--max-errors", "1%"]);
  assertEquals(errors.code, 4);
  assertStringIncludes(errors.stderr, "100% of the calls failed");
  assertEquals(JSON.parse(errors.stdout).outcomes, { internal: 10 });
  const none = await bench(["crash", "--rate", "100", "--max-p99", "1s"]);
  assertEquals(none.code, 4);
  assertStringIncludes(none.stderr, "no call succeeded");
  const met = ["--max-errors", "0%"];
  assertEquals((await bench(["echo", "--rate", "100", ...met])).code, 0);
  const all = ["--max-errors", "100%"]; // exactly at the limit
  assertEquals((await bench(["crash", "--rate", "100", ...all])).code, 0);
});

Deno.test("bench saves a result and compares with it", async () => {
  const files = ["--save", "base.json", "--report", "report.html"];
  const first = await bench(["echo", "--rate", "100", ...files]);
  assertEquals(first.code, 0);
  const text = new TextDecoder().decode(first.files["base.json"]);
  assertEquals(JSON.parse(text).outcomes.ok.count, 10);
  const html = new TextDecoder().decode(first.files["report.html"]);
  assert(html.startsWith("<!doctype html>"));
  const second = await bench(
    ["echo", "--rate", "100", "--compare", "base.json"],
    { files: { "base.json": text }, isTTY: true },
  );
  assertStringIncludes(second.stdout, "change");
});

Deno.test("bench draws a progress bar on a terminal only", async () => {
  const terminal = await bench(["echo", "--rate", "100"], {
    isTTY: true,
    columns: 60,
  });
  assertStringIncludes(terminal.stderr, "\r[");
  assert(terminal.stderr.includes("\r\x1b[K"), terminal.stderr);
  const pipe = await bench(["echo", "--rate", "100"]);
  assert(!pipe.stderr.includes("\r"));
});

Deno.test("bench needs one kind of loop", async () => {
  assertEquals((await bench(["echo"])).code, 2);
  const both = ["echo", "--rate", "1", "--concurrency", "1"];
  assertEquals((await bench(both)).code, 2);
});

Deno.test("bench prints what it has measured when it is interrupted", async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(), 50);
  const { server } = shop();
  const { code, stdout } = await runCli(
    ["bench", "tcp://test:1", "echo", "--rate", "100", "--warmup", "0"],
    { connect: connectTo(server), interrupted: interrupt.signal },
  );
  assertEquals(code, 130);
  assert(JSON.parse(stdout).calls >= 0);
});

Deno.test("bench leaves no listener of the signal of its program", async () => {
  const interrupted = countedSignal();
  const { server } = shop();
  const { code } = await runCli([
    ...["bench", "tcp://test:1", "echo", "--concurrency", "1"],
    ...["--warmup", "0", "--duration", "20ms"],
  ], { connect: connectTo(server), interrupted });
  assertEquals([code, interrupted.listeners], [0, 0]);
});

Deno.test("bench divides the calls among workers, and adds up what they measure", async () => {
  const { code, stdout, stderr, files } = await bench([
    ...["price", '{"sku":"tea"}', "--rate", "200", "--workers", "3"],
    ...["--save", "x.json", "--format", "json"],
  ]);
  assertEquals(code, 0, stderr);
  const found = JSON.parse(stdout);
  assertEquals([found.calls, found.workers, found.connections], [20, 3, 3]);
  assertEquals(found.loop, { kind: "open", rate: 200 });
  assert(found.bytes.sent > 0 && found.bytes.received > 0);
  const saved = JSON.parse(new TextDecoder().decode(files["x.json"]));
  assertEquals(saved.outcomes.ok.count, 20);
  assertEquals(saved.lag.count, 20); // the lag of all generators
  const slots: { ok: number }[] = saved.timeline;
  assertEquals(slots.reduce((sum, { ok }) => sum + ok, 0), 20);
});

Deno.test("bench with workers measures items and a closed loop", async () => {
  const { code, stdout } = await bench([
    ...["quotes", '{"count":3}', "--concurrency", "3", "--workers", "2"],
    ...["--connections", "3"],
  ]);
  assertEquals(code, 0);
  const { calls, items, cut, connections } = JSON.parse(stdout);
  assertEquals([items, cut, connections], [3 * calls, 0, 3]);
});

Deno.test("bench rejects workers that would have nothing to do", async () => {
  const few = ["echo", "--rate", "1", "--workers", "3", "--connections", "2"];
  const { code, stderr } = await bench(few);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot divide --connections 2");
  const calls = ["echo", "--concurrency", "2", "--workers", "3"];
  const closed = await bench(calls);
  assertEquals(closed.code, 2);
  assertStringIncludes(closed.stderr, "--concurrency 3 or more");
});

Deno.test("bench with workers reports what one of them cannot do", async () => {
  const { server } = shop();
  const connect = connectTo(server);
  let connects = 0;
  const unreached = await bench(
    ["echo", "--rate", "100", "--workers", "2", "--shape", "unary"],
    {
      connect: (...given) =>
        ++connects === 2
          ? Promise.reject(
            new TransportError("refused", { code: "refused", address: "x" }),
          )
          : connect(...given),
    },
  );
  assertEquals(unreached.code, 3);
  assertStringIncludes(unreached.stderr, "step TCP: refused");
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`; // cannot be encoded
  const open = ["--rate", "100", "--workers", "2"];
  const invalid = await bench(["echo", deep, ...open]);
  assertEquals(invalid.code, 2);
  assertStringIncludes(invalid.stderr, "maxDepth");
});

Deno.test("bench with workers ends early if a session or the user does", async () => {
  const { server } = shop();
  const long = [
    ...["bench", "tcp://test:1", "echo", "--rate", "100", "--workers", "2"],
    ...["--warmup", "0", "--duration", "60s"],
  ];
  setTimeout(() => server.abort(), 100);
  const lost = await runCli(long, { connect: connectTo(server) });
  assertEquals(lost.code, 64 + CALL_ERROR_CODES.indexOf("disconnected"));
  assert(JSON.parse(lost.stdout).duration < 60_000);
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(), 100);
  const { code, stdout } = await runCli(long, {
    connect: connectTo(shop().server),
    interrupted: interrupt.signal,
  });
  assertEquals(code, 130);
  assert(JSON.parse(stdout).calls > 0);
});

Deno.test("bench keeps the base that it saves over until it has a result", async () => {
  const first = await bench(["echo", "--rate", "100", "--save", "x"]);
  const base = first.files["x"]!;
  const flags = ["--save", "x", "--compare", "x"];
  const second = await bench(["echo", "--rate", "100", ...flags], {
    files: { x: base },
    isTTY: true,
  });
  assertEquals(second.code, 0, second.stderr);
  assertStringIncludes(second.stdout, "change");
});

Deno.test("bench opens the files that it will write before it makes calls", async () => {
  let dialed = 0;
  const { server } = shop();
  const dial = connectTo(server);
  for (const flag of ["--save", "--report"]) {
    const { code, stderr } = await bench(["echo", "--rate", "100", flag, "x"], {
      connect(address, options) {
        dialed++;
        return dial(address, options);
      },
      refusesFiles: true,
    });
    assertEquals(code, 2);
    assertStringIncludes(stderr, 'Cannot write "x"');
  }
  assertEquals(dialed, 0);
});
