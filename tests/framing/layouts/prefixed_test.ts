import { assertEquals, assertThrows } from "@std/assert";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { FrameError, prefixed } from "@lengthwise/lengthwise/framing";
import type { Prefix, PrefixedOptions } from "@lengthwise/lengthwise/types";

type KeptPrefix = Omit<Prefix, "write">;

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A length in decimal digits, then a dot. */
const DIGITS: Prefix = {
  maxLength: 4,
  maxPayloadLength: 999,
  read(bytes) {
    const text = new TextDecoder().decode(bytes);
    const [digits = ""] = text.split(".", 1);
    if (/[^0-9]/.test(digits)) throw new Error("it must be digits and a dot");
    if (digits === text) return undefined;
    return [digits.length + 1, Number(digits)];
  },
  write: (length) => new TextEncoder().encode(`${length}.`),
};

function decode(text: string, options: PrefixedOptions = {}) {
  const decoder = prefixed(DIGITS, options).decoder();
  const frames: string[] = [];
  decoder.push(new TextEncoder().encode(text));
  for (let frame; (frame = decoder.next());) {
    frames.push(new TextDecoder().decode(frame));
  }
  return { frames, decoder };
}

test("prefixed() passes checkFraming()", () => {
  checkFraming((options) => prefixed(DIGITS, options), [
    new Uint8Array([1, 2, 3]),
    new Uint8Array(0),
    new Uint8Array(120).fill(7),
  ]);
});

test("prefixed() writes and reads the prefix", () => {
  const wire = prefixed(DIGITS).encoder().encode(new Uint8Array(12).fill(65));
  assertEquals(new TextDecoder().decode(wire), "12.AAAAAAAAAAAA");
  assertEquals(decode("1.a0.2.bc").frames, ["a", "", "bc"]);
});

test("prefixed() rejects a prefix that is invalid or does not end", () => {
  for (
    const [text, why] of [
      ["1.ax", "it must be digits and a dot"],
      ["1.a1234", "does not end within 4 bytes"],
    ] as const
  ) {
    const error = assertThrows(() => decode(text), FrameError, why);
    assertEquals([error.code, error.frameIndex], ["bad-prefix", 1]);
  }
});

test("prefixed() rejects invalid results of read()", () => {
  for (
    const wrong of [[0, 1], [2, 1], [1.5, 1], [1, -1], [1, 0.5], [1, NaN]]
  ) {
    const decoder = prefixed({
      ...DIGITS,
      read: () => [wrong[0]!, wrong[1]!],
    }).decoder();
    decoder.push(new Uint8Array(1));
    const error = assertThrows(
      () => decoder.next(),
      FrameError,
      "expected integers, 1 to 1 and 0 or more",
    );
    assertEquals(error.code, "bad-prefix");
  }
});

test("prefixed() accepts a prefix of one byte without a payload", () => {
  const byte: Prefix = {
    ...{ maxLength: 1, maxPayloadLength: 255 },
    read: ([length]) => [1, length!],
    write: (length) => Uint8Array.of(length),
  };
  const decoder = prefixed(byte).decoder();
  decoder.push(Uint8Array.of(0, 1, 7));
  assertEquals(decoder.next(), new Uint8Array(0));
  assertEquals(decoder.next(), Uint8Array.of(7));
  const negative = prefixed({ ...byte, maxLength: 2, read: () => [2, -1] });
  const wrong = negative.decoder();
  wrong.push(Uint8Array.of(1, 2));
  assertThrows(() => wrong.next(), FrameError, "a payload of -1 bytes");
});

test("prefixed() rejects or skips a frame that is too long", () => {
  const error = assertThrows(
    () => decode("5.abcde", { maxFrameLength: 4 }),
    FrameError,
  );
  assertEquals([error.code, error.declared, error.limit], ["too-large", 5, 4]);
  const { frames, decoder } = decode("5.abcde1.f", {
    maxFrameLength: 4,
    onTooLarge: "skip",
  });
  assertEquals([frames, decoder.skipped], [["f"], 1]);
});

test("prefixed() caps its default limit at what the prefix can hold and rejects more", () => {
  assertEquals(prefixed(DIGITS).maxFrameLength, 999);
  assertThrows(() => prefixed(DIGITS, { maxFrameLength: 1000 }), RangeError);
  for (const maxLength of [0, 1025, 1.5]) {
    assertThrows(() => prefixed({ ...DIGITS, maxLength }), RangeError);
  }
  assertThrows(() => prefixed({ ...DIGITS, maxPayloadLength: -1 }), RangeError);
});

