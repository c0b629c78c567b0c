import { assertEquals, assertNotEquals } from "@std/assert";
import {
  PublishedNumbers,
  ReceivedNumbers,
} from "../../../lib/messages/bus/numbering.ts";

const pure = { permissions: "none" } as const;

Deno.test("PublishedNumbers.next() counts each topic from 1", pure, () => {
  const numbers = new PublishedNumbers((topic) => `t.${topic}`);
  const first = numbers.next("a");
  assertEquals([first.subject, first.number], ["t.a", 1]);
  assertEquals(numbers.next("a"), { ...first, number: 2 });
  const other = numbers.next("b");
  assertEquals(other.number, 1);
  assertNotEquals(other.epoch, first.epoch);
});

Deno.test(
  "PublishedNumbers.next() begins again with the least recent of 10,000 topics",
  pure,
  () => {
    const numbers = new PublishedNumbers(String);
    const first = numbers.next("a");
    const old = numbers.next("old");
    for (let n = 0; n < 9_998; n++) numbers.next(`${n}`);
    assertEquals(numbers.next("a"), { ...first, number: 2 });
    numbers.next("one more");
    assertEquals(numbers.next("a"), { ...first, number: 3 });
    const again = numbers.next("old");
    assertEquals(again.number, 1);
    assertNotEquals(again.epoch, old.epoch);
  },
);

Deno.test(
  "ReceivedNumbers.receive() returns how many are missing",
  pure,
  () => {
    const numbers = new ReceivedNumbers();
    const receive = (epoch: number, number: number, origin = "a") =>
      numbers.receive(origin, { epoch, number });
    assertEquals(receive(1, 5), 0); // the first that is heard of a publisher
    assertEquals(receive(1, 6), 0);
    assertEquals(receive(1, 9), 2);
    assertEquals(receive(1, 9), undefined); // a second time
    assertEquals(receive(1, 7), undefined); // late
    assertEquals(receive(2, 1), 0); // the publisher begins again
    assertEquals(receive(3, 4), 3);
    assertEquals(receive(1, 1, "b"), 0);
    assertEquals(receive(3, 5), 0);
  },
);

Deno.test(
  "ReceivedNumbers.receive() forgets the least recent of 1,000 publishers",
  pure,
  () => {
    const numbers = new ReceivedNumbers();
    const receive = (origin: string, number: number) =>
      numbers.receive(origin, { epoch: 1, number });
    receive("old", 1);
    receive("kept", 1);
    for (let n = 0; n < 998; n++) receive(`${n}`, 1);
    receive("kept", 2);
    receive("one more", 1);
    assertEquals(receive("kept", 4), 1);
    assertEquals(receive("old", 9), 0);
  },
);
