import { assertEquals, assertThrows } from "@std/assert";
import { FrameError } from "../../lib/framing/errors.ts";
import type { FrameDecoder } from "../../lib/framing/framing.ts";
import { u16be } from "../../lib/framing/length_presets.ts";
import {
  concat,
  feed,
  frameErrorOf,
  must,
  mustEqual,
  randomFrom,
} from "../../lib/testing/framing_kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("must() throws its message unless the condition holds", none, () => {
  must(true, () => "not called");
  assertThrows(() => must(false, () => "no"), Error, "no");
});

Deno.test(
  "mustEqual() compares the number and the bytes of frames",
  none,
  () => {
    const frames = [bytes(1), bytes(2, 3)];
    mustEqual([bytes(1), bytes(2, 3)], frames, "whole");
    const cases: readonly [got: Uint8Array[], error: string][] = [
      [[bytes(1)], "then: 1 frames decoded; expected 2"],
      [[...frames, bytes()], "then: 3 frames decoded; expected 2"],
      [[bytes(2), bytes(2, 3)], "then: frame 0 differs"],
      [[bytes(1), bytes(2, 4)], "then: frame 1 differs"],
      [[bytes(1), bytes(2)], "then: frame 1 differs"],
    ];
    for (const [got, error] of cases) {
      assertThrows(() => mustEqual(got, frames, "then"), Error, error);
    }
  },
);

Deno.test(
  "feed() returns copies, and overwrites the chunk afterwards",
  none,
  () => {
    const wire = bytes(0, 1, 7, 0, 2, 8, 9);
    const decoder = u16be().decoder();
    assertEquals(feed(decoder, wire.subarray(0, 5)), [bytes(7)]);
    assertEquals(feed(decoder, wire.subarray(5)), [bytes(8, 9)]);
    assertEquals(wire, bytes(0, 1, 7, 0, 2, 8, 9));
    assertEquals(concat([bytes(1), bytes(), bytes(2, 3)]), bytes(1, 2, 3));
  },
);

/** A decoder that returns the chunk itself, once, and may change it. */
function careless(change: (chunk: Uint8Array) => void): FrameDecoder {
  let pending: Uint8Array | undefined;
  const decoder = u16be().decoder();
  return Object.assign(Object.create(decoder), {
    push: (chunk: Uint8Array) => void (pending = chunk),
    next() {
      const chunk = pending;
      pending = undefined;
      if (chunk !== undefined) change(chunk);
      return chunk;
    },
  });
}

Deno.test("feed() detects a decoder that changes the chunk", none, () => {
  const honest = careless(() => {});
  assertEquals(feed(honest, bytes(1, 2)), [bytes(1, 2)]);
  assertThrows(
    () => feed(careless((chunk) => chunk[1] = 9), bytes(1, 2)),
    Error,
    "next() changed the pushed chunk",
  );
});

Deno.test(
  "frameErrorOf() returns a FrameError, and throws other errors",
  none,
  () => {
    const error = new FrameError("bad", { code: "bad-header" });
    const throwing = (thrown: unknown) => () => {
      throw thrown;
    };
    assertEquals(frameErrorOf(throwing(error)), error);
    assertEquals(frameErrorOf(() => {}), undefined);
    assertThrows(
      () => frameErrorOf(throwing(new TypeError("x"))),
      TypeError,
      "x",
    );
  },
);

Deno.test(
  "randomFrom() returns the same integers below a bound for a seed",
  none,
  () => {
    const [random, again] = [randomFrom(3), randomFrom(3)];
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const value = random(5);
      assertEquals(value, again(5));
      seen.add(value);
    }
    assertEquals([...seen].sort(), [0, 1, 2, 3, 4]);
  },
);
