import { assertEquals, assertLess } from "@std/assert";
import {
  afterIteration,
  iterationsToPoll,
} from "../../../lib/framing/stream/event_loop_turn.ts";

async function order(): Promise<string[]> {
  const trace: string[] = [];
  setImmediate(() => trace.push("task"));
  queueMicrotask(() => trace.push("microtask"));
  await new Promise<void>(afterIteration);
  trace.push("after the iteration");
  return trace;
}

Deno.test("afterIteration() lets other tasks run first", async () => {
  assertEquals(await order(), ["microtask", "task", "after the iteration"]);
});

Deno.test("afterIteration() lets other tasks run without setImmediate and leaves no port open", async () => {
  const { setImmediate } = globalThis;
  let done = false;
  setImmediate(() => done = true);
  Object.assign(globalThis, { setImmediate: undefined });
  try {
    while (!done) await new Promise<void>(afterIteration);
  } finally {
    Object.assign(globalThis, { setImmediate });
  }
  assertEquals(done, true);
});

/** Returns the number of iterations after which a socket's bytes have arrived. */
async function iterationsToArrive(listener: Deno.TcpListener): Promise<number> {
  using far = await Deno.connect({ port: listener.addr.port });
  using near = await listener.accept();
  let arrived = false;
  const read = near.read(new Uint8Array(1)).then(() => arrived = true);
  await new Promise<void>(afterIteration);
  await far.write(new Uint8Array(1));
  let count = 0;
  for (; !arrived && count < 1000; count++) {
    await new Promise<void>(afterIteration);
  }
  await read;
  return count;
}

Deno.test("iterationsToPoll() iterations deliver what a socket has received", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const counts: number[] = [];
  for (let round = 0; round < 20; round++) {
    counts.push(await iterationsToArrive(listener));
  }
  const most = Math.max(...counts);
  assertLess(most, iterationsToPoll() + 1, `${counts}`);
});
