import { assertEquals } from "@std/assert";
import { Duplex } from "node:stream";
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
