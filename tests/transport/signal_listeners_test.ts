/**
 * A signal that outlives what it could abort keeps no listeners of it.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../lib/transport/connect.ts";
import { readExactly, writeAll } from "../../lib/transport/io.ts";
import { listen } from "../../lib/transport/listen.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { withTimeout } from "../../lib/transport/with_timeout.ts";
import { countedSignal } from "./counted_signal.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

Deno.test("connect() and listen() leave no listeners on their signal", async () => {
  const signal = countedSignal();
  {
    await using listener = await listen(LOCAL, { signal });
    const { port } = listener.addr as Deno.NetAddr; // of a TCP listener
    assertEquals(signal.listeners, 1);
    for (let round = 0; round < 3; round++) {
      using near = await connect({ ...LOCAL, port }, { signal });
      using far = await listener.accept();
      await writeAll(near, Uint8Array.of(1), { signal });
      await readExactly(far, new Uint8Array(1), { signal });
      assertEquals(signal.listeners, 1);
    }
    listener.close();
    await assertRejects(() =>
      connect({ ...LOCAL, port }, { signal, timeout: 1000 })
    );
  }
  assertEquals(signal.listeners, 0);
});

Deno.test("readExactly() and writeAll() leave no listeners when they fail", async () => {
  const signal = countedSignal();
  const [near, far] = memoryPair();
  await writeAll(far, Uint8Array.of(1));
  far.close();
  await assertRejects(() => readExactly(near, new Uint8Array(2), { signal }));
  near.close();
  await assertRejects(() => writeAll(near, Uint8Array.of(1), { signal }));
  assertEquals(signal.listeners, 0);
});

Deno.test("withTimeout() leaves no listener, whether the work succeeds or fails", async () => {
  const signal = countedSignal();
  const bounds = {
    signal,
    timeout: 60_000,
    cancel() {},
    timeoutError: () => new Error("late"),
  };
  assertEquals(await withTimeout(Promise.resolve(1), bounds), 1);
  await assertRejects(() =>
    withTimeout(Promise.reject(new Error("x")), bounds)
  );
  assertEquals(signal.listeners, 0);
});
