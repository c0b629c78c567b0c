import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  chunked,
  delimited,
  doneFlag,
  FrameError,
  fullPartContinues,
  u16be,
} from "@lengthwise/lengthwise/framing";
import type { ChunkedOptions, SplitRule } from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const DONE = doneFlag({ partLength: 4 });
const FULL = fullPartContinues({ partLength: 4 });
const BYTES = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

function read(hex: string, options: ChunkedOptions = {}) {
  const decoder = chunked(u16be(), DONE, { maxFrameLength: 12, ...options })
    .decoder();
  decoder.push(Uint8Array.fromHex(hex));
  const frames: string[] = [];
  for (let frame; (frame = decoder.next());) frames.push(frame.toHex());
  return { frames, decoder };
}

function codeOf(step: () => unknown): string {
  return assertThrows(step, FrameError).code;
}

test("fullPartContinues() ends a multiple of the part length with an empty part", () => {
  const encoder = chunked(u16be(), FULL, { maxFrameLength: 12 }).encoder();
  const lengths = (payload: Uint8Array) => encoder.encode(payload).toHex();
  assertEquals(lengths(BYTES.subarray(0, 0)), "0000");
  assertEquals(lengths(BYTES.subarray(0, 3)), "0003010203");
  assertEquals(lengths(BYTES.subarray(0, 4)), "0004010203040000");
  assertEquals(lengths(BYTES.subarray(0, 5)), "000401020304000105");
  assertEquals(
    lengths(BYTES.subarray(0, 8)),
    "00040102030400040506070800" + "00",
  );
});

test("doneFlag() sets its bit only in the last part", () => {
  const encoder = chunked(u16be(), DONE, { maxFrameLength: 12 }).encoder();
  assertEquals(encoder.encode(BYTES.subarray(0, 0)).toHex(), "000101");
  assertEquals(encoder.encode(BYTES.subarray(0, 4)).toHex(), "00050101020304");
  assertEquals(
    encoder.encode(BYTES.subarray(0, 5)).toHex(),
    "00050001020304" + "00020105",
  );
});

test("chunked() ignores unknown flags", () => {
  assertEquals(read("0002fe61" + "0002ff62").frames, ["6162"]);
});

test("chunked() rejects a part that is shorter than its own header", () => {
  assertEquals(codeOf(() => read("0000")), "bad-header");
  assertEquals(codeOf(() => read("00020061" + "0000")), "bad-header");
});

test("chunked() limits the parts and the bytes of a message", () => {
  const parts = { maxParts: 3 };
  assertEquals(read("000100" + "000100" + "00020161", parts).frames, ["61"]);
  assertEquals(codeOf(() => read("000100".repeat(4), parts)), "too-many-parts");
  assertEquals(
    codeOf(() => read("00060061616161" + "61", { maxFrameLength: 4 })),
    "too-large",
  );
});

test("chunked() skips a message up to its last part", () => {
  const skip = { maxFrameLength: 2, maxParts: 9, onTooLarge: "skip" } as const;
  const { frames, decoder } = read(
    "00020161" + "00030061610002006100020161" + "000401626262" + "00020163",
    skip,
  );
  assertEquals(frames, ["61", "63"]);
  assertEquals([decoder.skipped, decoder.pending], [2, 0]);
  decoder.push(Uint8Array.fromHex("00040062626200"));
  assertEquals([decoder.next(), decoder.pending], [undefined, 7]);
  assertEquals(decoder.skipped, 3);
});

test("rest() of chunked() returns the parts of an incomplete message", () => {
  const wire = "00020061" + "000100" + "00030062";
  const { decoder } = read(wire);
  assertEquals(decoder.rest().toHex(), wire);
  assertEquals(decoder.pending, 11);
  assertEquals(codeOf(() => decoder.end()), "truncated");
});

