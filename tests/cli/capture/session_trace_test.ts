import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import { Line, SessionTrace } from "../../../lib/cli/capture/session_trace.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { tracePage } from "../../../lib/cli/capture/trace_page.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { decodeHello } from "../../../lib/messages/session/wire/hello.ts";
import { frameOf, hellos } from "./frames.ts";
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

/** Returns a frame of a call. */
function frame(
  given: Partial<CapturedFrame>,
  ...body: number[]
): CapturedFrame {
  const kind = given.kind ?? "REQUEST";
  const number = Object.entries(Kind).find(([name]) => name === kind)?.[1];
  return {
    connection: 1,
    dir: "in",
    time: 0,
    kind,
    more: false,
    id: 1,
    size: 12 + body.length,
    method: "m",
    shape: "unary",
    code: undefined,
    note: undefined,
    codec: "msgpack",
    bytes: new Uint8Array([0, 0, 0, 0, number!, 0, 0, 0, 0, 0, 0, 0, ...body]),
    ...given,
  };
}

Deno.test("SessionTrace follows a call to its last frame", none, () => {
  const trace = new SessionTrace();
  trace.add(frame({ time: 100, more: true }));
  trace.add(frame({ time: 101 })); // its second part
  trace.add(frame({ time: 102, dir: "out", kind: "RESULT", more: true }));
  trace.add(frame({ time: 103, kind: "RESULT" })); // of the peer's call
  trace.add(frame({ time: 104, kind: "RESULT", dir: "out", connection: 2 }));
  assertEquals(trace.calls.map(({ end }) => end), [undefined]);
  trace.add(frame({ time: 105, dir: "out", kind: "ERROR", code: "internal" }));
  trace.add(frame({ time: 107, dir: "out", kind: "RESULT" })); // late
  const [call] = trace.calls;
  assertEquals([call?.start, call?.end, call?.outcome], [0, 5, "internal"]);
  assertEquals(trace.latencies.get("m")?.count, 1);
  assertEquals([trace.frames, trace.bytes], [7, { in: 36, out: 48 }]);
  assertEquals(trace.duration, 7);
});

Deno.test(
  "SessionTrace ends calls that are given up or disconnected",
  none,
  () => {
    const trace = new SessionTrace();
    trace.disconnected(1, 100); // before any frame
    trace.add(frame({ id: 1, time: 100 }));
    trace.add(frame({ id: 2, time: 101 }));
    trace.add(frame({ id: 3, time: 102, connection: 2 }));
    trace.add(frame({ id: 1, time: 103, dir: "out", kind: "CANCEL" })); // not its caller
    trace.add(frame({ id: 1, time: 104, kind: "CANCEL" }));
    trace.add(frame({ id: 1, time: 105, kind: "RESULT", dir: "out" })); // late
    trace.disconnected(1, 110);
    assertEquals(trace.calls.map(({ end, outcome }) => [end, outcome]), [
      [4, "cancelled"],
      [10, "disconnected"],
      [undefined, undefined],
    ]);
    assertEquals(trace.latencies.size, 0);
    const page = tracePage(trace, "x");
    assertStringIncludes(page, "m: 4.00 ms, cancelled");
    assertStringIncludes(page, "m: 9.00 ms, disconnected");
    assertStringIncludes(page, "m: no end");
  },
);

Deno.test(
  "SessionTrace marks items at most once in a millisecond",
  none,
  () => {
    const trace = new SessionTrace();
    trace.add(frame({ time: 0, kind: "ITEM" })); // of no call
    trace.add(frame({ time: 0 }));
    for (const time of [1, 1.5, 2, 2.25]) {
      trace.add(frame({ time, kind: "ITEM" }));
      trace.add(frame({ time, kind: "ITEM", dir: "out" }));
    }
    assertEquals(trace.calls[0]?.items, [1, 2]);
    for (let time = 3; time < 2000; time++) {
      trace.add(frame({ time, kind: "ITEM" }));
    }
    assertEquals(trace.calls[0]?.items.length, 1000);
  },
);

