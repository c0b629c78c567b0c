import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  FrameError,
  type Framing,
  netstring,
  u16be,
  u32be,
  u32le,
} from "@lengthwise/lengthwise/framing";

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Returns the error that a framing throws for the first frame of a stream. */
function errorOf(framing: Framing, bytes: Uint8Array): FrameError {
  const decoder = framing.decoder();
  decoder.push(bytes);
  return assertThrows(() => {
    while (decoder.next() !== undefined);
    decoder.end();
  }, FrameError);
}

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("FrameError keeps 16 bytes of the head, also if the chunk is used again", () => {
  const chunk = new Uint8Array(40).fill(7);
  chunk.set([0, 0, 0, 36]);
  const error = errorOf(u32be({ maxFrameLength: 35 }), chunk);
  chunk.fill(0);
  const head = new Uint8Array(16).fill(7);
  head.set([0, 0, 0, 36]);
  assertEquals(error.head, head);
  assertEquals([error.declared, error.limit, error.hint], [36, 35, undefined]);
});

const HINTS: [Uint8Array, string | undefined][] = [
  [ascii("GET / HTTP/1.1\r\n"), "the bytes look like an HTTP request"],
  [ascii("POST /rpc HTTP/1.1\r\n"), "the bytes look like an HTTP request"],
  [ascii("OPTIONS * HTTP/1.1\r\n"), "the bytes look like an HTTP request"],
  [ascii("HTTP/1.1 400 Bad"), "the bytes look like an HTTP response"],
  [
    ascii("PRI * HTTP/2.0\r\n"),
    "the bytes look like an HTTP/2 connection preface",
  ],
  [ascii("SSH-2.0-OpenSSH"), "the bytes look like an SSH banner"],
  [Uint8Array.fromHex("16030100fe"), "the bytes look like a TLS handshake"],
  [Uint8Array.fromHex("1503030002"), "the bytes look like a TLS alert"],
  [Uint8Array.fromHex("ffffffff"), undefined],
];

for (const [bytes, hint] of HINTS) {
  test(`FrameError hints '${hint}' for ${bytes.toHex()}`, () => {
    const error = errorOf(u32be(), bytes);
    assertEquals(error.code, "too-large");
    assertEquals(error.hint, hint);
    assertEquals(error.message.endsWith(`; ${hint}`), hint !== undefined);
  });
}

test("FrameError hints at the protocol of a stream that ends in its first frame", () => {
  const error = errorOf(u16be(), ascii("GET / HTTP/1.1\r\n\r\n"));
  assertEquals(error.code, "truncated");
  assertEquals(error.declared, 0x4745);
  assertEquals(error.hint, "the bytes look like an HTTP request");
});

test("FrameError hints at a peer with the opposite byte order", () => {
  const wire = u32le().encoder().encode(new Uint8Array(5));
  const error = errorOf(u32be(), wire);
  assertEquals(error.declared, 0x05000000);
  assert(
    error.hint?.includes("read as little-endian, its length field would be 5"),
  );
  const back = errorOf(u32le(), u32be().encoder().encode(new Uint8Array(5)));
  assert(
    back.hint?.includes("read as big-endian, its length field would be 5"),
  );
  for (const [limit, hinted] of [[5, true], [4, false]] as const) {
    const { hint } = errorOf(u32be({ maxFrameLength: limit }), wire);
    assertEquals(hint !== undefined, hinted, `a limit of ${limit}`);
  }
});

test("FrameError names the frame, its offset, its length and the limit", () => {
  const decoder = u32be({ maxFrameLength: 3 }).decoder();
  decoder.push(Uint8Array.fromHex("0000000261620000000461626364"));
  assertEquals(decoder.next(), ascii("ab"));
  const error = assertThrows(() => decoder.next(), FrameError);
  assertEquals(
    error.message,
    "Cannot decode frame 1 at byte 6 of the stream: it declares 4 payload bytes; 'maxFrameLength' allows 3",
  );
  assertEquals([error.streamOffset, error.frameIndex], [6, 1]);
  assertEquals(error.head, Uint8Array.fromHex("0000000461626364"));
});

test("FrameError counts offset and index across chunks and skipped frames", () => {
  const framing = netstring({ maxFrameLength: 3, onTooLarge: "skip" });
  const wire = ascii("2:ab,5:abcde,1:x,q");
  for (const size of [1, 2, 5, 100]) {
    const decoder = framing.decoder();
    const error = assertThrows(() => {
      for (let at = 0; at < wire.length; at += size) {
        decoder.push(wire.slice(at, at + size));
        while (decoder.next() !== undefined);
      }
    }, FrameError);
    assertEquals([error.streamOffset, error.frameIndex], [17, 3], `${size}`);
    assertEquals(decoder.skipped, 1);
  }
});

test("FrameError of an encoder has no stream offset and no frame index", () => {
  const encoder = u32be({ maxFrameLength: 3 }).encoder();
  const error = assertThrows(() => encoder.encode(ascii("abcd")), FrameError);
  assertEquals([error.code, error.declared, error.limit], ["too-large", 4, 3]);
  assertEquals([error.streamOffset, error.frameIndex], [undefined, undefined]);
});
