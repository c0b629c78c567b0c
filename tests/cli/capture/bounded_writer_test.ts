import { assertEquals, assertRejects } from "@std/assert";
import { BoundedWriter } from "../../../lib/cli/capture/bounded_writer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A writer whose output takes bytes only when `take()` is called. */
function slow(limit: number) {
  const written: number[][] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const writer = new BoundedWriter(
    (bytes) => {
      written.push([...bytes]);
      const taken = Promise.withResolvers<void>();
      waiting.push(taken);
      return taken.promise;
    },
    limit,
    (dropped) => new Uint8Array([100, dropped]),
  );
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    writer,
    written,
    async take() {
      waiting.shift()!.resolve();
      await turn();
    },
    async fail(error: Error) {
      waiting.shift()!.reject(error);
      await turn();
    },
  };
}

const entry = (value: number) => new Uint8Array(10).fill(value);

Deno.test(
  "BoundedWriter.add() drops what exceeds the limit, and reports it once",
  none,
  async () => {
    const { writer, written, take } = slow(20);
    for (let value = 1; value <= 4; value++) writer.add(entry(value));
    assertEquals(writer.dropped, 2); // two entries are exactly at the limit
    assertEquals(written, [[...entry(1)]]);
    assertEquals(writer.full, true);
    await take();
    assertEquals(writer.full, false);
    writer.add(entry(5)); // 10 bytes are free again
    writer.add(entry(6));
    assertEquals(writer.dropped, 3);
    await take();
    await take();
    assertEquals(written.slice(1), [[...entry(2)], [...entry(5)], [100, 3]]);
    await take();
    await writer.flush();
    writer.add(entry(7));
    await take();
    await writer.flush(); // what was reported is not reported again
    assertEquals(written.slice(4), [[...entry(7)]]);
    writer.addAlways(new Uint8Array(30));
    writer.add(new Uint8Array(1));
    assertEquals(writer.dropped, 4);
    await take();
    assertEquals(written.at(-1), [100, 1]);
    await take();
    await writer.flush();
  },
);

Deno.test(
  "BoundedWriter.flush() waits for all entries, or throws the error",
  none,
  async () => {
    const { writer, written, take, fail } = slow(100);
    writer.add(entry(1));
    writer.add(entry(2));
    let flushed = false;
    const flush = writer.flush().then(() => flushed = true);
    await take();
    assertEquals(flushed, false);
    await take();
    await flush;
    const error = new Error("broken");
    writer.add(entry(3));
    writer.add(entry(4));
    assertEquals(writer.failed, false);
    const failing = assertRejects(() => writer.flush(), Error, "broken");
    await fail(error);
    await failing;
    writer.add(entry(5));
    writer.addAlways(entry(6));
    assertEquals([writer.failed, writer.dropped], [true, 0]);
    await assertRejects(() => writer.flush(), Error, "broken");
    assertEquals(written.map(([value]) => value), [1, 2, 3]);
  },
);
