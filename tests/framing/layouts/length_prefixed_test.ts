import { assertEquals, assertThrows } from "@std/assert";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import type { LengthRule } from "@lengthwise/lengthwise/types";
import {
  type FrameDecoder,
  FrameError,
  lengthPrefixed,
  type LengthPrefixedOptions,
  u64be,
  u64le,
} from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function hex(decoder: FrameDecoder, bytes: string): string[] {
  decoder.push(Uint8Array.fromHex(bytes));
  const frames: string[] = [];
  for (let frame; (frame = decoder.next());) frames.push(frame.toHex());
  return frames;
}

function codeOf(step: () => unknown): string {
  return assertThrows(step, FrameError).code;
}

const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8];
const ENDIANS = ["big", "little"] as const;

test("lengthPrefixed() has the same limit in both directions for each width, byte order and count", () => {
  for (const width of WIDTHS) {
    for (const endian of ENDIANS) {
      for (const counts of ["payload", "afterField", "wholeFrame"] as const) {
        const limit = width === 1 ? 200 : 300;
        const framing = lengthPrefixed({
          ...{ width, endian, counts, maxFrameLength: limit },
        });
        const wire = framing.encoder().encode(new Uint8Array(limit));
        const decoder = framing.decoder();
        assertEquals(hex(decoder, wire.toHex()).length, 1);
        decoder.end();
        assertEquals(
          codeOf(() => framing.encoder().encode(new Uint8Array(limit + 1))),
          "too-large",
        );
        decoder.maxFrameLength = limit - 1;
        assertEquals(codeOf(() => hex(decoder, wire.toHex())), "too-large");
      }
    }
  }
});

test("lengthPrefixed() accepts limits up to what the field can hold and rejects more", () => {
  for (const [width, most] of [[1, 255], [2, 65_535], [3, 2 ** 24 - 1]]) {
    assertEquals(
      lengthPrefixed({ width: width!, maxFrameLength: most! }).maxFrameLength,
      most,
    );
    assertThrows(
      () => lengthPrefixed({ width: width!, maxFrameLength: most! + 1 }),
      RangeError,
      "Cannot set 'maxFrameLength' as this layout can carry 0 to",
    );
  }
  // The default is capped instead of rejected.
  assertEquals(lengthPrefixed({ width: 1 }).maxFrameLength, 255);
  assertEquals(lengthPrefixed({ width: 2 }).maxFrameLength, 65_535);
  assertEquals(lengthPrefixed({ width: 4 }).maxFrameLength, 4 * 1024 * 1024);
  // Bytes that the field counts besides the payload reduce the maximum payload.
  assertEquals(
    lengthPrefixed({ width: 1, counts: "wholeFrame" }).maxFrameLength,
    254,
  );
  assertEquals(
    lengthPrefixed({ width: 1, counts: "afterField", headerLength: 4 })
      .maxFrameLength,
    252,
  );
});

test("lengthPrefixed() reads lengths as unsigned and rejects 2^53 or more", () => {
  const most = Number.MAX_SAFE_INTEGER - 8;
  const decoder = lengthPrefixed({ width: 4, maxFrameLength: 2 ** 32 - 1 })
    .decoder();
  assertEquals(hex(decoder, "ffffffff"), []);
  for (const onTooLarge of ["close", "skip"] as const) {
    for (
      const field of [
        "0020000000000000",
        "8000000000000000",
        "ffffffffffffffff",
      ]
    ) {
      const framing = lengthPrefixed({
        ...{ width: 8, maxFrameLength: most, onTooLarge },
      });
      assertEquals(codeOf(() => hex(framing.decoder(), field)), "too-large");
    }
  }
  assertEquals(
    hex(
      lengthPrefixed({ width: 8, maxFrameLength: most }).decoder(),
      "001ffffffffffff7",
    ),
    [],
  );
});

test("u64be() and u64le() read every byte of a length", () => {
  for (const [make, little] of [[u64be, false], [u64le, true]] as const) {
    for (let at = 0; at < 8; at++) {
      for (const value of [1, 0x80]) {
        const field = new Uint8Array(8);
        field[little ? 7 - at : at] = value;
        const declared = value * 256 ** (7 - at);
        const wire = new Uint8Array([...field, 1, 2, 3]);
        const decoder = make().decoder();
        decoder.push(wire);
        if (declared > make().maxFrameLength) {
          const error = assertThrows(() => decoder.next(), FrameError);
          assertEquals(error.code, "too-large", `${field}`);
        } else {
          const frame = decoder.next();
          assertEquals(frame?.length, declared === 1 ? 1 : undefined);
          assertEquals(decoder.pending, declared === 1 ? 2 : 11);
        }
      }
    }
  }
});

