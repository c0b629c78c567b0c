import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { FrameError, prefixed } from "@lengthwise/lengthwise/framing";
import type {
  Prefix,
  PrefixedOptions,
  PrefixLengths,
} from "@lengthwise/lengthwise/types";

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
    const wrong of [[-1, 1], [2, 1], [1.5, 1], [1, -1], [1, 0.5], [1, NaN]]
  ) {
    const decoder = prefixed({
      ...DIGITS,
      read: () => [wrong[0]!, wrong[1]!],
    }).decoder();
    decoder.push(new Uint8Array(1));
    const error = assertThrows(
      () => decoder.next(),
      FrameError,
      "expected integers, 0 to 1 and 0 or more",
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
  for (const maxLength of [0, 2 ** 20 + 1, 1.5]) {
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
  assertThrows(() => empty.next(), FrameError, "an empty frame");
});

test("prefixed() with keepHeader rejects a frame whose length is wrong", () => {
  const encoder = prefixed(RESP, { keepHeader: true }).encoder();
  for (const wrong of ["$2\r\nO\r\n", "$2\r\nOKK\r\n", "+OK", "", "$x\r\n"]) {
    const error = assertThrows(() => encoder.encode(bytes(wrong)), FrameError);
    assertEquals(error.code, wrong === "" ? "too-short" : "bad-payload");
  }
  const messages: readonly [wrong: string, message: string][] = [
    ["+A\r\n+BC\r\n", "begins with a frame of 4 bytes, but has 9"],
    ["$9\r\nOK\r\n", "announces a frame of 15 bytes, but it has 8"],
    ["PING", "4 bytes of an incomplete frame"],
  ];
  for (const [wrong, message] of messages) {
    assertThrows(() => encoder.encode(bytes(wrong)), FrameError, message);
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
  // The payload's length is right, that of the prefix is not.
  const short: Prefix = { ...DIGITS, read: () => [1, 3] };
  assertThrows(
    () => prefixed(short).encoder().encode(new Uint8Array(3)),
    FrameError,
    "but read() returned [1,3]",
  );
  const strict: Prefix = {
    ...DIGITS,
    read: () => {
      throw new Error("not a length");
    },
  };
  assertThrows(
    () => prefixed(strict).encoder().encode(new Uint8Array(3)),
    FrameError,
    "read() throws for the prefix",
  );
  // The decoder passes one byte to read(), and rejects what the encoder writes.
  const long: Prefix = {
    maxLength: 1,
    read: (bytes) => bytes.length < 2 ? undefined : [2, bytes[1]!],
    write: (length) => Uint8Array.of(0, length),
  };
  assertThrows(
    () => prefixed(long).encoder().encode(new Uint8Array(3)),
    FrameError,
    "a prefix of 2 bytes",
  );
});

test("prefixed() rejects a range of trailers that is not valid", () => {
  for (const maxTrailerLength of [-1, 1.5, NaN]) {
    assertThrows(() => prefixed({ ...DIGITS, maxTrailerLength }), RangeError);
  }
});

/** A line with the length, then the payload and CR LF. */
const LINE: Prefix = {
  ...{ maxLength: 8, maxPayloadLength: 99_999, maxTrailerLength: 2 },
  read(bytes, seen) {
    const end = bytes.indexOf(10, seen) + 1;
    if (end === 0) return undefined;
    const digits = new TextDecoder().decode(bytes.subarray(0, end - 1));
    return [end, Number(digits), "\r\n"];
  },
  write: (length) => bytes(`${length}\n`),
};

test("prefixed() writes and removes trailers", () => {
  const encoder = prefixed(LINE).encoder();
  assertEquals(encoder.encode(bytes("hey")), bytes("3\nhey\r\n"));
  assertEquals([encoder.inPlace!.tailroom, encoder.encodeHeader], [
    2,
    undefined,
  ]);
  checkFraming((options) => prefixed(LINE, options), [
    bytes("hey"),
    bytes(""),
    bytes("\r\n".repeat(60)),
  ]);
  const decoder = prefixed(LINE).decoder();
  decoder.push(bytes("1\na\r\n1\nb\n\n"));
  assertEquals(decoder.next(), bytes("a"));
  const error = assertThrows(() => decoder.next(), FrameError);
  assertEquals([error.code, error.frameIndex], ["bad-terminator", 1]);
});

test("prefixed() fills a trailer of any value with zeros", () => {
  const padded: Prefix = {
    ...LINE,
    maxTrailerLength: 7,
    read(bytes, seen) {
      const lengths = LINE.read(bytes, seen);
      return lengths && [lengths[0], lengths[1], (8 - lengths[1]! % 8) % 8];
    },
  };
  const encoder = prefixed(padded).encoder();
  const target = new Uint8Array(20).fill(9);
  assertEquals(encoder.encodeInto(bytes("hey"), target, 1), 11);
  assertEquals(
    target.subarray(0, 12),
    Uint8Array.of(
      ...[9, 0x33, 10, ...bytes("hey"), 0, 0, 0, 0, 0, 9],
    ),
  );
  checkFraming((options) => prefixed(padded, options), [
    bytes("hey"),
    new Uint8Array(0),
    new Uint8Array(64).fill(7),
  ]);
});

test("prefixed() ends a payload at its trailer", () => {
  /** STX, text, ETX. */
  const text: Prefix = {
    ...{ maxLength: 1, maxTrailerLength: 1 },
    read: () => [1, undefined, Uint8Array.of(3)],
    write: () => Uint8Array.of(2),
  };
  const encoder = prefixed(text).encoder();
  assertEquals(encoder.encode(bytes("hi")), bytes("\x02hi\x03"));
  assertThrows(() => encoder.encode(bytes("h\x03i")), FrameError, "trailer");
  checkFraming((options) => prefixed(text, options), [
    bytes("hey"),
    bytes(""),
    bytes("x".repeat(120)),
  ]);
  const line: Prefix = {
    ...{ maxLength: 1, maxTrailerLength: 2 },
    read: () => [0, undefined, "\r\n"],
    write: () => new Uint8Array(0),
  };
  checkFraming((options) => prefixed(line, options), [
    bytes("hey"),
    bytes(""),
    bytes("x".repeat(120) + "\r"),
  ]);
});

test("prefixed() rejects trailers that are too long or that no search can find", () => {
  const cases: [string, PrefixLengths][] = [
    ["a trailer of 3 bytes; 'maxTrailerLength' allows 2", [1, 0, "abc"]],
    ["a trailer of 3 bytes; 'maxTrailerLength' allows 2", [1, 0, 3]],
    ["a trailer of -1 bytes", [1, 0, -1]],
    ["a trailer of 0.5 bytes", [1, 0, 0.5]],
    ["a trailer of NaN bytes", [1, 0, NaN]],
    ["neither the length of its payload nor", [1, undefined]],
    ["neither the length of its payload nor", [1, undefined, 1]],
    ["neither the length of its payload nor", [1, undefined, ""]],
    ["an empty frame", [0, 0]],
    // @ts-expect-error -- not lengths
    ["read() returned null; expected an array", null],
    // @ts-expect-error -- not a trailer
    ["a trailer that is not text, bytes or a number", [1, 0, null]],
  ];
  for (const [message, lengths] of cases) {
    const write = () => new Uint8Array(lengths?.[0] ?? 0);
    const framing = prefixed({ ...LINE, read: () => lengths, write });
    assertThrows(
      () => framing.encoder().encodeInto(bytes(""), new Uint8Array(99), 0),
      FrameError,
      message,
    );
    const decoder = framing.decoder();
    decoder.push(bytes("12345678"));
    const error = assertThrows(() => decoder.next(), FrameError, message);
    assertEquals(error.code, "bad-prefix");
  }
  // The encoder wrote no trailer, and the decoder rejected its frames.
  const { maxTrailerLength: _, ...noTrailer } = LINE;
  assertThrows(
    () => prefixed(noTrailer).encoder().encode(bytes("hey")),
    FrameError,
    "a trailer of 2 bytes; 'maxTrailerLength' allows 0",
  );
  const kept = prefixed({ maxLength: 1, read: () => [1, 0, 2000] }, {
    keepHeader: true,
  }).decoder();
  kept.push(new Uint8Array(2001));
  assertEquals(kept.next()?.length, 2001);
});

test("prefixed() notices a trailer that read() has changed", () => {
  const trailer = bytes("1");
  const decoder = prefixed({
    ...{ maxLength: 1, maxTrailerLength: 1 },
    read: () => [0, undefined, trailer],
    write: () => new Uint8Array(0),
  }).decoder();
  decoder.push(bytes("a1b2"));
  assertEquals(decoder.next(), bytes("a"));
  trailer[0] = 0x32;
  assertEquals(decoder.next(), bytes("b"));
});

test("prefixed() passes read() the number of bytes it has seen", () => {
  const calls: [length: number, seen: number][] = [];
  const decoder = prefixed({
    maxLength: 4,
    read(bytes, seen) {
      calls.push([bytes.length, seen]);
      return bytes.length < 3 ? undefined : [3, 0];
    },
  }, { keepHeader: true }).decoder();
  for (const size of [1, 1, 5, 2]) {
    decoder.push(new Uint8Array(size));
    while (decoder.next() !== undefined);
  }
  assertEquals(calls, [[1, 0], [2, 1], [4, 2], [4, 0], [1, 0], [3, 1]]);
});

test("prefixed() writes the prefix that it has measured", () => {
  let calls = 0;
  const framing = prefixed({
    maxLength: 2,
    read: ([first, second]) => first === 0 ? [2, second!] : [1, first!],
    // Forms of different lengths, in turn.
    write: (length) =>
      Uint8Array.from(++calls % 2 === 0 ? [0, length] : [length]),
  });
  const encoder = framing.encoder();
  const decoder = framing.decoder();
  for (let frame = 0; frame < 4; frame++) {
    const before = calls;
    decoder.push(encoder.encode(bytes("abc")));
    assert(calls <= before + 1, "the prefix was written more than once");
    assertEquals(decoder.next(), bytes("abc"));
  }
});

test("prefixed() ends a payload at a trailer of 5,000 bytes that nearly matches", () => {
  const trailer = "a".repeat(4_999) + "b";
  const long: Prefix = {
    ...{ maxLength: 1, maxTrailerLength: 5_000 },
    read: () => [0, undefined, trailer],
    write: () => new Uint8Array(0),
  };
  const wire = prefixed(long).encoder().encode(bytes("a".repeat(9_000)));
  const decoder = prefixed(long).decoder();
  let frame: Uint8Array | undefined;
  for (const byte of wire) {
    assertEquals(frame, undefined);
    decoder.push(Uint8Array.of(byte));
    frame = decoder.next();
  }
  assertEquals(frame?.length, 9_000);
});

test("prefixed() rejects lengths and trailers of another type", () => {
  // JavaScript would join the digits of a length to the number before it.
  const wrong: unknown[][] = [
    ...[["1", 2], [1, "2"], [1, null], [1, true], [1, 2n], [null, 2]],
    ...[[1, 2, null], [1, 2, {}], [1, 2, true], [1, undefined, 3n]],
  ];
  for (const lengths of wrong) {
    const prefix = { maxLength: 4, read: () => lengths as never };
    const decoder = prefixed(prefix, { keepHeader: true }).decoder();
    decoder.push(new Uint8Array(8));
    const error = assertThrows(() => decoder.next(), FrameError);
    assertEquals(error.code, "bad-prefix");
    assertThrows(() => decoder.next(), FrameError, error.message);
  }
});
