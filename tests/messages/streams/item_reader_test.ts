import { assert, assertEquals, assertRejects } from "@std/assert";
import { ItemReader } from "../../../lib/messages/streams/item_reader.ts";
import type { SessionStream } from "../../../lib/messages/session/flow/shared_state.ts";
import { all } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A call; the reader uses none of its members. */
const call = {} as SessionStream; // see above

/** Returns a reader of the given items, and the failures passed to `abandoned`. */
function readerOf(...arrived: number[]) {
  const abandoned: unknown[] = [];
  const reader = new ItemReader({
    take: () => {
      const item = arrived.shift();
      return item === undefined ? undefined : Uint8Array.of(item);
    },
    decode: (body) => {
      if (body[0] === 99) throw new Error("bad item");
      if (body[0] === 98) return Promise.reject(new Error("bad later"));
      return body[0];
    },
    abandoned: (failure) => void abandoned.push(failure),
  }, call);
  return { reader, abandoned };
}

Deno.test(
  "next() returns items that have arrived, then waits; overlapping calls resolve in order",
  none,
  async () => {
    const { reader } = readerOf(1, 2);
    const [one, two, three, four] = [1, 2, 3, 4].map(() => reader.next());
    reader.put(Uint8Array.of(3));
    reader.end();
    assertEquals(await one, { done: false, value: 1 });
    assertEquals(await two, { done: false, value: 2 });
    assertEquals(await three, { done: false, value: 3 });
    assertEquals(await four, { done: true, value: undefined });
  },
);

Deno.test(
  "end() fails once, after the items that have arrived",
  none,
  async () => {
    const { reader, abandoned } = readerOf(1);
    reader.end({ error: new Error("gone") });
    reader.end({ error: new Error("a second end has no effect") });
    assertEquals((await reader.next()).value, 1);
    await assertRejects(() => reader.next(), Error, "gone");
    assertEquals((await reader.next()).done, true);
    assertEquals(abandoned, []);
  },
);

Deno.test("end() at once drops the items that have arrived", none, async () => {
  const { reader } = readerOf(1, 2);
  reader.end({ error: new Error("gone") }, true);
  await assertRejects(() => reader.next(), Error, "gone");
  assertEquals((await reader.next()).done, true);
});

Deno.test(
  "an item that cannot be decoded ends the iteration, because a loop does not call return()",
  none,
  async () => {
    for (const bad of [99, 98]) {
      const { reader, abandoned } = readerOf(1, bad, 2);
      await assertRejects(() => all(reader), Error, "bad");
      assertEquals(abandoned.length, 1);
      assert(abandoned[0] instanceof Error);
      assertEquals((await reader.next()).done, true);
      await reader.return();
      assertEquals(abandoned.length, 1, "called once");
    }
  },
);

Deno.test(
  "return() settles pending reads and calls abandoned() once",
  none,
  async () => {
    const { reader, abandoned } = readerOf();
    const waiting = [reader.next(), reader.next()];
    assertEquals(await reader.return("x"), { done: true, value: "x" });
    await reader.return();
    for (const each of waiting) assertEquals((await each).done, true);
    assertEquals(abandoned, [undefined]);
    reader.put(Uint8Array.of(1)); // arrives too late, and is dropped
  },
);

Deno.test(
  "end() at once fails the iteration although the end had arrived",
  none,
  async () => {
    const { reader } = readerOf(1, 2);
    reader.end();
    assertEquals(await reader.next(), { done: false, value: 1 });
    reader.end({ error: new Error("dropped") }, true);
    await assertRejects(() => reader.next(), Error, "dropped");
    assertEquals(await reader.next(), { done: true, value: undefined });
  },
);