test("lengthPrefixed() does not read a length of 2^31 or more as negative", () => {
  // 5 + 0xffffffff wraps to 4 in 32 bits, which would be an empty frame.
  const framing = lengthPrefixed({ adjustment: 1 });
  assertEquals(codeOf(() => hex(framing.decoder(), "ffffffff00")), "too-large");
});

test("lengthPrefixed() with strip 0 keeps the header and writes the length into it", () => {
  const framing = lengthPrefixed({ offset: 1, adjustment: -4, strip: 0 });
  const wire = framing.encoder().encode(Uint8Array.fromHex("51eeeeeeee6100"));
  assertEquals(wire.toHex(), "51000000066100");
  assertEquals(hex(framing.decoder(), wire.toHex()), ["51000000066100"]);
  const { inPlace } = framing.encoder();
  assertEquals([inPlace?.headroom, inPlace?.tailroom], [0, 0]);
  assertEquals(
    codeOf(() => framing.encoder().encode(new Uint8Array(4))),
    "too-short",
  );
});

test("lengthPrefixed() overwrites every byte of a header", () => {
  const { inPlace } = lengthPrefixed({
    ...{ offset: 2, width: 2, headerLength: 6 },
    magic: new Uint8Array([0xca]),
    trailer: new Uint8Array([0xce]),
  }).encoder();
  const target = new Uint8Array(18).fill(0xff);
  let end = 0;
  for (const byte of [1, 2]) {
    target[end + 6] = byte;
    target[end + 7] = byte;
    end = inPlace!.seal(target, end, end + 8);
  }
  assertEquals(target.toHex(), "ca00000200000101ce" + "ca00000200000202ce");
});

test("seal() of lengthPrefixed() writes its field alone, and nothing past the target", () => {
  for (const width of WIDTHS) {
    for (const endian of ENDIANS) {
      for (const keepHeader of [false, true]) {
        const encoder = lengthPrefixed({ width, endian, offset: 1, keepHeader })
          .encoder();
        const { headroom, seal } = encoder.inPlace!;
        const payload = new Uint8Array(20 - headroom).fill(7);
        const wire = encoder.encode(payload);
        assertEquals(wire[0], keepHeader ? 7 : 0);
        const target = new Uint8Array(22).fill(9);
        target.set(payload, 1 + headroom);
        assertEquals(seal.call(encoder.inPlace, target, 1, 21), 21);
        assertEquals(target, Uint8Array.of(9, ...wire, 9));
        const short = target.subarray(0, 20);
        assertThrows(
          () => seal.call(encoder.inPlace, short, 1, 21),
          RangeError,
          "Cannot encode 20 bytes at offset 1: the target has 20 bytes",
        );
      }
    }
  }
});

test("lengthPrefixed() requires its magic at the start and its trailer at the end", () => {
  const framing = lengthPrefixed({
    offset: 2,
    width: 1,
    magic: new Uint8Array([0xca, 0xfe]),
    trailer: new Uint8Array([0xce]),
  });
  const decoder = framing.decoder();
  assertEquals(hex(decoder, "cafe0161ce"), ["61"]);
  assertEquals(codeOf(() => hex(framing.decoder(), "cb")), "bad-magic");
  const slow = framing.decoder();
  assertEquals(hex(slow, "ca"), []);
  assertEquals(codeOf(() => hex(slow, "ff")), "bad-magic");
  assertEquals(
    codeOf(() => hex(framing.decoder(), "cafe016100")),
    "bad-terminator",
  );
});

test("lengthPrefixed() accepts a custom rule for lengths", () => {
  const framing = lengthPrefixed({
    width: 1,
    headerLength: 2,
    rule: {
      decode: (header, value) => (header[1]! + 1) * (value + 2),
      encode: (whole) => whole - 2,
    },
  });
  assertEquals(hex(framing.decoder(), "0100aa" + "0101bbbbbbbb"), [
    "aa",
    "bbbbbbbb",
  ]);
  const encoder = framing.encoder();
  assertEquals(encoder.encode(new Uint8Array([7])).toHex(), "010007");
  const error = assertThrows(
    () => encoder.encode(new Uint8Array(300)),
    FrameError,
    "expected an integer that fits in 1 byte(s)",
  );
  assertEquals(error.code, "bad-payload");
  const odd = lengthPrefixed({
    width: 1,
    rule: { decode: (_, value) => value / 2, encode: (whole) => whole * 2 },
  });
  assertEquals(codeOf(() => hex(odd.decoder(), "05")), "bad-length");
});

