/** Tests of a frame's memory and of the state after errors, for every decoder. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  chunked,
  cobs,
  contentLength,
  delimited,
  doneFlag,
  fixedLength,
  FrameError,
  type FrameErrorCode,
  type Framing,
  lengthPrefixed,
  lines,
  netstring,
  slip,
  u16be,
  u32be,
  varint,
} from "@lengthwise/lengthwise/framing";
import { FrameAssembler } from "../../../lib/framing/decode/frame_assembler.ts";
import { Layout } from "../../../lib/framing/decode/layout.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

const PAYLOAD = ascii("abcdefgh");
const FRAMINGS: Record<string, Framing> = {
  u32be: u32be(),
  "lengthPrefixed with a trailer": lengthPrefixed({ trailer: ascii("!") }),
  varint: varint(),
  delimited: delimited("\0"),
  lines: lines(),
  fixedLength: fixedLength(8),
  netstring: netstring(),
  contentLength: contentLength(),
  "cobs without zero bytes": cobs(),
  "slip without escapes": slip(),
  "chunked in one part": chunked(u16be(), doneFlag({ partLength: 99 })),
};

for (const [name, framing] of Object.entries(FRAMINGS)) {
  test(`next() of ${name} returns views of a chunk and copies frames that span chunks`, () => {
    const wire = framing.encoder().encode(PAYLOAD);
    const decoder = framing.decoder();
    const chunk = new Uint8Array([...wire, ...wire, ...wire.subarray(0, 3)]);
    decoder.push(chunk);
    for (let i = 0; i < 2; i++) {
      const frame = decoder.next()!;
      assertEquals(frame, PAYLOAD);
      assertEquals(frame.buffer, chunk.buffer);
    }
    assertEquals(decoder.next(), undefined);
    chunk.fill(0xff);
    const second = wire.slice(3);
    decoder.push(second);
    const frame = decoder.next()!;
    assertEquals(frame, PAYLOAD);
    assert(frame.buffer !== second.buffer);
    assertEquals(decoder.next(), undefined);
    decoder.end();
  });

  test(`next() of ${name} assembles frames in the same buffer every time`, () => {
    const wire = framing.encoder().encode(PAYLOAD);
    const decoder = framing.decoder();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 20; i++) {
      decoder.push(wire.slice(0, 5));
      assertEquals(decoder.next(), undefined);
      decoder.push(wire.slice(5));
      buffers.add(decoder.next()!.buffer);
    }
    assertEquals(buffers.size, 1);
  });
}

/** Error code, framing, a valid frame, and the invalid bytes after it. */
const FAULTS: [FrameErrorCode, Framing, string, string][] = [
  ["too-large", u16be({ maxFrameLength: 2 }), "00026161", "0003"],
  ["too-short", lengthPrefixed({ width: 1, minFrameLength: 1 }), "0161", "00"],
  [
    "bad-length",
    lengthPrefixed({ counts: "wholeFrame" }),
    "00000004",
    "00000001",
  ],
  [
    "bad-magic",
    lengthPrefixed({ offset: 1, width: 1, magic: ascii("M") }),
    "4d00",
    "4e",
  ],
  ["bad-terminator", netstring(), "313a612c", "313a613b"],
  ["bad-prefix", netstring(), "313a612c", "3030"],
  ["bad-prefix", varint(), "0161", "8000"],
  [
    "bad-header",
    contentLength(),
    "436f6e74656e742d4c656e6774683a300d0a0d0a",
    "780d0a0d0a",
  ],
  ["bad-encoding", cobs(), "026100", "056100"],
  ["bad-encoding", slip(), "61c0", "db61c0"],
  ["too-large", cobs({ maxFrameLength: 1 }), "026100", "0361626300"],
  ["too-large", slip({ maxFrameLength: 1 }), "61c0", "6162c0"],
  ["too-large", delimited("\n", { maxFrameLength: 1 }), "610a", "6161"],
  ["truncated", u32be(), "0000000161", "00000001"],
  ["truncated", lines(), "610a", "61"],
  ["truncated", fixedLength(2), "6161", "61"],
  [
    "too-large",
    chunked(u16be(), doneFlag({ partLength: 9 }), { maxFrameLength: 1 }),
    "00020161",
    "0003016161",
  ],
  [
    "too-many-parts",
    chunked(u16be(), doneFlag({ partLength: 9 }), {
      maxParts: 1,
      maxFrameLength: 9,
    }),
    "00020161",
    "000100" + "000100",
  ],
  [
    "bad-header",
    chunked(u16be(), doneFlag({ partLength: 9 })),
    "00020161",
    "0000",
  ],
];

