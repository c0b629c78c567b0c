import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import { Line, SessionTrace } from "../../../lib/cli/capture/session_trace.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { tracePage } from "../../../lib/cli/capture/trace_page.ts";
import { withSessionBytes } from "./session_bytes.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

async function traced(): Promise<SessionTrace> {
  const { client, server } = await withSessionBytes();
  const decoder = new SessionDecoder(1);
  const trace = new SessionTrace();
  for (const frame of decoder.push("in", client, 1000, () => {})) {
    trace.add(frame);
  }
  for (const frame of decoder.push("out", server, 1250, () => {})) {
    trace.add(frame);
  }
  return trace;
}

Deno.test("SessionTrace has calls, latencies and credit", async () => {
  const trace = await traced();
  assertEquals(
    trace.calls.map((
      { method, start, end, outcome },
    ) => [method, start, end, outcome]),
    [
      ["price", 0, 250, "ok"],
      ["price", 0, 250, "declared"],
      ["sum", 0, 250, "ok"],
      ["room.upper", 0, 250, "ok"],
      ["room.join", 0, 250, "ok"],
    ],
  );
  assertEquals(trace.latencies.get("price")?.count, 2);
  assertEquals(trace.calls[3]?.items, [0, 250]); // one mark for each direction
  const names = [...trace.credits()].map(([name]) => name);
  assertEquals(names.sort(), ["#1 client", "#1 server"]);
  assertEquals(trace.duration, 250);
});

Deno.test(
  "SessionTrace and its lines hold a bounded number of values",
  none,
  () => {
    const trace = new SessionTrace();
    for (let id = 1; id <= 5000; id++) {
      const request: CapturedFrame = {
        connection: 1,
        dir: "in",
        time: id,
        kind: "REQUEST",
        more: false,
        id,
        size: 20,
        method: `m${id}`,
        shape: "unary",
        code: undefined,
        note: undefined,
        bytes: new Uint8Array(20),
      };
      trace.add(request);
      trace.add({ ...request, dir: "out", kind: "RESULT" });
    }
    assertEquals(trace.calls.length + trace.omitted, 5000);
    assert(trace.calls.length <= 400);
    assert(trace.latencies.size <= 20);
    const line = new Line();
    for (let x = 0; x < 100_000; x++) line.add(x, x);
    assert(line.points.length <= 2000);
  },
);

Deno.test("tracePage() is one file, whose texts are escaped", async () => {
  const trace = await traced();
  const [call] = trace.calls;
  trace.calls.push({ ...call!, method: '<b>"&\x1b' });
  const html = tracePage(trace, "Traffic of <tcp>");
  assertStringIncludes(html, "Calls and streams");
  assert(!html.includes("<b>") && !html.includes("\x1b"));
  assert(!/<script|<link|src=|href=|@import|url\(/.test(html));
  assert(!html.includes("NaN") && !html.includes("undefined"));
  tracePage(new SessionTrace(), "empty");
});