test("lengthPrefixed() ends the stream if a rule throws or returns no number", () => {
  const fail = () => {
    throw new Error("The rule failed");
  };
  // @ts-expect-error -- digits, not a number
  const digits: LengthRule = { encode: (whole) => whole, decode: () => "3" };
  for (
    const [rule, code] of [
      [{ encode: (whole) => whole, decode: fail }, "bad-header"],
      [digits, "bad-length"],
    ] as const satisfies [LengthRule, string][]
  ) {
    const framing = lengthPrefixed({ width: 1, rule });
    const decoder = framing.decoder();
    decoder.push(Uint8Array.of(3, 1, 2));
    const error = assertThrows(() => decoder.next(), FrameError);
    assertEquals(error.code, code);
    // end() succeeded, as if nothing had been lost.
    assertEquals(assertThrows(() => decoder.end()), error);
    assertEquals(decoder.rest(), Uint8Array.of(3, 1, 2));
    assertEquals(
      codeOf(() => framing.encoder().encode(new Uint8Array(2))),
      "bad-payload",
    );
  }
});

/** FastCGI: the length excludes the header and the padding, which it names. */
const FASTCGI = {
  ...{ width: 2, offset: 4, headerLength: 8 },
  rule: {
    decode: (header: Uint8Array, value: number) => 8 + value + header[6]!,
    encode: (length: number, header: Uint8Array) => length - 8 - header[6]!,
  },
};

test("lengthPrefixed() passes the header to a rule that encodes", () => {
  const record = Uint8Array.fromHex("01060001000203006162000000");
  const framing = lengthPrefixed({ ...FASTCGI, keepHeader: true });
  const wrong = record.slice();
  wrong.set([9, 9], 4); // the encoder writes the length
  for (const frame of [record, wrong]) {
    assertEquals(framing.encoder().encode(frame), record);
    const { inPlace } = framing.encoder();
    const target = frame.slice();
    assertEquals(inPlace!.seal(target, 0, 13), 13);
    assertEquals(target, record);
  }
  assertEquals(hex(framing.decoder(), record.toHex()), [record.toHex()]);
  checkFraming(
    (options) => lengthPrefixed({ ...FASTCGI, ...options, keepHeader: true }),
    [record, Uint8Array.fromHex("0106000100000000")],
  );
});

test("lengthPrefixed() shows a rule zeros and magic if the header is stripped", () => {
  const headers: string[] = [];
  const encoder = lengthPrefixed({
    ...FASTCGI,
    magic: new Uint8Array([1]),
    rule: {
      ...FASTCGI.rule,
      encode(length, header) {
        headers.push(header.toHex());
        return FASTCGI.rule.encode(length, header);
      },
    },
  }).encoder();
  const target = new Uint8Array(20).fill(0xee);
  assertEquals(encoder.encodeInto(new Uint8Array(2), target, 0), 10);
  assertEquals(encoder.encodeHeader!(2, target.fill(0xee), 0), 8);
  assertEquals(target.subarray(0, 8).toHex(), "0100000000020000");
  for (const header of headers) {
    assertEquals(header.slice(0, 8) + header.slice(12), "010000000000");
  }
});

test("encodeHeader() is absent if a rule reads header bytes of the payload", () => {
  const some = lengthPrefixed({ ...FASTCGI, strip: 6 });
  assertEquals(some.encoder().encodeHeader, undefined);
  const frame = Uint8Array.fromHex("0300" + "6162" + "000000");
  assertEquals(
    some.encoder().encode(frame).toHex(),
    "000000000002" + "0300" + "6162" + "000000",
  );
});

test("lengthPrefixed() rejects a frame whose length a rule decodes differently", () => {
  const record = Uint8Array.fromHex("01060001000203006162000000");
  const careless = lengthPrefixed({
    ...{ ...FASTCGI, keepHeader: true },
    rule: { ...FASTCGI.rule, encode: (length) => length - 8 },
  });
  const error = assertThrows(
    () => careless.encoder().encode(record),
    FrameError,
    "as 5, but decodes 5 as a frame of 16 bytes",
  );
  assertEquals(error.code, "bad-payload");
  // More padding than bytes.
  const framing = lengthPrefixed({ ...FASTCGI, keepHeader: true });
  record[6] = 6;
  assertEquals(codeOf(() => framing.encoder().encode(record)), "bad-payload");
});

test("lengthPrefixed() with keepHeader keeps the header, as 'strip: 0' does", () => {
  const kept = lengthPrefixed({ width: 2, keepHeader: true });
  const zero = lengthPrefixed({ width: 2, strip: 0 });
  for (const framing of [kept, zero]) {
    assertEquals(hex(framing.decoder(), "000161"), ["000161"]);
    const wire = framing.encoder().encode(Uint8Array.fromHex("ffff61"));
    assertEquals(wire.toHex(), "000161");
  }
  const stripped = lengthPrefixed({ width: 2, keepHeader: false });
  assertEquals(hex(stripped.decoder(), "000161"), ["61"]);
});

