import { assert, assertEquals, assertRejects } from "@std/assert";
import { ItemReader } from "../../../lib/messages/streams/item_reader.ts";
import type { SessionStream } from "../../../lib/messages/session/flow/shared_state.ts";
import { all } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A stream of which the reader looks at nothing. */
const call = {} as SessionStream; // as above

/** A reader of bytes that have come, and what it was told. */
function reading(...come: number[]) {
  const told: unknown[] = [];
  const reader = new ItemReader({
    take: () => {
      const item = come.shift();
      return item === undefined ? undefined : Uint8Array.of(item);
    },
    decode: (body) => {
      if (body[0] === 99) throw new Error("bad item");
      if (body[0] === 98) return Promise.reject(new Error("bad later"));
      return body[0];
    },
    abandoned: (failure) => void told.push(failure),
  }, call);
  return { reader, told };
}

Deno.test(
  "next() gives what has come, then waits; overlapping ones are answered in order",
  none,
  async () => {
    const { reader } = reading(1, 2);
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
  "end() lets items that have come be taken first, and then fails once",
  none,
  async () => {
    const { reader, told } = reading(1);
    reader.end({ error: new Error("gone") });
    reader.end({ error: new Error("a second end is none") });
    assertEquals((await reader.next()).value, 1);
    await assertRejects(() => reader.next(), Error, "gone");
    assertEquals((await reader.next()).done, true);
    assertEquals(told, []);
  },
);

Deno.test("end() at once drops what has come", none, async () => {
  const { reader } = reading(1, 2);
  reader.end({ error: new Error("gone") }, true);
  await assertRejects(() => reader.next(), Error, "gone");
  assertEquals((await reader.next()).done, true);
});

Deno.test(
  "an item that cannot be decoded ends the iteration, for a loop does not call return()",
  none,
  async () => {
    for (const bad of [99, 98]) {
      const { reader, told } = reading(1, bad, 2);
      await assertRejects(() => all(reader), Error, "bad");
      assertEquals(told.length, 1);
      assert(told[0] instanceof Error);
      assertEquals((await reader.next()).done, true);
      await reader.return();
      assertEquals(told.length, 1, "it was left once");
    }
  },
);

Deno.test(
  "return() settles those who wait, and says once that nobody reads",
  none,
  async () => {
    const { reader, told } = reading();
    const waiting = [reader.next(), reader.next()];
    assertEquals(await reader.return("x"), { done: true, value: "x" });
    await reader.return();
    for (const each of waiting) assertEquals((await each).done, true);
    assertEquals(told, [undefined]);
    reader.put(Uint8Array.of(1)); // late: nobody wants it
  },
);
