import { assertEquals } from "@std/assert";
import { SentItems } from "../../../lib/messages/calls/sent_items.ts";
import { resendable } from "../../../lib/messages/client/resendable_items.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns the items of a generator, and how often it was closed. */
function generated() {
  let closed = 0;
  async function* generate() {
    try {
      for (const item of ["a", "b", "c"]) yield await item;
    } finally {
      closed++;
    }
  }
  const items = resendable(generate())!;
  const attempt = () =>
    (items.items as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return { items, attempt, closed: () => closed };
}

Deno.test("the first item is kept until it was sent", none, async () => {
  const { items, attempt, closed } = generated();
  items.hold();
  for (let times = 0; times < 3; times++) {
    const iterator = attempt();
    assertEquals((await iterator.next()).value, "a");
    assertEquals(items.intact, true);
    await iterator.return!();
    assertEquals([items.intact, closed()], [true, 0]);
    items.rewind();
  }
  const last = attempt();
  assertEquals((await last.next()).value, "a");
  assertEquals((await last.next()).value, "b");
  assertEquals(items.intact, false);
  assertEquals((await last.next()).value, "c");
  assertEquals((await last.next()).done, true);
  await last.return!();
  items.release();
  assertEquals(closed(), 1);
});

Deno.test(
  "an iterable is closed once no attempt needs it any more",
  none,
  async () => {
    const begun = generated(); // while it is kept, after its first item
    begun.items.hold();
    const iterator = begun.attempt();
    for (let times = 0; times < 2; times++) await iterator.next();
    await iterator.return!();
    assertEquals(begun.closed(), 1);
    begun.items.release();
    assertEquals(begun.closed(), 1);

    const kept = generated(); // by the end of the call
    kept.items.hold();
    const only = kept.attempt();
    await only.next();
    await only.return!();
    assertEquals([kept.closed(), kept.items.intact], [0, true]);
    kept.items.release();
    await Promise.resolve();
    assertEquals([kept.closed(), kept.items.intact], [1, false]);

    const free = generated(); // by its attempt, as it is not kept
    free.items.hold();
    free.items.release();
    const left = free.attempt();
    await left.next();
    assertEquals(free.closed(), 0);
    await left.return!();
    assertEquals([free.closed(), free.items.intact], [1, false]);

    const again = generated(); // not by release() during an attempt
    again.items.hold();
    const first = again.attempt();
    await first.next();
    await first.return!();
    again.items.rewind();
    await again.attempt().next();
    again.items.release();
    await Promise.resolve();
    assertEquals(again.closed(), 0);
  },
);

Deno.test(
  "items that were passed to send() can be sent again until the first one",
  none,
  async () => {
    const sent = new SentItems((why) => new Error(why));
    const items = resendable(sent)!;
    const target = {
      send: () => Promise.resolve(),
      end: () => Promise.resolve(),
    };
    sent.sendTo(target);
    assertEquals(items.intact, true);
    items.rewind();
    sent.sendTo(target);
    await sent.send("a");
    assertEquals(items.intact, false);
    items.rewind(); // has no effect
    assertEquals(items.intact, false);
    const early = new SentItems((why) => new Error(why));
    const waits = early.send("a");
    const other = resendable(early)!;
    assertEquals(other.intact, true);
    early.sendTo(target);
    assertEquals(other.intact, false);
    await waits;
  },
);

Deno.test(
  "arrays are sent any number of times, and other values never",
  none,
  () => {
    const array = resendable([1, 2])!;
    array.hold();
    array.release();
    array.rewind();
    assertEquals([array.intact, array.items], [true, [1, 2]]);
    assertEquals(resendable(undefined), undefined);
  },
);
