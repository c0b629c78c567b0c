import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { source } from "../../../lib/messages/sources/source.ts";
import {
  hasPositions,
  STEPS,
  type StreamStep,
} from "../../../lib/messages/streams/positioned_items.ts";
import { all, turns } from "../kit.ts";

/** Returns the steps of a stream. */
function stepsOf(items: AsyncIterable<unknown>): AsyncIterator<StreamStep> {
  if (!hasPositions(items)) throw new Error("The items have no positions");
  return items[STEPS]()[Symbol.asyncIterator]();
}

Deno.test("publish() returns the number of each item, and position follows it", () => {
  const numbers = source<string>({ after: { epoch: 3, number: 10 } });
  assertEquals(numbers.position, { epoch: 3, number: 10 });
  assertEquals(numbers.publish("a"), 11);
  assertEquals(numbers.publish("b", 20), 20);
  assertEquals(numbers.publish("c"), 21);
  assertEquals(numbers.position, { epoch: 3, number: 21 });
});

Deno.test("sources have different epochs by default", () => {
  const epochs = Array.from({ length: 20 }, () => source().position.epoch);
  assertEquals(new Set(epochs).size, 20);
  assertEquals(epochs.every(Number.isSafeInteger), true);
});

Deno.test("publish() rejects numbers that do not rise, items without an encoding, and items after the end", () => {
  const numbers = source<unknown>();
  numbers.publish(1, 5);
  for (const number of [5, 4, 0, -1, 5.5, NaN, 2 ** 53]) {
    assertThrows(() => numbers.publish(1, number), RangeError, "above 5");
  }
  assertThrows(() => numbers.publish(() => {}), CodecError);
  assertEquals(numbers.position.number, 5);
  numbers.end();
  assertThrows(() => numbers.publish(1), TypeError, "ended");
});

Deno.test("source() and items() reject unknown and invalid options", () => {
  assertThrows(() => source({ histroy: {} } as never), TypeError, "histroy");
  assertThrows(() => source({ history: { size: 1 } } as never), TypeError);
  for (const name of ["items", "bytes", "age"]) {
    for (const value of [-1, NaN, "9"]) {
      const history = { [name]: value };
      assertThrows(() => source({ history } as never), RangeError, name);
    }
  }
  for (
    const position of [{ epoch: -1, number: 0 }, { epoch: 0, number: 0.5 }]
  ) {
    assertThrows(() => source({ after: position }), RangeError, "after");
  }
  const numbers = source();
  assertThrows(() => numbers.items({}, { replay: -1 }), RangeError);
  assertThrows(() => numbers.items({}, { filter: 1 } as never), TypeError);
  assertThrows(() => numbers.items({}, { from: 1 } as never), TypeError);
});

Deno.test("items() joins when it is called, not when it is read", async () => {
  const numbers = source<number>();
  numbers.publish(1);
  const items = numbers.items();
  numbers.publish(2);
  numbers.end();
  assertEquals(await all(items), [2]);
});

Deno.test("a reader that leaves while it waits is forgotten, and publishing goes on", async () => {
  const numbers = source<number>();
  const left = numbers.items()[Symbol.asyncIterator]();
  const stays = numbers.items()[Symbol.asyncIterator]();
  const waiting = left.next();
  const next = stays.next();
  await turns();
  await left.return?.(); // before an item
  numbers.publish(1);
  assertEquals((await waiting).done, true);
  assertEquals((await next).value, 1);
  assertEquals((await left.next()).done, true);
});

Deno.test("a reader that leaves and joins again receives each item once", async () => {
  const numbers = source<number>();
  const received: unknown[] = [];
  let last: StreamStep["position"] | undefined;
  for (let round = 0; round < 20; round++) {
    const steps = stepsOf(numbers.items({ resumeFrom: last }));
    numbers.publish(round);
    for (;;) {
      const { value } = await steps.next();
      last = value.position;
      if (value.item === undefined) continue;
      received.push(value.item.value);
      break;
    }
    const pending = steps.next(); // leaves while it waits
    await steps.return?.();
    assertEquals((await pending).done, true);
  }
  assertEquals(received, Array.from({ length: 20 }, (_, round) => round));
});

Deno.test("overlapping reads receive the items in order", async () => {
  const numbers = source<number>();
  const items = numbers.items()[Symbol.asyncIterator]();
  const reads = Promise.all([items.next(), items.next(), items.next()]);
  for (const number of [1, 2, 3]) numbers.publish(number);
  assertEquals((await reads).map(({ value }) => value), [1, 2, 3]);
});

Deno.test("end() ends waiting and later readers after the last item", async () => {
  const numbers = source<number>();
  const waiting = all(numbers.items());
  const later = numbers.items();
  await turns();
  numbers.publish(1);
  numbers.end();
  assertEquals(await waiting, [1]);
  assertEquals(await all(later), [1]);
  assertEquals(await all(numbers.items({}, { replay: 5 })), [1]);
});

Deno.test("an error of a filter ends its reader only", async () => {
  const numbers = source<number>();
  const broken = numbers.items({}, {
    filter: () => {
      throw new RangeError("broken");
    },
  });
  const failed = assertRejects(() => all(broken), RangeError, "broken");
  const other = numbers.items()[Symbol.asyncIterator]();
  const next = other.next();
  await turns();
  assertEquals(numbers.publish(1), 1); // does not throw
  assertEquals((await next).value, 1);
  await failed;
});

Deno.test("a read after an error of the filter ends, however the error came", async () => {
  for (const waits of [true, false]) {
    const numbers = source<number>();
    const items = numbers.items({}, {
      filter: () => {
        throw new RangeError("broken");
      },
    })[Symbol.asyncIterator]();
    if (!waits) numbers.publish(1);
    const next = items.next();
    next.catch(() => {});
    await turns();
    if (waits) numbers.publish(1);
    await assertRejects(() => next, RangeError, "broken");
    assertEquals((await items.next()).done, true);
    assertEquals(numbers.publish(2), 2);
    assertEquals((await items.next()).done, true);
  }
});

Deno.test("a reader of the plain items fails if it misses some", async () => {
  const numbers = source<number>({ history: { items: 1 } });
  const items = numbers.items()[Symbol.asyncIterator]();
  for (const number of [1, 2, 3]) numbers.publish(number);
  const error = await assertRejects(() => items.next(), CallError);
  assertEquals(error.code, "overloaded");
  assertEquals((await items.next()).done, true);
});