Deno.test(
  "SessionTrace keeps 400 calls, 20 methods and 4,001 open calls",
  none,
  () => {
    const methods = new SessionTrace();
    for (let id = 1; id <= 401; id++) {
      const request = frame({ id, time: id, method: `m${id}` });
      methods.add(request);
      methods.add({ ...request, dir: "out", kind: "RESULT" });
    }
    assertEquals([methods.calls.length, methods.omitted], [400, 1]);
    assertEquals(methods.latencies.size, 20);
    const open = new SessionTrace();
    for (let id = 1; id <= 5000; id++) open.add(frame({ id }));
    assertEquals([open.calls.length, open.omitted], [400, 4600]);
    for (let id = 1; id <= 5000; id++) {
      open.add(frame({ id, dir: "out", kind: "RESULT" }));
    }
    assertEquals(open.latencies.get("m")?.count, 4001);
  },
);

Deno.test("Line keeps at most 2,000 points at equal distances", none, () => {
  const line = new Line();
  for (let x = 0; x < 2000; x++) line.add(x, 2 * x);
  assertEquals(line.points.length, 2000);
  for (let x = 2000; x < 100_000; x++) {
    line.add(x, 2 * x);
    assert(line.points.length <= 2000);
  }
  assert(line.points.length >= 1000);
  const distance = line.points[1]![0];
  for (const [index, point] of line.points.entries()) {
    assertEquals(point, [index * distance, 2 * index * distance]);
  }
  assert(line.points.at(-1)![0] > 100_000 - 2 * distance);
});

/** Returns the points of each line of credit. */
function creditsOf(trace: SessionTrace): Record<string, readonly unknown[]> {
  return Object.fromEntries(
    [...trace.credits()].map(([name, { points }]) => [name, points]),
  );
}

const total = (value: number) => [0, 0, 0, 0, 0, 0, value >> 8, value & 255];

Deno.test(
  "SessionTrace subtracts the charges of items from the credit",
  none,
  () => {
    const trace = new SessionTrace();
    const grant = (time: number, value: number, given = {}) =>
      trace.add(
        frame(
          { time, kind: "WINDOW", dir: "out", id: 2, ...given },
          ...total(value),
        ),
      );
    grant(0, 500);
    trace.add(frame({ time: 1, kind: "ITEM" }, 1, 2)); // a charge of 66 bytes
    grant(2, 400); // totals never fall
    grant(3, 600);
    grant(4, 900, { id: 1 }); // of another account
    grant(5, 900, { kind: "CREDIT" });
    trace.add(frame({ time: 6, kind: "WINDOW", dir: "out", id: 2 }, 1, 2));
    trace.add(frame({ time: 7, kind: "HELLO", dir: "out" }, 1, 2)); // malformed
    trace.add(frame({ time: 8, kind: "ITEM", size: 1012 })); // more than allowed
    trace.add(
      frame({ time: 9, kind: "WINDOW", id: 2 }, ...new Array(8).fill(255)),
    );
    assertEquals(creditsOf(trace), {
      "#1 client": [[0, 500], [1, 434], [2, 434], [3, 534], [8, 0]],
    });
    trace.add(frame({ time: 10, kind: "ITEM", dir: "out" }));
    assertEquals(creditsOf(trace)["#1 server"], [[9, 0], [10, 0]]);
  },
);

Deno.test("SessionTrace follows the credit of 40 ends", none, () => {
  const trace = new SessionTrace();
  for (let connection = 1; connection <= 41; connection++) {
    for (let time = 0; time < 2; time++) {
      trace.add(frame({ connection, time, kind: "ITEM" }));
    }
  }
  assertEquals(Object.keys(creditsOf(trace)).length, 40);
});

Deno.test("SessionTrace begins with the credit of HELLO", async () => {
  const { in: client, out: server } = await hellos();
  const trace = new SessionTrace();
  const decoder = new SessionDecoder(1);
  for (const [dir, hello] of [["in", client], ["out", server]] as const) {
    trace.add(decoder.describe(dir, hello, hello.length + 4, 0));
  }
  const item = frameOf(Kind.ITEM, 1, new Array(100).fill(0));
  trace.add(decoder.describe("in", item, item.length + 4, 0));
  trace.add(decoder.describe("out", item, item.length + 4, 0));
  const { itemsWindow: ofClient } = decodeHello(client.subarray(8), 65_535);
  const { itemsWindow: ofServer } = decodeHello(server.subarray(8), 65_535);
  assertEquals(creditsOf(trace), {
    "#1 client": [[0, ofServer - 164]],
    "#1 server": [[0, ofClient - 164]],
  });
});

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
