import { assertEquals, assertStringIncludes } from "@std/assert";
import { connectTo, runCli, type Surroundings, waitsAfter } from "../kit.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { shop } from "../shop.ts";

function subscribed(args: string[], more: Surroundings = {}) {
  const { server, seen } = shop();
  const result = runCli(["subscribe", "tcp://test:1", ...args], {
    connect: connectTo(server),
    ...more,
  });
  return { result, server, seen };
}

Deno.test("subscribe prints a server stream and cancels it once", async () => {
  const { result, server, seen } = subscribed(["quotes", "--count", "3"]);
  const { code, stdout } = await result;
  assertEquals([code, stdout.trim().split("\n").length], [0, 3]);
  await server.shutdown();
  assertEquals(seen.cancelled, 1);
});

Deno.test("subscribe joins, then prints notifications in order", async () => {
  const join = ["news", "--join", "room.join", "--input", '"tea"'];
  const { code, stdout, stderr } = await subscribed([...join, "--count", "3"])
    .result;
  assertEquals(
    [code, stdout],
    [0, '{"text":"tea","i":0}\n{"text":"tea","i":1}\n{"text":"tea","i":2}\n'],
  );
  assertStringIncludes(stderr, "3 messages");
  const waited = await subscribed([...join, "--wait", "5s"], waitsAfter(3))
    .result;
  assertEquals([waited.code, waited.stdout], [0, stdout]);
});

Deno.test("subscribe ends with 0 when the server drains, or the reader leaves", async () => {
  const drained = subscribed(["news", "--join", "room.join"], {
    onOutput: () => void drained.server.shutdown(),
  });
  assertEquals((await drained.result).code, 0);
  const broken = Object.assign(new Error("broken"), { name: "BrokenPipe" });
  const { code, stderr } = await subscribed(["news", "--join", "room.join"], {
    onOutput: () => Promise.reject(broken),
  }).result;
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("subscribe --rate prints numbers", async () => {
  let now = 0;
  const { stdout } = await subscribed(["quotes", "--rate", "--count", "4"], {
    now: () => now += 250,
  }).result;
  const rows = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(rows.at(-1).messages, 4);
});

Deno.test("subscribe stops with 130 when it is interrupted", async () => {
  const interrupt = new AbortController();
  const { result } = subscribed(["news", "--join", "room.join"], {
    interrupted: interrupt.signal,
    onOutput: () => interrupt.abort(),
  });
  assertEquals((await result).code, 130);
});

Deno.test("subscribe waits for the output that is in progress", async () => {
  const interrupt = new AbortController();
  const { result } = subscribed(["news", "--join", "room.join"], {
    interrupted: interrupt.signal,
    async onOutput() {
      interrupt.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
  });
  const { code, stdout } = await result;
  assertEquals([code, stdout], [130, '{"text":"hi","i":0}\n']);
});

Deno.test("subscribe ends with 76 when the connection is lost", async () => {
  const { server } = shop();
  let far: Connection | undefined;
  const { code, stderr } = await runCli(
    ["subscribe", "tcp://test:1", "news", "--join", "room.join"],
    {
      connect() {
        const [near, other] = memoryPair();
        far = other;
        server.accept(far);
        return Promise.resolve(near);
      },
      onOutput: () => far?.close(),
    },
  );
  assertEquals(code, 76, stderr);
  await server.shutdown();
});

Deno.test("subscribe rejects names that have no messages", async () => {
  const unary = await subscribed(["price"]).result;
  assertEquals(unary.code, 67);
  assertStringIncludes(
    unary.stderr,
    "price, which is unary: expected a server",
  );
  assertEquals((await subscribed(["nothing"]).result).code, 67);
  const { code, stderr } = await subscribed(["news", "--join", "quotes"])
    .result;
  assertEquals(code, 2);
  assertStringIncludes(stderr, "expected a unary method");
});
