import { assertEquals, assertThrows } from "@std/assert";
import { doneFlag, fullPartContinues } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("fullPartContinues() treats a part that is not full as the last", () => {
  const plain = fullPartContinues({ partLength: 4 });
  const counted = fullPartContinues({ partLength: 4, sequence: true });
  const last = [3, 4, 5].map((length) => new Uint8Array(length));
  assertEquals(last.map(plain.isLast), [true, false, false]);
  assertEquals(last.map(counted.isLast), [true, true, false]);
  assertEquals([plain.headerLength, counted.headerLength], [0, 1]);
  assertEquals(plain.follows, undefined);
});

test("fullPartContinues() numbers parts from the first byte and wraps after 255", () => {
  const rule = fullPartContinues({ partLength: 4, sequence: true });
  const first = new Uint8Array([254]);
  const header = new Uint8Array(1);
  const numbers = [0, 1, 2, 258].map((index) => {
    rule.writeHeader(header, first, index, false);
    assertEquals(rule.follows!(header, first, index), true);
    assertEquals(rule.follows!(header, first, index + 1), false);
    return header[0];
  });
  assertEquals(numbers, [254, 255, 0, 0]);
});

test("doneFlag() sets and reads a single bit of the flags", () => {
  const rule = doneFlag({ bit: 4 });
  const header = new Uint8Array([0xff]);
  rule.writeHeader(header, header, 0, false);
  assertEquals(header[0], 0);
  rule.writeHeader(header, header, 0, true);
  assertEquals(header[0], 4);
  assertEquals(
    [0, 4, 0xfb, 0xff].map((flags) => rule.isLast(new Uint8Array([flags]))),
    [false, true, false, true],
  );
  assertEquals([rule.keepHeader, rule.fullContinues], [false, false]);
});

test("fullPartContinues() and doneFlag() reject options out of range", () => {
  for (const partLength of [0, -1, 1.5, 2 ** 33, NaN]) {
    assertThrows(() => fullPartContinues({ partLength }), RangeError);
    assertThrows(() => doneFlag({ partLength }), RangeError);
  }
  for (const bit of [0, 3, 256, 1.5, -1]) {
    assertThrows(() => doneFlag({ bit }), RangeError, `value is ${bit}`);
  }
});
