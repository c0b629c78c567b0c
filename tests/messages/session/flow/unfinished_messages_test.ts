import { assertEquals } from "@std/assert";
import { UnfinishedMessages } from "../../../../lib/messages/session/flow/unfinished_messages.ts";
import { newSource } from "./new_source.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "mustWait() returns false for one message of any size, then up to the limit",
  pure,
  () => {
    const unfinished = new UnfinishedMessages(100);
    const [a, b] = [newSource(), newSource()];
    assertEquals(unfinished.mustWait(a, 5000), false);
    unfinished.begin(60);
    assertEquals(unfinished.mustWait(b, 41), true);
    assertEquals(unfinished.mustWait(a, 40), false);
    unfinished.begin(40);
    assertEquals([unfinished.bytes, unfinished.mustWait(a, 1)], [100, true]);
  },
);

Deno.test(
  "end() returns the waiting sources once, in the order of their arrival",
  pure,
  () => {
    const unfinished = new UnfinishedMessages(100);
    const [a, b] = [newSource(), newSource()];
    unfinished.begin(100);
    for (const source of [b, a, b]) unfinished.mustWait(source, 1);
    const waiting = [...unfinished.end(100)];
    assertEquals([waiting.length, waiting[0] === b, waiting[1] === a], [
      2,
      true,
      true,
    ]);
    assertEquals(unfinished.bytes, 0);
    unfinished.begin(1);
    assertEquals([...unfinished.end(1)], []);
  },
);

Deno.test("a raised limit applies to the next message", pure, () => {
  const unfinished = new UnfinishedMessages(10);
  unfinished.begin(10);
  assertEquals(unfinished.mustWait(newSource(), 10), true);
  unfinished.limit = 20;
  assertEquals(unfinished.mustWait(newSource(), 10), false);
});

Deno.test("forget() and end() keep no source waiting", pure, () => {
  const unfinished = new UnfinishedMessages(100);
  const [one, other] = [newSource(), newSource()];
  unfinished.begin(60);
  assertEquals([unfinished.mustWait(one, 40), unfinished.mustWait(one, 41)], [
    false,
    true,
  ]);
  assertEquals(unfinished.mustWait(other, 99), true);
  unfinished.forget(one);
  assertEquals([...unfinished.end(60)], [other]);
  assertEquals([...unfinished.end(0)], []);
  assertEquals([unfinished.bytes, unfinished.mustWait(one, 1000)], [0, false]);
});
