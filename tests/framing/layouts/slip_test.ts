import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, slip } from "@lengthwise/lengthwise/framing";
import type { SlipOptions } from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function read(hex: string, options: SlipOptions = {}, size = 100): string[] {
  const decoder = slip(options).decoder();
  const wire = Uint8Array.fromHex(hex);
  const frames: string[] = [];
  for (let at = 0; at < wire.length; at += size) {
    decoder.push(wire.slice(at, at + size));
    for (let frame; (frame = decoder.next());) frames.push(frame.toHex());
  }
  decoder.end();
  return frames;
}

test("slip() escapes END and ESC as RFC 1055 does", () => {
  const wire = slip().encoder().encode(Uint8Array.fromHex("01c0dbdcdd02"));
  assertEquals(wire.toHex(), "01dbdcdbdddcdd02c0");
  assertEquals(read(wire.toHex()), ["01c0dbdcdd02"]);
});

test("slip() with leadingEnd begins frames with END and ignores END between frames", () => {
  const encoder = slip({ leadingEnd: true }).encoder();
  const wire = encoder.encode(new Uint8Array([1])).toHex();
  assertEquals(wire, "c001c0");
  for (const size of [1, 2, 3, 100]) {
    assertEquals(read(wire + wire + "c0c0", {}, size), ["01", "01"]);
  }
});

test("slip() rejects an ESC that is not followed by one of its codes", () => {
  for (const bad of ["db01c0", "dbc0", "01dbdbdcc0"]) {
    const error = assertThrows(() => read(bad), FrameError);
    assertEquals(error.code, "bad-encoding");
  }
  const skip = { onTooLarge: "skip" } as const;
  assertEquals(read("01c0" + "db01c0" + "02c0", skip), ["01", "02"]);
});

test("slip() counts the unescaped payload", () => {
  const limit = { maxFrameLength: 2 };
  assertEquals(read("dbdcdbdcc0", limit), ["c0c0"]);
  assertEquals(
    assertThrows(() => read("010203c0", limit), FrameError).code,
    "too-large",
  );
  assertEquals(
    assertThrows(() => read("0102030405", limit), FrameError).code,
    "too-large",
  );
});

test("slip() rejects an empty payload, which no peer would receive", () => {
  const encoder = slip().encoder();
  const error = assertThrows(
    () => encoder.encode(new Uint8Array(0)),
    FrameError,
  );
  assertEquals(error.code, "too-short");
});
