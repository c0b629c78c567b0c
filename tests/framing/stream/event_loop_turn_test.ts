import { assertEquals } from "@std/assert";
import { turn } from "../../../lib/framing/stream/event_loop_turn.ts";

async function order(): Promise<string[]> {
  const trace: string[] = [];
  setImmediate(() => trace.push("task"));
  queueMicrotask(() => trace.push("microtask"));
  await turn();
  trace.push("after the turn");
  return trace;
}

Deno.test("turn() lets other tasks run first", async () => {
  assertEquals(await order(), ["microtask", "task", "after the turn"]);
});

Deno.test("turn() lets other tasks run without setImmediate and leaves no port open", async () => {
  const { setImmediate } = globalThis;
  let done = false;
  setImmediate(() => done = true);
  Object.assign(globalThis, { setImmediate: undefined });
  try {
    while (!done) await turn();
  } finally {
    Object.assign(globalThis, { setImmediate });
  }
  assertEquals(done, true);
});
