import { assertEquals, assertThrows } from "@std/assert";
import {
  delimited,
  type FrameEncoder,
  FrameError,
  type Framing,
} from "@lengthwise/lengthwise/framing";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import type { DelimitedOptions, Delimiter } from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const text = new TextDecoder();

/** Returns a stream's frames, its remaining bytes and the number skipped. */
function split(
  delimiter: Delimiter | readonly Delimiter[],
  stream: string,
  options: DelimitedOptions = {},
): [frames: string[], rest: string, skipped: number] {
  const decoder = delimited(delimiter, options).decoder();
  const frames: string[] = [];
  for (const byte of new TextEncoder().encode(stream)) {
    decoder.push(new Uint8Array([byte]));
    for (let frame; (frame = decoder.next());) frames.push(text.decode(frame));
  }
  return [frames, text.decode(decoder.rest()), decoder.skipped];
}

function codeOf(step: () => unknown): string {
  return assertThrows(step, FrameError).code;
}

test("delimited() finds a delimiter after a partial match", () => {
  assertEquals(split("aab", "aaab|aab"), [["a", "|"], "", 0]);
  assertEquals(split("aa", "aaa"), [[""], "a", 0]);
});

test("delimited() uses the first match, and at the same offset the delimiter listed first", () => {
  assertEquals(split([";", ","], "a,b;c"), [["a", "b"], "c", 0]);
  assertEquals(split(["XY", "X"], "abXYcXd"), [["ab", "c"], "d", 0]);
  assertEquals(split(["\n", "\r\n"], "a\r\nb\nc\r"), [["a", "b"], "c\r", 0]);
});

test("delimited() waits while a delimiter listed earlier may still match", () => {
  const decoder = delimited(["XY", "X"]).decoder();
  decoder.push(new TextEncoder().encode("aX"));
  assertEquals([decoder.next(), decoder.pending], [undefined, 2]);
  assertEquals(text.decode(decoder.rest()), "aX");
  decoder.push(new TextEncoder().encode("Z"));
  assertEquals(text.decode(decoder.next()), "a");
  assertEquals(text.decode(decoder.rest()), "Z");
});

/** Returns the frames that the end of the stream completes, and the error. */
function atEnd(
  framing: Framing,
  stream: string,
): [frames: string[], code: string | undefined, rest: string] {
  const decoder = framing.decoder();
  for (const byte of new TextEncoder().encode(stream)) {
    decoder.push(new Uint8Array([byte]));
    while (decoder.next() !== undefined);
  }
  const frames: string[] = [];
  let code: string | undefined;
  try {
    decoder.end();
    for (let frame; (frame = decoder.next());) frames.push(text.decode(frame));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    code = error.code;
  }
  return [frames, code, text.decode(decoder.rest())];
}

test("end() completes a frame whose delimiter begins a longer one", () => {
  const newlines = delimited(["\r\n", "\n", "\r"]);
  assertEquals(atEnd(newlines, "one\rtwo\r"), [["two"], undefined, ""]);
  assertEquals(atEnd(newlines, "one\r\n"), [[], undefined, ""]);
  assertEquals(atEnd(newlines, "one\rtwo"), [[], "truncated", "two"]);
  assertEquals(atEnd(delimited(["abc", "a"]), "xa"), [["x"], undefined, ""]);
  const kept = delimited(["\r\n", "\r"], { keepDelimiter: true });
  assertEquals(atEnd(kept, "one\r"), [["one\r"], undefined, ""]);
});

test("next() returns all frames that the end completes before it throws", () => {
  const some = delimited(["abcd", "b", "a"]);
  assertEquals(atEnd(some, "xab"), [["x", ""], undefined, ""]);
  assertEquals(atEnd(some, "xabc"), [["x", ""], "truncated", "c"]);
  assertEquals(
    atEnd(delimited(["abcde", "a"]), "xabcd"),
    [["x"], "truncated", "bcd"],
  );
});

test("rest() has the bytes of a frame that the end completes until next() returns it", () => {
  const decoder = delimited(["\r\n", "\r"]).decoder();
  decoder.push(new TextEncoder().encode("one\r"));
  assertEquals(decoder.next(), undefined);
  decoder.end();
  decoder.end();
  assertEquals(text.decode(decoder.rest()), "one\r");
  assertEquals(text.decode(decoder.next()), "one");
  assertEquals([decoder.next(), decoder.rest().length], [undefined, 0]);
  assertEquals(decoder.pending, 0);
});