test("pending of chunked() begins after the last whole message, in one part or several", () => {
  const one = "00020161";
  const two = "00020062" + "00020163";
  for (const before of ["", one, two, one + two, two + one, two + two]) {
    const { decoder } = read(before + "00030061" + "62");
    assertEquals(decoder.pending, 5);
    assertEquals(decoder.rest().toHex(), "0003006162");
    assertEquals(read(before).decoder.pending, 0);
  }
});

test("chunked() keeps a part for rest() if its rule throws", () => {
  const fail = () => {
    throw new Error("The rule failed");
  };
  for (
    const [before, method] of [
      ...[["", "isLast"], ["00020061", "isLast"], ["00020061", "follows"]],
    ] as const
  ) {
    let fails = false;
    const rule: SplitRule = {
      ...DONE,
      isLast: (part) =>
        method === "isLast" && fails ? fail() : DONE.isLast(part),
      follows: () => method !== "follows" || fail(),
    };
    const decoder = chunked(u16be(), rule).decoder();
    decoder.push(Uint8Array.fromHex(before));
    assertEquals(decoder.next(), undefined);
    decoder.push(Uint8Array.fromHex("00020162" + "00020163"));
    fails = true;
    const error = assertThrows(() => decoder.next(), FrameError);
    assertEquals(error.code, "bad-header");
    assertStringIncludes(error.message, "The rule failed");
    // The next call did not fail: it returned the rest of the message.
    assertEquals(assertThrows(() => decoder.next()), error);
    assertEquals(assertThrows(() => decoder.end()), error);
    assertEquals(decoder.rest().toHex(), before + "00020162" + "00020163");
  }
});

test("end() of chunked() throws between the parts of a message", () => {
  const { decoder } = read("00020061");
  const error = assertThrows(
    () => decoder.end(),
    FrameError,
    "after 1 of its parts",
  );
  assertEquals([error.code, error.frameIndex], ["truncated", 0]);
  assertEquals(assertThrows(() => decoder.next()), error);
});

/** A rule that keeps its header: flags, of which bit 7 means "more follows". */
const MORE: SplitRule = {
  ...{ headerLength: 1, keepHeader: true, partLength: 3, fullContinues: false },
  isLast: (part) => part[0]! < 128,
  writeHeader: (header, [flags = 0], _, last) => {
    header[0] = (flags & 127) | (last ? 0 : 128);
  },
};

test("chunked() lets a rule write the header of a message in one part, too", () => {
  const encoder = chunked(u16be(), MORE, { maxFrameLength: 9 }).encoder();
  for (const header of ["05", "85"]) {
    const encode = (data: string) =>
      encoder.encode(Uint8Array.fromHex(header + data)).toHex();
    assertEquals(encode("6161"), "0003" + "05" + "6161");
    assertEquals(
      encode("61616162"),
      "0004" + "85" + "616161" + "0002" + "05" + "62",
    );
  }
});

test("chunked() rejects a message whose parts a rule understands differently", () => {
  const forgetful = { ...MORE, writeHeader: () => {} };
  const strict = { ...MORE, follows: () => false };
  for (const rule of [forgetful, strict]) {
    const encoder = chunked(u16be(), rule, { maxFrameLength: 9 }).encoder();
    assertEquals(encoder.encode(new Uint8Array(3)).length, 5);
    const error = assertThrows(
      () => encoder.encode(new Uint8Array(8)),
      FrameError,
      rule === strict ? "part 1 does not follow" : "part 0 is the last one",
    );
    assertEquals(error.code, "bad-payload");
  }
});

test("end() of chunked() completes a message if it completes the last part", () => {
  const inner = delimited(["\r\n", "\r"], { maxFrameLength: 9 });
  const make = (wire: string) => {
    const decoder = chunked(inner, DONE, { maxFrameLength: 12 }).decoder();
    decoder.push(new TextEncoder().encode(wire));
    assertEquals(decoder.next(), undefined);
    decoder.end();
    return decoder;
  };
  const whole = make("\0a\r\n" + "\x01b\r");
  assertEquals(new TextDecoder().decode(whole.next()), "ab");
  assertEquals([whole.next(), whole.rest().length], [undefined, 0]);

  const cut = make("\0a\r\n" + "\0b\r");
  const error = assertThrows(() => cut.next(), FrameError);
  assertEquals(error.code, "truncated");
  assertEquals(assertThrows(() => cut.end()), error);
});