const bytes = (text: string) => new TextEncoder().encode(text);

/** RESP: `$` and a length, or a line of another type. */
const RESP: KeptPrefix = {
  maxLength: 64,
  maxPayloadLength: 1000,
  read(bytes) {
    const end = bytes.indexOf(10) + 1;
    if (end === 0) return undefined;
    if (bytes[0] !== 0x24) return [end, 0];
    const digits = new TextDecoder().decode(bytes.subarray(1, end - 2));
    return [end, Number(digits) + 2];
  },
};

test("prefixed() with keepHeader keeps the prefix", () => {
  const resp = prefixed(RESP, { keepHeader: true });
  const wire = "+OK\r\n$2\r\nOK\r\n:1\r\n";
  const decoder = resp.decoder();
  const frames: string[] = [];
  for (const byte of bytes(wire)) {
    decoder.push(Uint8Array.of(byte));
    for (let frame; (frame = decoder.next());) {
      frames.push(new TextDecoder().decode(frame));
    }
  }
  assertEquals(frames, ["+OK\r\n", "$2\r\nOK\r\n", ":1\r\n"]);
  assertEquals(resp.maxFrameLength, 1064);
  checkFraming(
    (options) => prefixed(RESP, { ...options, keepHeader: true }),
    frames.map(bytes),
  );
});

test("prefixed() with keepHeader counts the prefix for the limit", () => {
  const kept = { keepHeader: true, maxFrameLength: 5 } as const;
  assertEquals(decode("3.abc1.a", kept).frames, ["3.abc", "1.a"]);
  const error = assertThrows(() => decode("4.abcd", kept), FrameError);
  assertEquals([error.code, error.declared, error.limit], ["too-large", 6, 5]);
  const skipping = decode("4.abcd1.a", { ...kept, onTooLarge: "skip" });
  assertEquals([skipping.frames, skipping.decoder.skipped], [["1.a"], 1]);
});

test("prefixed() with keepHeader accepts a prefix of no bytes, but no empty frame", () => {
  // Masked WebSocket frames: opcode, length, mask, payload.
  const masked: KeptPrefix = {
    ...{ maxLength: 2, maxPayloadLength: 131 },
    read: ([, length]) =>
      length === undefined ? undefined : [0, 6 + (length & 127)],
  };
  const decoder = prefixed(masked, { keepHeader: true }).decoder();
  decoder.push(Uint8Array.fromHex("8182" + "00112233" + "6869" + "8a80"));
  assertEquals(decoder.next()?.toHex(), "8182" + "00112233" + "6869");
  assertEquals(decoder.next(), undefined);
  const empty = prefixed({ ...RESP, read: () => [0, 0] }, { keepHeader: true })
    .decoder();
  empty.push(new Uint8Array(1));
  assertThrows(() => empty.next(), FrameError, "a prefix of 0 bytes and a");
});

test("prefixed() with keepHeader rejects a frame whose length is wrong", () => {
  const encoder = prefixed(RESP, { keepHeader: true }).encoder();
  for (const wrong of ["$2\r\nO\r\n", "$2\r\nOKK\r\n", "+OK", "", "$x\r\n"]) {
    const error = assertThrows(() => encoder.encode(bytes(wrong)), FrameError);
    assertEquals(error.code, wrong === "" ? "too-short" : "bad-payload");
  }
  const short = prefixed(RESP, { keepHeader: true, maxFrameLength: 8 });
  assertEquals(short.encoder().encode(bytes("$2\r\nOK\r\n")).length, 8);
  const error = assertThrows(
    () => short.encoder().encode(bytes("$3\r\nOKK\r\n")),
    FrameError,
  );
  assertEquals(error.code, "too-large");
});

test("prefixed() without 'write' needs keepHeader", () => {
  assertThrows(
    () => prefixed(RESP as Prefix),
    TypeError,
    "no 'write' method: add one, or set 'keepHeader'",
  );
});

test("prefixed() rejects a payload whose prefix read() understands differently", () => {
  const careless: Prefix = {
    ...DIGITS,
    write: (length) => bytes(`${length + 1}.`),
  };
  const encoder = prefixed(careless).encoder();
  const error = assertThrows(
    () => encoder.encode(new Uint8Array(3)),
    FrameError,
    "for its length 3, but read() returned [2,4]",
  );
  assertEquals(error.code, "bad-payload");
});
