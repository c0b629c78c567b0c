import { assertEquals } from "@std/assert";
import { Duplex } from "node:stream";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { NodeStreamBridge } from "../../../lib/transport/tls/node_stream_bridge.ts";

Deno.test("an error that the stream of a NodeStreamBridge emits ends no process", () => {
  const [near, far] = memoryPair();
  const bridge = new NodeStreamBridge(
    { Duplex, setImmediate },
    near,
    () => false,
  );
  assertEquals(bridge.stream.emit("error", new Error("write failed")), true);
  bridge.abort();
  far.close();
});

Deno.test("NodeStreamBridge reads more at once while its reads are full", async () => {
  const [near, far] = memoryPair();
  const sizes: number[] = [];
  const counts = [2_048, 100, 2_048, 65_536, 1];
  const raw: Connection = {
    ...near,
    read(buffer) {
      sizes.push(buffer.length);
      return Promise.resolve(counts[sizes.length - 1] ?? null);
    },
    close: () => near.close(),
  };
  const bridge = new NodeStreamBridge(
    { Duplex, setImmediate },
    raw,
    () => false,
  );
  let received = 0;
  for await (const { length } of bridge.stream) received += length;
  assertEquals(received, counts.reduce((sum, count) => sum + count));
  const KIB = 1_024;
  assertEquals(sizes, [2, 64, 2, 64, 64, 2].map((size) => size * KIB));
  bridge.abort();
  far.close();
});
