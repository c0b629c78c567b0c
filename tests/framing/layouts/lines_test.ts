import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, lines } from "@lengthwise/lengthwise/framing";
import type { LinesOptions } from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function split(stream: string, options: LinesOptions = {}): string[] {
  const decoder = lines(options).decoder();
  decoder.push(new TextEncoder().encode(stream));
  const frames: string[] = [];
  for (let frame; (frame = decoder.next());) {
    frames.push(new TextDecoder().decode(frame));
  }
  return frames;
}

test("lines() accepts LF, CRLF, empty lines and lone CRs", () => {
  assertEquals(split("a\r\n\nb\rc\n\r\n"), ["a", "", "b\rc", ""]);
});

test("lines() with one newline ignores the other", () => {
  assertEquals(split("a\r\nb\n", { newline: "lf" }), ["a\r", "b"]);
  assertEquals(split("a\nb\r\n.\n\r\n", { newline: "crlf" }), ["a\nb", ".\n"]);
});

test("lines() writes LF, or CRLF on request", () => {
  const payload = new TextEncoder().encode("a");
  assertEquals(lines().encoder().encode(payload).toHex(), "610a");
  const crlf = lines({ newline: "crlf" }).encoder();
  assertEquals(crlf.encode(payload).toHex(), "610d0a");
});

test("lines() throws on an unterminated last line and keeps it in rest()", () => {
  const decoder = lines().decoder();
  decoder.push(new TextEncoder().encode("a\nb"));
  assertEquals(decoder.next()?.length, 1);
  assertEquals(decoder.next(), undefined);
  assertThrows(() => decoder.end(), FrameError);
  assertEquals(decoder.rest().toHex(), "62");
});

/** Returns all lines, including the last one, and the number skipped. */
function splitToEnd(stream: string, options: LinesOptions): [string[], number] {
  const decoder = lines({ finalLine: true, ...options }).decoder();
  const frames: string[] = [];
  const drain = () => {
    for (let frame; (frame = decoder.next());) {
      frames.push(new TextDecoder().decode(frame));
    }
  };
  for (const byte of new TextEncoder().encode(stream)) {
    decoder.push(Uint8Array.of(byte));
    drain();
  }
  decoder.end();
  drain();
  return [frames, decoder.skipped];
}

test("lines() with finalLine returns an unterminated last line after end()", () => {
  for (const newline of ["any", "lf", "crlf"] as const) {
    assertEquals(splitToEnd("a\r\nb", { newline })[0].at(-1), "b");
    assertEquals(splitToEnd("a\r\n", { newline })[0].length, 1);
    assertEquals(splitToEnd("", { newline }), [[], 0]);
    assertEquals(splitToEnd("b", { newline, keepDelimiter: true }), [["b"], 0]);
  }
  assertEquals(splitToEnd("a\r\nb\r", {}), [["a", "b\r"], 0]);
});

test("lines() with finalLine applies the limit to the last line", () => {
  const limit = { maxFrameLength: 3 };
  assertEquals(splitToEnd("abc", limit), [["abc"], 0]);
  assertEquals(
    assertThrows(() => splitToEnd("ab\nabc\r", limit), FrameError).code,
    "too-large",
  );
  const skip = { ...limit, onTooLarge: "skip" } as const;
  assertEquals(splitToEnd("ab\nabc\r", skip), [["ab"], 1]);
  assertEquals(splitToEnd("ab\nabcdefgh", skip), [["ab"], 1]);
  assertEquals(splitToEnd("ab\nabcdefgh\r", skip), [["ab"], 1]);
});

test("lines() rejects an unknown newline", () => {
  assertThrows(
    () => lines({ newline: "cr" as "lf" }),
    TypeError,
    "any, lf, crlf",
  );
});