test("end() completes a skipped frame whose delimiter begins a longer one", () => {
  const skip = { maxFrameLength: 2, onTooLarge: "skip" } as const;
  const newlines = delimited(["\r\n", "\r"], skip);
  assertEquals(atEnd(newlines, "abcdef\r"), [[], undefined, ""]);
  assertEquals(atEnd(newlines, "abcdef")[1], "truncated");
});

test("end() rejects or skips a frame whose delimiter only the end decides", () => {
  const delimiters = ["abcd", "c"]; // "abc" may begin the first one
  const close = delimited(delimiters, { maxFrameLength: 2 });
  assertEquals(atEnd(close, "xabc")[1], "too-large");
  const skip = { maxFrameLength: 2, onTooLarge: "skip" } as const;
  const skipping = delimited(delimiters, skip);
  assertEquals(atEnd(skipping, "xabc"), [[], undefined, ""]);
  assertEquals(atEnd(skipping, "vcxabc"), [[], undefined, ""]);
});

test("delimited() with keepDelimiter decodes and encodes frames that end with one", () => {
  const options = { keepDelimiter: true };
  assertEquals(split(["\r\n", "\n"], "a\r\nb\n", options)[0], ["a\r\n", "b\n"]);
  const encoder = delimited(["\r\n", "\n"], options).encoder();
  const bytes = (s: string) => new TextEncoder().encode(s);
  assertEquals(encoder.encode(bytes("a\n")), bytes("a\n"));
  for (const wrong of ["a", "a\nb", "a\nb\n", ""]) {
    assertEquals(codeOf(() => encoder.encode(bytes(wrong))), "bad-payload");
  }
  const short = delimited("\r\n", { ...options, maxFrameLength: 1 }).encoder();
  assertEquals(short.encode(bytes("a\r\n")), bytes("a\r\n"));
  assertEquals(codeOf(() => short.encode(bytes("ab\r\n"))), "too-large");
});

test("delimited() rejects a payload that would decode as something else", () => {
  const encoder = (delimiter: string) => delimited(delimiter).encoder();
  const bytes = (s: string) => new TextEncoder().encode(s);
  assertEquals(
    codeOf(() => encoder("\n").encode(bytes("a\nb"))),
    "bad-payload",
  );
  // "a" and "aa" form the delimiter one byte too early.
  assertEquals(codeOf(() => encoder("aa").encode(bytes("a"))), "bad-payload");
  assertEquals(encoder("aab").encode(bytes("a")), bytes("aaab"));
  const lines = delimited(["\n", "\r\n"]).encoder();
  assertEquals(codeOf(() => lines.encode(bytes("a\r"))), "bad-payload");
});

test("delimited() encodes a payload after one that ended inside a delimiter", () => {
  const bytes = (s: string) => new TextEncoder().encode(s);
  const check = (encoder: FrameEncoder, inside: string, wrong: string) => {
    assertEquals(codeOf(() => encoder.encode(bytes(inside))), "bad-payload");
    assertEquals(codeOf(() => encoder.encode(bytes(wrong))), "bad-payload");
  };
  const kept = delimited("\r\n", { keepDelimiter: true }).encoder();
  check(kept, "abc\r", "x\n");
  const several = delimited(["ab", "xabc"]).encoder();
  check(several, "x", "xab");
  check(several, "x", "x");
  assertEquals(several.encode(bytes("zc")), bytes("zcab"));
});

test("delimited() counts only the payload and rejects the first byte over the limit", () => {
  const limit = { maxFrameLength: 3 };
  assertEquals(split("--", "abc--abc-", limit), [["abc"], "abc-", 0]);
  assertEquals(codeOf(() => split("--", "abcd", limit)), "too-large");
  assertEquals(codeOf(() => split("--", "abc-x", limit)), "too-large");
  const encoder = delimited("--", limit).encoder();
  assertEquals(codeOf(() => encoder.encode(new Uint8Array(4))), "too-large");
});

test("delimited() skips to a whole delimiter, not to part of one", () => {
  const skip = { maxFrameLength: 2, onTooLarge: "skip" } as const;
  assertEquals(split("--", "abc-d--ef--", skip), [["ef"], "", 1]);
  assertEquals(split("--", "abcdefgh---x", skip), [[], "-x", 1]);
  assertEquals(split(["\n", "\r\n"], "abc\r\nd\r\n", skip), [["d"], "", 1]);
  const decoder = delimited("--", skip).decoder();
  decoder.push(new TextEncoder().encode("abcdef-"));
  assertEquals([decoder.next(), decoder.pending], [undefined, 7]);
  assertEquals(codeOf(() => decoder.end()), "truncated");
});

