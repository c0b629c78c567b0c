/** Promises of the contract that every framing keeps, between two features. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  chunked,
  cobs,
  contentLength,
  delimited,
  doneFlag,
  FrameError,
  type Framing,
  lengthPrefixed,
  netstring,
  prefixed,
  slip,
  u16be,
  u32be,
  varint,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";
import { LengthLayout } from "../../lib/framing/layouts/length_layout.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** A view whose `slice()` does not copy, as that of Node.js does not. */
class NodeBuffer extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

const LIMIT = 300_000;

/** Makes a framing with a limit; by default it closes at a frame beyond it. */
type Make = (options?: { onTooLarge?: "close" | "skip" }) => Framing;

const FRAMINGS: Readonly<Record<string, Make>> = {
  u32be: (options) => u32be({ maxFrameLength: LIMIT, ...options }),
  "lengthPrefixed with a trailer": (options) =>
    lengthPrefixed({
      ...{ maxFrameLength: LIMIT, trailer: ascii("!"), width: 4 },
      ...options,
    }),
  varint: (options) => varint({ maxFrameLength: LIMIT, ...options }),
  "varint with offset": (options) =>
    varintPrefixed({ maxFrameLength: LIMIT, offset: 2, ...options }),
  delimited: (options) =>
    delimited("\0", { maxFrameLength: LIMIT, ...options }),
  netstring: (options) => netstring({ maxFrameLength: LIMIT, ...options }),
  contentLength: (options) =>
    contentLength({ maxFrameLength: LIMIT, ...options }),
  cobs: (options) => cobs({ maxFrameLength: LIMIT, ...options }),
  prefixed: (options) =>
    prefixed(
      {
        ...{ maxLength: 9, maxPayloadLength: LIMIT },
        read(bytes) {
          const end = bytes.indexOf(0x2e) + 1;
          const digits = new TextDecoder().decode(bytes.subarray(0, end));
          return end === 0 ? undefined : [end, parseInt(digits)];
        },
        write: (length) => ascii(`${length}.`),
      },
      { maxFrameLength: LIMIT, ...options },
    ),
  "netstring with keepHeader": (options) =>
    whole(
      netstring({ maxFrameLength: LIMIT + 8, keepHeader: true, ...options }),
    ),
  slip: (options) => slip({ maxFrameLength: LIMIT, ...options }),
  chunked: (options) =>
    chunked(
      u32be(),
      doneFlag({ partLength: LIMIT / 2 }),
      { maxFrameLength: LIMIT, ...options },
    ),
};

/** Makes a framing of whole netstrings take and return payloads. */
function whole(framing: Framing): Framing {
  const plain = netstring().encoder();
  const strip = (frame: Uint8Array | undefined) =>
    frame?.subarray(frame.indexOf(0x3a) + 1, -1);
  return {
    ...framing,
    decoder: () => {
      const decoder = framing.decoder();
      const next = decoder.next.bind(decoder);
      decoder.next = () => strip(next());
      return decoder;
    },
    encoder: () => {
      const encoder = framing.encoder();
      const { encode, encodeInto, maxEncodedLength } = encoder;
      encoder.encode = (payload) => encode.call(encoder, plain.encode(payload));
      encoder.encodeInto = (payload, target, offset) =>
        encodeInto.call(encoder, plain.encode(payload), target, offset);
      encoder.maxEncodedLength = (length) =>
        maxEncodedLength.call(encoder, plain.maxEncodedLength(length));
      return encoder;
    },
  };
}

/** Returns a payload with bytes that SLIP escapes, and none of 0. */
function payloadOf(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = 1 + i % 251;
  return bytes;
}

for (const [name, make] of Object.entries(FRAMINGS)) {
  test(`encodeInto() of ${name} accepts a payload anywhere in the target`, () => {
    const payload = payloadOf(251);
    const encoder = make().encoder();
    const frame = encoder.encode(payload);
    const room = encoder.maxEncodedLength(payload.length);
    for (const at of [0, 1, 2, 7, 120, 251, 400]) {
      for (const offset of [0, 1, 5, 100, 300]) {
        const target = new Uint8Array(700 + room);
        target.set(payload, at);
        const given = new NodeBuffer(target.buffer, at, payload.length);
        const end = encoder.encodeInto(given, target, offset);
        assertEquals(target.subarray(offset, end), frame, `${at} ${offset}`);
      }
    }
  });
}

