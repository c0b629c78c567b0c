import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SentItems } from "../../../lib/messages/calls/sent_items.ts";
import { thrownBy } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function sentItems(): SentItems {
  return new SentItems((why) => new Error(why));
}

/** Records when promises settle, in order. */
function recorder(): {
  readonly events: string[];
  readonly watch: (name: string, promise: Promise<unknown>) => void;
} {
  const events: string[] = [];
  return {
    events,
    watch: (name, promise) =>
      void promise.then(
        () => events.push(`${name} done`),
        (error) => events.push(`${name}: ${error.message}`),
      ),
  };
}

Deno.test(
  "send() resolves when the item after it is requested, and end() after the last one",
  none,
  async () => {
    const items = sentItems();
    const { events, watch } = recorder();
    const iterator = items[Symbol.asyncIterator]();
    const first = iterator.next();
    watch("a", items.send("a"));
    watch("b", items.send("b"));
    watch("end", items.end());
    watch("c", items.send("c"));
    assertEquals(await first, { done: false, value: "a" });
    assertEquals(events, ["c: end() was called"]);
    assertEquals((await iterator.next()).value, "b");
    assertEquals(events.slice(1), ["a done"]);
    assertEquals((await iterator.next()).done, true);
    await items.end();
    assertEquals(events.slice(2), ["b done", "end done"]);
  },
);

Deno.test(
  "closing the iterator or the items rejects unsent and later items",
  none,
  async () => {
    for (const closesIterator of [true, false]) {
      const items = sentItems();
      const { events, watch } = recorder();
      const iterator = items[Symbol.asyncIterator]();
      watch("a", items.send("a"));
      watch("b", items.send("b"));
      assertEquals((await iterator.next()).value, "a");
      if (closesIterator) await iterator.return();
      else items.close();
      assertEquals((await iterator.next()).done, true);
      watch("c", items.send("c"));
      await items.end();
      assertEquals(
        events,
        ["a", "b", "c"].map((name) => `${name}: the call has ended`),
      );
    }
  },
);

Deno.test(
  "close() ends an iteration that waits for an item",
  none,
  async () => {
    const items = sentItems();
    const waits = items[Symbol.asyncIterator]().next();
    items.close();
    assertEquals((await waits).done, true);
  },
);

Deno.test(
  "sendTo() sends earlier and later items, and the end, with the target's results",
  none,
  async () => {
    for (const endsEarly of [true, false]) {
      const items = sentItems();
      const log: unknown[] = [];
      const target = {
        send(item: unknown) {
          log.push(item);
          return item === "bad"
            ? Promise.reject(new Error("bad"))
            : Promise.resolve();
        },
        end: () => Promise.resolve(void log.push("end")),
      };
      const sent = [items.send("a"), items.send("bad")];
      if (endsEarly) items.end();
      items.sendTo(target);
      await sent[0];
      assertEquals(String(await thrownBy(sent[1]!)), "Error: bad");
      if (!endsEarly) {
        await items.send("b");
        await items.end();
      }
      const rest = endsEarly ? ["end"] : ["b", "end"];
      assertEquals(log, ["a", "bad", ...rest]);
    }
  },
);

Deno.test("the items can be used only once", none, async () => {
  const items = sentItems();
  items.checkUnused();
  const iterating = items[Symbol.asyncIterator]().next();
  assertThrows(() => items.checkUnused(), TypeError, "they are not kept");
  await assertRejects(() => items[Symbol.asyncIterator]().next(), TypeError);
  assertThrows(
    () =>
      items.sendTo({
        send: () => Promise.resolve(),
        end: () => Promise.resolve(),
      }),
    TypeError,
  );
  items.close();
  await iterating;
});