for (const [code, framing, good, bad] of FAULTS) {
  for (const size of [1, 1000]) {
    test(`next() returns complete frames, then always throws '${code}' for ${bad}, in pieces of ${size}`, () => {
      const decoder = framing.decoder();
      const wire = Uint8Array.fromHex(good + bad);
      let frames = 0;
      const error = assertThrows(() => {
        for (let at = 0; at < wire.length; at += size) {
          decoder.push(wire.slice(at, at + size));
          while (decoder.next() !== undefined) frames++;
        }
        decoder.end();
      }, FrameError);
      assertEquals(error.code, code);
      assertEquals(frames, 1);
      assertEquals(error.frameIndex, 1);
      const { held } = decoder;
      for (let i = 0; i < 3; i++) {
        assertEquals(assertThrows(() => decoder.next()), error);
        assertEquals(assertThrows(() => decoder.end()), error);
        decoder.push(Uint8Array.fromHex(good));
      }
      assertEquals(decoder.held, held);
    });
  }
}

test("rest() returns the bytes from the invalid frame on", () => {
  const decoder = u16be({ maxFrameLength: 2 }).decoder();
  decoder.push(Uint8Array.fromHex("000161" + "00"));
  assertEquals(decoder.next(), ascii("a"));
  assertEquals(decoder.next(), undefined);
  decoder.push(Uint8Array.fromHex("ff6263"));
  decoder.push(Uint8Array.fromHex("64"));
  assertThrows(() => decoder.next(), FrameError);
  assertEquals(decoder.rest().toHex(), "00ff626364");
});

test("rest() returns the bytes of another protocol in the middle of a chunk", () => {
  const decoder = u16be().decoder();
  decoder.push(Uint8Array.fromHex("000161" + "160301"));
  decoder.push(Uint8Array.fromHex("0200"));
  assertEquals(decoder.next(), ascii("a"));
  assertEquals(decoder.rest().toHex(), "1603010200");
});

test("next() returns the frames that are left at end(), then throws", () => {
  const decoder = u16be().decoder();
  decoder.push(Uint8Array.fromHex("000161"));
  decoder.push(Uint8Array.fromHex("00026263" + "00"));
  assertEquals(decoder.pending, 8);
  decoder.end();
  assertEquals(decoder.next(), ascii("a"));
  assertEquals(decoder.next(), ascii("bc"));
  const error = assertThrows(() => decoder.next(), FrameError);
  assertEquals([error.code, error.streamOffset], ["truncated", 7]);
  assertEquals(assertThrows(() => decoder.end()), error);
  assertEquals(decoder.rest().toHex(), "00");
});

test("encode() returns frames that share no memory with the payload", () => {
  for (const framing of Object.values(FRAMINGS)) {
    const payload = PAYLOAD.slice();
    const wire = framing.encoder().encode(payload);
    const before = wire.toHex();
    payload.fill(0);
    assertEquals(wire.toHex(), before);
  }
});

/** A layout of frames that end with a zero byte, and counts its work. */
class ZeroTerminated extends Layout {
  measured = 0;
  readonly #greedy: boolean;

