import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import type { DecodeBudget } from "../../../lib/messages/codec/message_codec.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";

const PURE = { permissions: "none" } as const;

Deno.test("bytes() copies bytes in both directions", PURE, () => {
  const codec = bytes();
  const sent = Uint8Array.of(1, 2, 3).subarray(1);
  const body = codec.encode(sent);
  const received = codec.decode(body);
  sent.fill(0);
  assertEquals(body, Uint8Array.of(2, 3));
  body.fill(0);
  assertEquals(received, Uint8Array.of(2, 3));
});

Deno.test("bytes({ binary: 'borrow' }) returns the body itself", PURE, () => {
  const body = Uint8Array.of(1, 2);
  assertStrictEquals(bytes({ binary: "borrow" }).decode(body), body);
});

Deno.test("bytes() encodes subclasses as plain Uint8Arrays", PURE, () => {
  class Special extends Uint8Array {}
  assertStrictEquals(bytes().encode(new Special(2)).constructor, Uint8Array);
});

Deno.test("bytes() rejects all other values by name", PURE, () => {
  const cases: [unknown, string][] = [
    ["text", "a value of type string"],
    [null, "null"],
    [undefined, "a value of type undefined"],
    [{}, "an Object"],
    [[1], "an Array"],
    [new ArrayBuffer(1), "an ArrayBuffer"],
    [new Uint16Array(1), "a Uint16Array"],
  ];
  for (const [value, name] of cases) {
    const act = () => bytes().encode(value);
    assertThrows(act, CodecError, `Cannot encode ${name}`);
  }
  assertThrows(
    () => bytes({ binary: "view" as "copy" }),
    RangeError,
    "'binary' must be one of",
  ); // possible in a program without types
});

Deno.test("bytes() decodes a body that holds exactly maxHeld", PURE, () => {
  const budget: DecodeBudget = { held: 0 };
  const body = Uint8Array.of(1, 2);
  bytes().decode(body, budget);
  const { held } = budget;
  bytes().decode(body, { held: 0, maxHeld: held });
  assertThrows(
    () => bytes().decode(body, { held: 0, maxHeld: held - 1 }),
    CodecError,
    `'maxHeld' allows ${held - 1}, found ${held}`,
  );
});