test("delimited() holds little memory while it skips a frame", () => {
  const skip = { maxFrameLength: 2, onTooLarge: "skip" } as const;
  const decoder = delimited("--", skip).decoder();
  for (let i = 0; i < 100; i++) {
    decoder.push(new Uint8Array(1000).fill(97));
    assertEquals(decoder.next(), undefined);
  }
  assertEquals(decoder.held < 1000, true);
});

test("delimited() rejects delimiters that cannot work", () => {
  assertThrows(() => delimited([]), RangeError, "delimiters.length");
  assertThrows(() => delimited(""), RangeError, "delimiter.length");
  assertThrows(
    () => delimited("x".repeat(65_537)),
    RangeError,
    "delimiter.length",
  );
  assertThrows(() => delimited(Array(17).fill("x")), RangeError);
  assertThrows(
    () => delimited(["X", "XY"]),
    TypeError,
    "list the longer one first",
  );
  assertThrows(() => delimited(["X", "X"]), TypeError, "never match");
  assertThrows(() => delimited("\n", { maxFrameLength: -1 }), RangeError);
});

test("delimited() copies its delimiters", () => {
  const delimiter = new Uint8Array([10]);
  const framing = delimited(delimiter);
  delimiter[0] = 97;
  assertEquals(framing.encoder().encode(new Uint8Array([97])).toHex(), "610a");
});

test("delimited() returns a stable frame if a longer delimiter does not match", () => {
  const decoder = delimited(["abcd", "a"]).decoder();
  decoder.push(new TextEncoder().encode("zzabc"));
  assertEquals(decoder.next(), undefined);
  decoder.push(new TextEncoder().encode("xyax"));
  const frame = decoder.next()!;
  assertEquals(text.decode(frame), "zz");
  assertEquals(text.decode(decoder.next()), "bcxy");
  assertEquals(text.decode(decoder.rest()), "x");
});

test("delimited() returns a complete frame after a longer delimiter did not match", () => {
  assertEquals(split(["abcde", "a", "c"], "zabcdx"), [["z", "b"], "dx", 0]);
  assertEquals(split(["abcde", "a", "c"], "abcdc"), [["", "b", "d"], "", 0]);
});

test("delimited() keeps a partial match at the end when it drops a large buffer", () => {
  const skip = { maxFrameLength: 100_000, onTooLarge: "skip" } as const;
  const stream = "x".repeat(100_001) + "a".repeat(40) + "b" + "ok" + "aab";
  assertEquals(split("aab", stream, skip), [["ok"], "", 1]);
});

test("delimited() says which payloads it can encode", () => {
  const refused = (options: DelimitedOptions, text: string) => {
    const encoder = delimited("\r\n", options).encoder();
    const payload = new TextEncoder().encode(text);
    return assertThrows(() => encoder.encode(payload), FrameError).message;
  };
  const kept = "it must end with a delimiter and contain no other";
  for (const text of ["a", "a\r\nb", "a\r\nb\r\n", ""]) {
    assertEquals(refused({ keepDelimiter: true }, text).includes(kept), true);
  }
  const plain = "it contains a delimiter, or its last bytes form one";
  for (const text of ["a\r\nb", "\r\n"]) {
    assertEquals(refused({}, text).includes(plain), true);
  }
});

test("delimited() limits how far a delimiter continues after another one", () => {
  const long = "--b" + "-".repeat(64);
  assertEquals(delimited([long, "b"]).maxFrameLength, 4_194_304);
  assertThrows(
    () => delimited(["b", `${long}-`]),
    RangeError,
    "delimiter 1: it contains delimiter 0 and continues for 65 bytes after it; expected at most 64",
  );
});

test("delimited() with a delimiter of 300 bytes passes checkFraming()", () => {
  const boundary = "\r\n--" + "-".repeat(300) + "b";
  checkFraming((options) => delimited(boundary, options), [
    new TextEncoder().encode("one"),
    new TextEncoder().encode(boundary.slice(0, -1) + "\r\n--"),
  ]);
});

test("delimited() skips a frame that ends with part of a long delimiter", () => {
  const long = "a".repeat(100) + "b";
  const skip = { maxFrameLength: 2, onTooLarge: "skip" } as const;
  const stream = `xyz${"a".repeat(150)}bok${long}`;
  assertEquals(split(long, stream, skip), [["ok"], "", 1]);
});