  constructor(greedy: boolean) {
    super(2000, [0, 2000]);
    this.#greedy = greedy;
  }

  override get greedy(): boolean {
    return this.#greedy;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    this.measured++;
    const found = bytes.subarray(start, end).indexOf(0);
    return found < 0 ? -(end - start + 1) : found + 1;
  }
}

test("FrameAssembler examines twice as many bytes of a greedy layout each time", () => {
  for (const [greedy, most] of [[true, 6], [false, 1001]] as const) {
    const layout = new ZeroTerminated(greedy);
    const decoder = new FrameAssembler(layout, "close");
    decoder.push(new Uint8Array([1]));
    assertEquals(decoder.next(), undefined);
    const chunk = new Uint8Array(1000).fill(1);
    chunk[999] = 0;
    decoder.push(new Uint8Array([...chunk, 2, 0]));
    assertEquals(decoder.next()?.length, 1001);
    // 1 byte, then 64, 128, 256, 512, and all 1,003.
    assertEquals(layout.measured, most);
    assertEquals(decoder.next(), new Uint8Array([2, 0]));
    decoder.end();
  }
});

/** Returns all texts of some characters up to a length. */
function textsOf(characters: string, most: number): string[] {
  const texts = [""];
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at]!;
    if (text.length === most) break;
    for (const character of characters) texts.push(text + character);
  }
  return texts;
}

/** Decodes chunks, and others after the end; returns all that can be observed. */
function observed(framing: Framing, chunks: readonly string[]): unknown[] {
  const decoder = framing.decoder();
  const seen: unknown[] = [];
  const drain = () => {
    for (let frame; (frame = decoder.next()) !== undefined;) {
      seen.push(new TextDecoder().decode(frame));
    }
  };
  const state = () => {
    const rest = new TextDecoder().decode(decoder.rest());
    seen.push([decoder.pending, rest, decoder.skipped]);
  };
  try {
    for (const chunk of chunks) {
      decoder.push(ascii(chunk));
      drain();
    }
    state();
    decoder.end();
    drain();
    state();
    decoder.push(ascii("b"));
    drain();
    state();
  } catch (error) {
    seen.push(error instanceof FrameError ? error.message : `${error}`);
  }
  return seen;
}

const TINY: Record<string, readonly [characters: string, Framing[]]> = {
  "delimited by one byte": [
    "a\n",
    [0, 1, 2].map((maxFrameLength) =>
      delimited("\n", { maxFrameLength, onTooLarge: "skip" })
    ),
  ],
  "delimited by two bytes or one": [
    "a\r\n",
    [0, 1, 2].map((maxFrameLength) =>
      delimited(["\r\n", "\n"], { maxFrameLength, onTooLarge: "skip" })
    ),
  ],
  "netstring": [
    "12:,",
    [0, 1, 2].map((maxFrameLength) =>
      netstring({ maxFrameLength, onTooLarge: "skip" })
    ),
  ],
  "length-prefixed": [
    "\x00\x01\x02\x03",
    [0, 1, 2].map((maxFrameLength) =>
      lengthPrefixed({ width: 1, maxFrameLength, onTooLarge: "skip" })
    ),
  ],
};

for (const [name, [characters, framings]] of Object.entries(TINY)) {
  test(`all short streams that are ${name} decode alike, however they are split`, () => {
    const most = characters.length === 2 ? 7 : characters.length === 3 ? 5 : 4;
    for (const framing of framings) {
      for (const text of textsOf(characters, most)) {
        const whole = observed(framing, [text]);
        const limit = `limit ${framing.maxFrameLength}, ${
          JSON.stringify(text)
        }`;
        assertEquals(observed(framing, [...text]), whole, limit);
        for (let cut = 1; cut < text.length; cut++) {
          const parts = [text.slice(0, cut), text.slice(cut)];
          assertEquals(observed(framing, parts), whole, `${limit} at ${cut}`);
        }
      }
    }
  });
}
