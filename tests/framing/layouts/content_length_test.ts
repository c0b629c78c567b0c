import { assertEquals, assertThrows } from "@std/assert";
import { contentLength, FrameError } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function read(stream: string): string[] {
  const decoder = contentLength({ maxFrameLength: 1000, maxHeaderLength: 100 })
    .decoder();
  decoder.push(new TextEncoder().encode(stream));
  const frames: string[] = [];
  for (let frame; (frame = decoder.next());) {
    frames.push(new TextDecoder().decode(frame));
  }
  return frames;
}

const TAKEN: [stream: string, frames: string[]][] = [
  ["Content-Length: 2\r\n\r\n{}", ["{}"]],
  ["content-length:2\r\n\r\n{}", ["{}"]],
  ["CONTENT-LENGTH: \t 2 \t\r\n\r\n{}", ["{}"]],
  [
    "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
    ["{}"],
  ],
  ["Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\n[", ["", "["]],
  ["Content-Length: 007\r\n\r\n1234567", ["1234567"]],
  ["X: a:b\r\nContent-Length: 1\r\n\r\nx", ["x"]],
];

for (const [stream, frames] of TAKEN) {
  test(`contentLength() accepts ${JSON.stringify(stream)}`, () => {
    assertEquals(read(stream), frames);
  });
}

const REFUSED: [stream: string, code: string, message: string][] = [
  ["\r\n\r\n{}", "bad-header", "not a header"],
  ["X: 1\r\n\r\n", "bad-header", "no Content-Length"],
  [
    "Content-Length: 43abc\r\n\r\n",
    "bad-header",
    "Content-Length '43abc' is not 1 to 16 decimal digits",
  ],
  ["Content-Length: -1\r\n\r\n", "bad-header", "is not 1 to 16 decimal digits"],
  ["Content-Length: +1\r\n\r\n", "bad-header", "is not 1 to 16 decimal digits"],
  [
    "Content-Length: 1.0\r\n\r\n",
    "bad-header",
    "is not 1 to 16 decimal digits",
  ],
  [
    "Content-Length: 1e3\r\n\r\n",
    "bad-header",
    "is not 1 to 16 decimal digits",
  ],
  [
    "Content-Length: 0x10\r\n\r\n",
    "bad-header",
    "is not 1 to 16 decimal digits",
  ],
  [
    "Content-Length: 1, 1\r\n\r\n",
    "bad-header",
    "is not 1 to 16 decimal digits",
  ],
  ["Content-Length: \r\n\r\n", "bad-header", "is not 1 to 16 decimal digits"],
  [
    "Content-Length: 12345678901234567\r\n\r\n",
    "bad-header",
    "is not 1 to 16 decimal digits",
  ],
  ["Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "bad-header", "twice"],
  ["Content-Length : 1\r\n\r\n", "bad-header", "not a header"],
  ["Content-Length 1\r\n\r\n", "bad-header", "not a header"],
  [" Content-Length: 1\r\n\r\n", "bad-header", "not a header"],
  ["Content-Length: 1\n\r\n\r\n", "bad-header", "'name: value'"],
  ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad-header", "an HTTP request"],
  ["Content-Length: 1001\r\n\r\n", "too-large", "'maxFrameLength' allows 1000"],
  [
    "Content-Length: 9999999999999999\r\n\r\n",
    "too-large",
    "'maxFrameLength' allows 1000",
  ],
  [`X: ${"x".repeat(120)}`, "bad-header", "within 100 bytes"],
  [`X: ${"x".repeat(120)}\r\n\r\n`, "bad-header", "within 100 bytes"],
];

for (const [stream, code, message] of REFUSED) {
  test(`contentLength() rejects ${JSON.stringify(stream)} as ${code}`, () => {
    const error = assertThrows(() => read(stream), FrameError, message);
    assertEquals(error.code, code);
  });
}

test("contentLength() removes control characters from a peer's bytes in an error", () => {
  const error = assertThrows(() => read("\x1b[2J\x07\r\n\r\n"), FrameError);
  assertEquals(/[^\x20-\x7e]/.test(error.message), false);
});

test("contentLength() rejects limits out of range", () => {
  assertThrows(() => contentLength({ maxHeaderLength: 63 }), RangeError);
  assertThrows(() => contentLength({ maxFrameLength: -1 }), RangeError);
});

test("contentLength() with keepHeader keeps the header block", () => {
  const framing = contentLength({ keepHeader: true, maxFrameLength: 40 });
  const frame = "content-length:2\r\nx: y\r\n\r\n{}";
  const bytes = (s: string) => new TextEncoder().encode(s);
  const decoder = framing.decoder();
  for (const byte of bytes(frame)) {
    assertEquals(decoder.next(), undefined);
    decoder.push(Uint8Array.of(byte));
  }
  assertEquals(new TextDecoder().decode(decoder.next()), frame);
  const encoder = framing.encoder();
  assertEquals(encoder.encode(bytes(frame)), bytes(frame));
  for (
    const [wrong, code] of [
      [frame + "x", "bad-payload"],
      [frame.slice(0, -1), "bad-payload"],
      ["content-length:3\r\nx\r\n\r\n{}", "bad-payload"],
      ["content-length:19\r\n\r\n" + "x".repeat(20), "too-large"],
    ] as const
  ) {
    const error = assertThrows(() => encoder.encode(bytes(wrong)), FrameError);
    assertEquals(error.code, code, wrong);
  }
});