test("lengthPrefixed() rejects a length that ends inside the header", () => {
  const framing = lengthPrefixed({ counts: "wholeFrame", onTooLarge: "skip" });
  const decoder = framing.decoder();
  assertEquals(hex(decoder, "0000000561"), ["61"]);
  const error = assertThrows(() => hex(decoder, "00000003"), FrameError);
  assertEquals([error.code, error.declared], ["bad-length", 3]);
});

test("lengthPrefixed() enforces the minimum length in both directions", () => {
  const framing = lengthPrefixed({ width: 1, minFrameLength: 2 });
  assertEquals(codeOf(() => hex(framing.decoder(), "0161")), "too-short");
  assertEquals(
    codeOf(() => framing.encoder().encode(new Uint8Array(1))),
    "too-short",
  );
  const skipping = lengthPrefixed({
    ...{ width: 1, minFrameLength: 2, onTooLarge: "skip" },
  }).decoder();
  assertEquals(hex(skipping, "0161" + "026162"), ["6162"]);
  assertEquals(skipping.skipped, 1);
});

test("maxFrameLength can change between frames and applies to lengths not yet known", () => {
  const decoder = lengthPrefixed({ width: 1, maxFrameLength: 4 }).decoder();
  assertEquals(hex(decoder, "0461"), []);
  decoder.maxFrameLength = 2;
  assertEquals(hex(decoder, "626364" + "0261"), ["61626364"]);
  assertEquals(decoder.maxFrameLength, 2);
  decoder.maxFrameLength = 0;
  assertEquals(hex(decoder, "62" + "00"), ["6162", ""]);
  assertEquals(codeOf(() => hex(decoder, "0161")), "too-large");
  for (const value of [-1, 1.5, NaN, 256]) {
    assertThrows(() => decoder.maxFrameLength = value, RangeError);
  }
});

test("onTooLarge 'skip' returns the frames before and after the skipped one in the same turn", () => {
  const framing = lengthPrefixed({
    ...{ width: 1, maxFrameLength: 2, onTooLarge: "skip" },
  });
  const decoder = framing.decoder();
  assertEquals(hex(decoder, "0161" + "03626262" + "0163"), ["61", "63"]);
  assertEquals(decoder.skipped, 1);
  assertEquals(hex(decoder, "0a62"), []);
  assertEquals([decoder.pending, decoder.skipped], [2, 2]);
  assertEquals(decoder.rest().length, 0);
  const error = assertThrows(() => decoder.end(), FrameError);
  assertEquals([error.code, error.frameIndex, error.streamOffset], [
    "truncated",
    3,
    8,
  ]);
});

test("encodeInto() accepts a payload that overlaps the header in the target", () => {
  const encoder = lengthPrefixed({ width: 2 }).encoder();
  const target = Uint8Array.fromHex("0102030405ff");
  const end = encoder.encodeInto(target.subarray(1, 4), target, 0);
  assertEquals(target.subarray(0, end).toHex(), "0003020304");
});

const REFUSED: [
  LengthPrefixedOptions,
  typeof RangeError | typeof TypeError,
  string,
][] = [
  [{ width: 0 }, RangeError, "'width' must be an integer from 1 to 8"],
  [{ width: 9 }, RangeError, "current value is 9"],
  [{ width: 2.5 }, RangeError, "'width'"],
  [{ offset: -1 }, RangeError, "'offset'"],
  [{ headerLength: 3 }, RangeError, "'headerLength' must be an integer from 4"],
  [{ strip: -1 }, RangeError, "'strip'"],
  [{ strip: 0, keepHeader: true }, TypeError, "'keepHeader' and 'strip'"],
  [{ strip: 0, keepHeader: false }, TypeError, "'keepHeader' and 'strip'"],
  [{ magic: new Uint8Array(1) }, RangeError, "'magic.length'"],
  [{ maxFrameLength: -1 }, RangeError, "'maxFrameLength'"],
  [{ maxFrameLength: NaN }, RangeError, "'maxFrameLength'"],
  [{ maxFrameLength: 2, minFrameLength: 3 }, RangeError, "'minFrameLength'"],
  [{ offset: 2, strip: 0, maxFrameLength: 5 }, RangeError, "can carry 6 to"],
  [{ adjustment: 0.5 }, RangeError, "'adjustment'"],
  [{ endian: "middle" as "big" }, TypeError, "one of big, little"],
  [{ counts: "bits" as "payload" }, TypeError, "one of payload"],
  [{ onTooLarge: "drop" as "skip" }, TypeError, "one of close, skip"],
  [{ counts: "payload", adjustment: 1 }, TypeError, "Cannot combine"],
];

for (const [options, kind, message] of REFUSED) {
  test(`lengthPrefixed() rejects ${JSON.stringify(options)}`, () => {
    assertThrows(() => lengthPrefixed(options), kind, message);
  });
}