for (const [name, make] of Object.entries(FRAMINGS)) {
  test(`push() of ${name} with no bytes changes nothing, even after end()`, () => {
    const wire = make().encoder().encode(payloadOf(20));
    const decoder = make().decoder();
    decoder.push(wire.slice(0, 5));
    decoder.push(new Uint8Array(0));
    assertEquals(decoder.pending, 5);
    decoder.end();
    decoder.push(new Uint8Array(0));
    assertThrows(() => decoder.next(), FrameError, "ended");
    const { pending } = decoder;
    decoder.push(new Uint8Array(0));
    decoder.push(wire);
    assertEquals(decoder.pending, pending);
  });

  test(`push() of ${name} after end() continues the stream`, () => {
    const wire = make().encoder().encode(payloadOf(20));
    const decoder = make().decoder();
    decoder.push(wire);
    decoder.push(wire.slice(0, 5));
    decoder.end();
    decoder.push(wire.slice(5));
    assertEquals(decoder.next(), payloadOf(20));
    assertEquals(decoder.next(), payloadOf(20));
    decoder.push(wire.slice(0, 5));
    assertEquals(decoder.next(), undefined);
    assertEquals(decoder.pending, 5);
  });

  test(`next() of ${name} returns the frames of several chunks in order`, () => {
    const encoder = make().encoder();
    const wires = [20, 21, 22].map((size) => encoder.encode(payloadOf(size)));
    const decoder = make().decoder();
    decoder.push(wires[0]!);
    decoder.push(wires[1]!);
    assertEquals(decoder.next(), payloadOf(20));
    // A view of other memory, as a chunk may be.
    const around = new Uint8Array([9, 9, 9, ...wires[2]!, 9]);
    decoder.push(around.subarray(3, -1));
    assertEquals(decoder.next(), payloadOf(21));
    assertEquals(decoder.next(), payloadOf(22));
    assertEquals(decoder.next(), undefined);
    assertEquals(decoder.pending, 0);
  });

  test(`next() of ${name} throws the same error after its limit is raised`, () => {
    const wire = make().encoder().encode(payloadOf(3000));
    const decoder = make().decoder();
    decoder.maxFrameLength = 1000;
    decoder.push(wire);
    const error = assertThrows(() => decoder.next(), FrameError);
    assertEquals(error.code, "too-large");
    decoder.maxFrameLength = LIMIT;
    assertEquals(assertThrows(() => decoder.next()), error);
  });

  test(`next() of ${name} releases its memory when no frame has begun`, () => {
    const wire = make().encoder().encode(payloadOf(3000));
    const decoder = make().decoder();
    for (let round = 0; round < 3; round++) {
      decoder.push(wire.slice(0, 1000));
      assertEquals(decoder.next(), undefined);
      assert(decoder.held >= 1000);
      decoder.push(wire.slice(1000));
      assertEquals(decoder.next(), payloadOf(3000));
      assertEquals(decoder.next(), undefined);
      assert(decoder.held >= 1000, "kept for the next frame");
      assertEquals(decoder.next(), undefined);
      assertEquals(decoder.held, 0);
      assertEquals(decoder.pending, 0);
    }
  });

  test(`${name} drops a large buffer after 16 small frames`, () => {
    const encoder = make().encoder();
    const decoder = make().decoder();
    const receive = (payload: Uint8Array) => {
      const wire = encoder.encode(payload);
      decoder.push(wire.slice(0, wire.length - 1));
      assertEquals(decoder.next(), undefined);
      decoder.push(wire.slice(wire.length - 1));
      assertEquals(decoder.next(), payload);
    };
    receive(payloadOf(LIMIT));
    assert(decoder.held >= LIMIT);
    for (let frame = 1; frame < 16; frame++) receive(payloadOf(600));
    if (name !== "chunked") assert(decoder.held >= LIMIT);
    receive(payloadOf(600));
    receive(payloadOf(600));
    assert(decoder.held <= 10_000, `${decoder.held}`);
  });

  test(`${name} reports a declared length only of the frame that failed`, () => {
    if (name === "chunked") return; // reported by the inner framing
    const encoder = make().encoder();
    const wire = encoder.encode(payloadOf(200));
    for (const length of [1, wire.length - 1]) {
      const decoder = make().decoder();
      decoder.push(new Uint8Array([...wire, ...wire.slice(0, length)]));
      assertEquals(decoder.next(), payloadOf(200));
      assertEquals(decoder.next(), undefined);
      const error = assertThrows(() => decoder.end(), FrameError);
      const isKnown = length > 1 && /prefix|varint|u32|netst|content/.test(
        name.toLowerCase(),
      );
      const expected = name.endsWith("keepHeader") ? 205 : 200;
      assertEquals(error.declared, isKnown ? expected : undefined);
      assertEquals([error.code, error.frameIndex], ["truncated", 1]);
      assertEquals(error.streamOffset, wire.length);
      assert(error.message.includes(`ended after ${length} bytes of it`));
    }
  });

  test(`encodeInto() of ${name} writes nothing outside of the target`, () => {
    const encoder = make().encoder();
    const payload = payloadOf(20);
    const room = encoder.maxEncodedLength(payload.length);
    const target = new Uint8Array(room + 5).fill(0x53);
    for (const offset of [6, -1, NaN, Infinity]) {
      assertThrows(
        () => encoder.encodeInto(payload, target, offset),
        RangeError,
        `Cannot encode ${room} bytes at offset ${offset}: the target has`,
      );
      assert(target.every((byte) => byte === 0x53));
    }
    const end = encoder.encodeInto(payload, target, 5);
    assertEquals(target.slice(5, end), encoder.encode(payload));
  });
}

