import { describeType } from "../../../lib/support/describe_type.ts";
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as framing from "@lengthwise/lengthwise/framing";
import * as presets from "@lengthwise/lengthwise/framing/presets";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import type {
  LengthRule,
  Prefix,
  SplitRule,
} from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const PREFIX: Prefix = {
  maxLength: 1,
  maxPayloadLength: 255,
  read: ([length]) => [1, length!],
  write: (length) => Uint8Array.of(length),
};

// deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
type Make = (options: any) => unknown;

const {
  decodeModifiedUtf8: _decode, // these two convert text, and take no options
  encodeModifiedUtf8: _encode,
  ...framings
} = presets;

/** All functions that take options, by name. */
const MAKERS: Record<string, Make> = {
  ...framings,
  linePrefix: (options) => presets.linePrefix(() => undefined, options),
  lsp: undefined as unknown as Make, // reported as contentLength()
  u16be: framing.u16be,
  u16le: framing.u16le,
  u24be: framing.u24be,
  u24le: framing.u24le,
  u32be: framing.u32be,
  u32le: framing.u32le,
  u64be: framing.u64be,
  u64le: framing.u64le,
  varint: framing.varint,
  lengthPrefixed: framing.lengthPrefixed,
  varintPrefixed: framing.varintPrefixed,
  prefixed: (options) => framing.prefixed(PREFIX, options),
  delimited: (options) => framing.delimited("\n", options),
  lines: framing.lines,
  netstring: framing.netstring,
  contentLength: framing.contentLength,
  chunked: (options) =>
    framing.chunked(framing.u32be(), framing.doneFlag(), options),
  doneFlag: framing.doneFlag,
  fullPartContinues: framing.fullPartContinues,
  cobs: framing.cobs,
  slip: framing.slip,
  frames: (options) =>
    framing.frames(memoryPair()[0], framing.u32be(), options),
};
delete MAKERS.lsp;

for (const [name, make] of Object.entries(MAKERS)) {
  test(`${name}() rejects unknown options and options that are not an object`, () => {
    assertThrows(
      () => make({ maxFrameLenght: 10 }),
      TypeError,
      `Unknown option "maxFrameLenght" of ${name}()`,
    );
    for (const wrong of [1024, null, "skip"]) {
      assertThrows(
        () => make(wrong),
        TypeError,
        `Cannot use ${describeType(wrong)} as the options of ${name}()`,
      );
    }
  });
}

const NO_FRAMINGS = ["doneFlag", "fullPartContinues", "linePrefix", "frames"];

for (const [name, make] of Object.entries(MAKERS)) {
  if (NO_FRAMINGS.includes(name)) continue;
  test(`${name}() rejects values of options that are not valid`, () => {
    for (const onTooLarge of ["drop", "", null, true]) {
      const error = assertThrows(() => make({ onTooLarge }), TypeError);
      assertStringIncludes(error.message, "onTooLarge");
    }
    for (const maxFrameLength of [-1, 0.5, NaN, 2 ** 53, "9", null]) {
      const error = assertThrows(() => make({ maxFrameLength }), Error);
      assertStringIncludes(error.message, "maxFrameLength");
    }
  });
}

/** Longest frames of layouts whose length fields are narrow or signed. */
const LONGEST: Record<string, number> = {
  dnsTcp: 65_535,
  javaWriteUTF: 65_535,
  mongodb: 2 ** 31 - 1,
  mqtt: 128 ** 4 - 1 + 1,
  prefixed: 255,
  u16be: 65_535,
  u16le: 65_535,
  u24be: 2 ** 24 - 1,
  u24le: 2 ** 24 - 1,
  chunked: 1024 * 65_536,
  grpcMessage: 2 ** 32 - 1 + 5,
};

for (const [name, make] of Object.entries(MAKERS)) {
  if (NO_FRAMINGS.includes(name)) continue;
  test(`${name}() takes Infinity as the longest frame of its layout`, () => {
    // The maker of a framing returns one; `Make` also covers rules.
    const made = make({ maxFrameLength: Infinity }) as framing.Framing;
    const { maxFrameLength } = made;
    assert(Number.isSafeInteger(maxFrameLength));
    assert(maxFrameLength > (LONGEST[name] ?? 2 ** 29) - 1);
    if (name in LONGEST) assertEquals(maxFrameLength, LONGEST[name]);
    const later = make({}) as framing.Framing;
    for (const half of [later.decoder(), later.encoder()]) {
      half.maxFrameLength = Infinity;
      assertEquals(half.maxFrameLength, maxFrameLength);
    }
    assertThrows(() => make({ maxFrameLength: -Infinity }), RangeError);
  });
}

test("presets reject options of the layout that they would override", () => {
  const postgres: Make = presets.postgres;
  assertThrows(() => postgres({ offset: 2 }), TypeError, `"offset"`);
  assertThrows(() => postgres({ keepHeader: false }), TypeError, "keepHeader");
  const u32be: Make = framing.u32be;
  assertThrows(() => u32be({ width: 2 }), TypeError, `"width"`);
});

test("custom rules without a function are rejected when the framing is made", () => {
  const rule = { decode: () => 1 } as unknown as LengthRule;
  assertThrows(
    () => framing.lengthPrefixed({ rule }),
    TypeError,
    "'rule' has no function 'encode'",
  );
  assertThrows(
    () => framing.prefixed({ ...PREFIX, read: undefined as never }),
    TypeError,
    "'prefix' has no function 'read'",
  );
  const split = { ...framing.doneFlag(), isLast: 1 } as unknown as SplitRule;
  assertThrows(
    () => framing.chunked(framing.u16be(), split),
    TypeError,
    "'rule' has no function 'isLast'",
  );
  for (const given of [undefined, null, 5, {}]) {
    assertThrows(
      () => presets.linePrefix(given as never),
      TypeError,
      "Cannot make a prefix as 'payloadLength' must be a function: current value is ",
    );
  }
});

test("linePrefix() rejects values of options that are not valid", () => {
  const make: Make = (options) => presets.linePrefix(() => undefined, options);
  for (const newline of ["lf", "", null, true]) {
    assertThrows(() => make({ newline }), TypeError, "'newline'");
  }
  for (const maxLength of [-1, 0, 0.5, NaN, 2 ** 20 + 1, Infinity, "9", null]) {
    assertThrows(() => make({ maxLength }), RangeError, "'maxLength'");
  }
});
