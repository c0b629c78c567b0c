import { assertEquals, assertThrows } from "@std/assert";
import { cobs, FrameError } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function run(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Examples from the paper and from the article on it: payload, frame. */
const KNOWN: [payload: number[], frame: number[]][] = [
  [[], [1, 0]],
  [[0], [1, 1, 0]],
  [[0, 0], [1, 1, 1, 0]],
  [[0, 0x11, 0], [1, 2, 0x11, 1, 0]],
  [[0x11, 0x22, 0, 0x33], [3, 0x11, 0x22, 2, 0x33, 0]],
  [[0x11, 0x22, 0x33, 0x44], [5, 0x11, 0x22, 0x33, 0x44, 0]],
  [[0x11, 0, 0, 0], [2, 0x11, 1, 1, 1, 0]],
  [run(1, 254), [255, ...run(1, 254), 0]],
  [[0, ...run(1, 254)], [1, 255, ...run(1, 254), 0]],
  [run(1, 255), [255, ...run(1, 254), 2, 255, 0]],
  [[...run(2, 255), 0], [255, ...run(2, 255), 1, 1, 0]],
  [[...run(3, 255), 0, 1], [254, ...run(3, 255), 2, 1, 0]],
];

for (const [payload, frame] of KNOWN) {
  test(`cobs() stuffs ${payload.length} bytes from [${payload.slice(0, 4)}] as the paper does`, () => {
    const wire = cobs().encoder().encode(Uint8Array.from(payload));
    assertEquals([...wire], frame);
    const decoder = cobs().decoder();
    decoder.push(wire);
    assertEquals([...decoder.next()!], payload);
    decoder.end();
  });
}

test("cobs() accepts a full last block followed by an extra code byte", () => {
  const decoder = cobs({ maxFrameLength: 254 }).decoder();
  decoder.push(Uint8Array.from([255, ...run(1, 254), 1, 0]));
  assertEquals([...decoder.next()!], run(1, 254));
});

test("cobs() ignores zero bytes between frames", () => {
  const decoder = cobs().decoder();
  decoder.push(new Uint8Array([0, 0, 2, 7, 0, 0, 0]));
  assertEquals([...decoder.next()!], [7]);
  assertEquals(decoder.next(), undefined);
  decoder.end();
});

test("cobs() loses one frame to damage with onTooLarge 'skip'", () => {
  const decoder = cobs({ onTooLarge: "skip", maxFrameLength: 3 }).decoder();
  decoder.push(
    new Uint8Array([2, 1, 0, 9, 1, 0, 6, 1, 2, 3, 4, 5, 0, 2, 2, 0]),
  );
  assertEquals([...decoder.next()!], [1]);
  assertEquals([...decoder.next()!], [2]);
  assertEquals(decoder.skipped, 2);
});

test("cobs() rejects a frame over the limit before its end has arrived", () => {
  const decoder = cobs({ maxFrameLength: 10 }).decoder();
  decoder.push(new Uint8Array(13).fill(200));
  assertEquals(
    assertThrows(() => decoder.next(), FrameError).code,
    "too-large",
  );
});

test("encodeInto() of cobs() accepts a payload that overlaps the target", () => {
  const target = new Uint8Array([0, 0, 7, 0, 8, 9, 9, 9, 9]);
  const end = cobs().encoder().encodeInto(target.subarray(2, 5), target, 1);
  assertEquals([...target.subarray(0, end)], [0, 2, 7, 2, 8, 0]);
});