for (const [name, make] of Object.entries(FRAMINGS)) {
  if (name === "chunked") continue;
  test(`${name} that skips a frame at the end of the stream says so`, () => {
    const wire = make().encoder().encode(payloadOf(5000));
    const decoder = make({ onTooLarge: "skip" }).decoder();
    decoder.maxFrameLength = 1000;
    decoder.push(make().encoder().encode(payloadOf(20)));
    assertEquals(decoder.next(), payloadOf(20));
    const { length } = make().encoder().encode(payloadOf(20));
    for (let at = 0; at < 3500; at += 100) {
      decoder.push(wire.slice(at, at + 100));
      assertEquals(decoder.next(), undefined);
      assertEquals(decoder.pending, at + 100);
    }
    assertEquals(decoder.skipped, 1);
    const error = assertThrows(
      () => decoder.end(),
      FrameError,
      "the stream ended inside a frame that was being skipped",
    );
    assertEquals([error.frameIndex, error.streamOffset], [1, length]);
  });

  test(`${name} reports a skipped frame of which one byte is missing`, () => {
    const wire = make().encoder().encode(payloadOf(5000));
    const decoder = make({ onTooLarge: "skip" }).decoder();
    decoder.maxFrameLength = 1000;
    decoder.push(wire.slice(0, -1));
    assertEquals(decoder.next(), undefined);
    assertThrows(() => decoder.end(), FrameError, "being skipped");
  });
}

test("frames within a chunk are not measured by the layout", () => {
  const { measure } = LengthLayout.prototype;
  let measured = 0;
  LengthLayout.prototype.measure = function (...given) {
    measured++;
    return measure.apply(this, given);
  };
  try {
    for (const width of [1, 2, 3, 4, 8] as const) {
      for (const endian of ["big", "little"] as const) {
        for (const offset of [0, 1]) {
          const framing = lengthPrefixed({ width, endian, offset });
          const frame = framing.encoder().encode(payloadOf(200));
          const decoder = framing.decoder();
          const empty = framing.encoder().encode(payloadOf(offset));
          decoder.push(new Uint8Array([...frame, ...frame, ...empty]));
          assertEquals(decoder.next(), payloadOf(200));
          assertEquals(decoder.next(), payloadOf(200));
          assertEquals(decoder.next(), payloadOf(offset));
          assertEquals(measured, 0);
          assertEquals(decoder.next(), undefined);
        }
      }
    }
  } finally {
    LengthLayout.prototype.measure = measure;
  }
});

test("lengthPrefixed() sends no old content of a single unused header byte", () => {
  for (const offset of [0, 1]) {
    for (const unused of [0, 1]) {
      const encoder = lengthPrefixed({
        ...{ width: 2, offset, strip: 2 + offset + unused },
        ...{ magic: new Uint8Array(0), maxFrameLength: 100 },
      }).encoder();
      const target = new Uint8Array(10).fill(0x53);
      const end = encoder.encodeInto(ascii("a"), target, 0);
      assertEquals(target.slice(0, end), encoder.encode(ascii("a")));
      const rest = [target[offset - 1], unused && target[offset + 2]];
      assert(rest.every((byte) => !byte));
    }
  }
});

test("an encoder of whole frames takes longer ones after its limit is raised", () => {
  for (
    const framing of [
      netstring({ keepHeader: true, maxFrameLength: 30 }),
      contentLength({ keepHeader: true, maxFrameLength: 30 }),
      varint({ keepHeader: true, maxFrameLength: 30 }),
    ]
  ) {
    const plain = framing.maxFrameLength;
    const encoder = framing.encoder();
    encoder.maxFrameLength = 1000;
    const make = [netstring(), contentLength(), varint()];
    const wires = make.map((one) => one.encoder().encode(payloadOf(200)));
    const accepted = wires.filter((wire) => {
      try {
        return encoder.encode(wire).length === wire.length;
      } catch {
        return false;
      }
    });
    assertEquals([plain, accepted.length], [30, 1]);
  }
});