test("chunked() does not join a message around a part that the inner framing skipped", () => {
  const inner = u16be({ maxFrameLength: 5, onTooLarge: "skip" });
  const decoder = chunked(inner, DONE, { maxFrameLength: 12 }).decoder();
  decoder.push(
    Uint8Array.fromHex("00020061" + "0006006161616161" + "00020162"),
  );
  assertEquals(codeOf(() => decoder.next()), "too-large");
});

test("chunked() checks the sequence of parts if the rule has one", () => {
  const rule = fullPartContinues({ partLength: 2, sequence: true });
  const framing = chunked(u16be(), rule, { maxFrameLength: 9 });
  const wire = framing.encoder().encode(new Uint8Array([255, 1, 2, 3]));
  assertEquals(wire.toHex(), "0003ff0102" + "00020003");
  const decoder = framing.decoder();
  decoder.push(wire);
  assertEquals(decoder.next()?.toHex(), "ff010203");
  decoder.push(Uint8Array.fromHex("0003070102" + "00020903"));
  assertEquals(codeOf(() => decoder.next()), "bad-header");
});

test("maxFrameLength of chunked() can change between messages", () => {
  const { decoder } = read("00020161");
  decoder.maxFrameLength = 1;
  decoder.push(Uint8Array.fromHex("0003016161"));
  assertEquals(codeOf(() => decoder.next()), "too-large");
  assertThrows(() => decoder.maxFrameLength = -1, RangeError);
});

test("maxFrameLength of chunked() raises the limit of the parts too", () => {
  const inner = u16be({ maxFrameLength: 3 });
  const framing = chunked(inner, DONE, { maxFrameLength: 2 });
  const decoder = framing.decoder();
  decoder.maxFrameLength = 9;
  decoder.push(Uint8Array.fromHex("00050001020304" + "00020105"));
  assertEquals(decoder.next()?.toHex(), "0102030405");
  assertEquals(framing.maxFrameLength, 2);
});

test("chunked() rejects limits that the inner framing cannot carry", () => {
  const small = u16be({ maxFrameLength: 4 });
  assertThrows(
    () => chunked(small, DONE),
    RangeError,
    "parts of 4 data bytes and 1 header bytes in frames of at most 4 bytes",
  );
  assertThrows(() => chunked(u16be(), DONE, { maxParts: 0 }), RangeError);
  assertThrows(
    () => chunked(u16be(), DONE, { maxParts: 2, maxFrameLength: 9 }),
    RangeError,
    "can carry 0 to 8",
  );
  assertThrows(() => fullPartContinues({ partLength: 0 }), RangeError);
  assertThrows(() => doneFlag({ bit: 256 }), RangeError);
  assertThrows(() => doneFlag({ partLength: 0 }), RangeError);
});

test("rest() of chunked() returns the invalid part and the bytes after it", () => {
  const wire = "00020061" + "000700626262626262" + "0003";
  const decoder = chunked(u16be(), DONE, { maxFrameLength: 4 }).decoder();
  decoder.push(Uint8Array.fromHex(wire));
  const error = assertThrows(() => decoder.next(), FrameError);
  assertEquals(error.code, "too-large");
  assertEquals(error.head.toHex(), "00626262626262");
  for (let i = 0; i < 2; i++) assertEquals(decoder.rest().toHex(), wire);

  // A part that the inner framing rejects is in that framing's rest().
  const inner = chunked(u16be({ maxFrameLength: 5 }), DONE, {
    maxFrameLength: 4,
  }).decoder();
  inner.push(Uint8Array.fromHex("00020061" + "0009"));
  assertThrows(() => inner.next(), FrameError);
  assertEquals(inner.rest().toHex(), "00020061" + "0009");
});