test("the headroom of a varint follows maxFrameLength", () => {
  const encoder = varint({ maxFrameLength: 100 }).encoder();
  assertEquals(encoder.inPlace!.headroom, 1);
  for (const [limit, headroom] of [[128, 2], [16_384, 3], [127, 1]] as const) {
    encoder.maxFrameLength = limit;
    assertEquals(encoder.inPlace!.headroom, headroom);
  }
});

test("a part of chunked() has no bytes of the header before it", () => {
  const rule = {
    ...{ headerLength: 2, partLength: 2 },
    ...{ keepHeader: false, fullContinues: false },
    isLast: (part: Uint8Array) => part[0] === 1,
    writeHeader(header: Uint8Array, _: Uint8Array, at: number, last: boolean) {
      if (last) header[0] = 1;
      if (at === 0) header[1] = 7;
    },
  };
  const framing = chunked(u16be(), rule);
  assertEquals(
    framing.encoder().encode(ascii("abcde")).toHex(),
    "0004000761620004000063640003010065",
  );
});

test("chunked() keeps its state after an error inside a message", () => {
  const framing = FRAMINGS["chunked"]!();
  const wire = framing.encoder().encode(payloadOf(200_000));
  const decoder = framing.decoder();
  decoder.push(wire.slice(0, 160_000));
  assertEquals(decoder.next(), undefined);
  const error = assertThrows(() => decoder.end(), FrameError);
  const { pending } = decoder;
  decoder.push(wire.slice(160_000));
  assertEquals(decoder.pending, pending);
  assertEquals(assertThrows(() => decoder.next()), error);
  assertEquals(assertThrows(() => decoder.end()), error);
});

test("chunked() joins many parts, whatever their buffer's growth", () => {
  for (const count of [2, 5, 6, 20, 100]) {
    const framing = chunked(u16be(), doneFlag({ partLength: 50 }));
    const payload = payloadOf(50 * count - 7);
    const decoder = framing.decoder();
    decoder.push(framing.encoder().encode(payload));
    assertEquals(decoder.next(), payload);
  }
});

test("chunked() counts a message that it skips", () => {
  const options = { maxFrameLength: 100, onTooLarge: "skip" } as const;
  const decoder = chunked(u16be(), doneFlag({ partLength: 50 }), options)
    .decoder();
  const wide = chunked(u16be(), doneFlag({ partLength: 50 })).encoder();
  decoder.push(wide.encode(payloadOf(200)));
  decoder.push(wide.encode(payloadOf(30)));
  assertEquals(decoder.next(), payloadOf(30));
  assertEquals(decoder.skipped, 1);
  decoder.push(new Uint8Array(2)); // a part without its header
  const error = assertThrows(() => decoder.next(), FrameError, "message 2:");
  assertEquals(error.frameIndex, 2);
});

test("maxFrameLength of chunked() raises the limit of its parts by one byte", () => {
  for (const end of ["encoder", "decoder"] as const) {
    const framing = (most: number) =>
      chunked(
        u16be({ maxFrameLength: most + 1 }),
        doneFlag({ partLength: 1000 }),
        { maxFrameLength: most },
      );
    const wide = framing(2000);
    const narrow = framing(10);
    if (end === "encoder") {
      const encoder = narrow.encoder();
      encoder.maxFrameLength = 11;
      assertEquals(
        encoder.encode(payloadOf(11)),
        wide.encoder().encode(payloadOf(11)),
      );
      continue;
    }
    const decoder = narrow.decoder();
    decoder.maxFrameLength = 11;
    decoder.push(wide.encoder().encode(payloadOf(11)));
    assertEquals(decoder.next(), payloadOf(11));
  }
});

test("maxEncodedLength() of slip() is that of a payload of END bytes", () => {
  for (const leadingEnd of [false, true]) {
    const encoder = slip({ leadingEnd }).encoder();
    const wire = encoder.encode(new Uint8Array(5).fill(0xc0));
    assertEquals(wire.length, encoder.maxEncodedLength(5));
  }
});

test("contentLength() rejects headers as soon as they are too long", () => {
  const options = { maxHeaderLength: 64 };
  const accepted = "Content-Length: 1\r\nA: ".padEnd(60, "a");
  const decoder = contentLength(options).decoder();
  decoder.push(ascii(accepted));
  assertEquals(decoder.next(), undefined);
  decoder.push(ascii("\r\n\r\nx"));
  assertEquals(decoder.next(), ascii("x"));
  const other = contentLength(options).decoder();
  other.push(ascii(`${accepted}a`));
  const error = assertThrows(() => other.next(), FrameError, "within 64 bytes");
  assertEquals(error.code, "bad-header");
});
