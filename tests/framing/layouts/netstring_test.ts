import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, netstring } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function codeOf(stream: string, maxFrameLength = 1000): string {
  const decoder = netstring({ maxFrameLength }).decoder();
  decoder.push(new TextEncoder().encode(stream));
  return assertThrows(() => {
    while (decoder.next() !== undefined);
    decoder.end();
  }, FrameError).code;
}

const REFUSED: [stream: string, code: string][] = [
  [":,", "bad-prefix"],
  ["-1:a,", "bad-prefix"],
  ["+1:a,", "bad-prefix"],
  [" 1:a,", "bad-prefix"],
  ["1 :a,", "bad-prefix"],
  ["01:a,", "bad-prefix"],
  ["00:,", "bad-prefix"],
  ["0x1:a,", "bad-prefix"],
  ["1.0:a,", "bad-prefix"],
  ["1e1:a,", "bad-prefix"],
  ["99999999999999999", "bad-prefix"],
  ["1:ab", "bad-terminator"],
  ["0:;", "bad-terminator"],
  ["1001:", "too-large"],
  ["9999999999999999:", "too-large"],
  ["1:a", "truncated"],
  ["1:", "truncated"],
  ["1", "truncated"],
];

for (const [stream, code] of REFUSED) {
  test(`netstring() rejects '${stream}' as ${code}`, () => {
    assertEquals(codeOf(stream), code);
  });
}

test("netstring() seals in place without a gap", () => {
  const { inPlace } = netstring({ maxFrameLength: 1000 }).encoder();
  assertEquals([inPlace?.headroom, inPlace?.tailroom], [5, 1]);
  const target = new Uint8Array(40).fill(0xee);
  let end = 0;
  for (const text of ["a", "hello world!", ""]) {
    const { written } = new TextEncoder().encodeInto(
      text,
      target.subarray(end + 5),
    );
    end = inPlace!.seal(target, end, end + 5 + written);
  }
  const sealed = new TextDecoder().decode(target.subarray(0, end));
  assertEquals(sealed, "1:a,12:hello world!,0:,");
});

test("netstring() with keepHeader keeps the length and the comma", () => {
  const kept = { keepHeader: true };
  const decoder = netstring(kept).decoder();
  decoder.push(new TextEncoder().encode("3:abc,0:,"));
  const text = new TextDecoder();
  assertEquals(text.decode(decoder.next()), "3:abc,");
  assertEquals(text.decode(decoder.next()), "0:,");
  const encoder = netstring({ ...kept, maxFrameLength: 6 }).encoder();
  const bytes = (s: string) => new TextEncoder().encode(s);
  assertEquals(encoder.encode(bytes("3:abc,")), bytes("3:abc,"));
  for (
    const [wrong, code] of [
      ["3:ab,", "bad-payload"],
      ["3:abc;", "bad-payload"],
      ["1:,0:,", "bad-payload"],
      ["abc", "bad-payload"],
      [":,", "too-short"],
      ["4:abcd,", "too-large"],
    ] as const
  ) {
    const error = assertThrows(() => encoder.encode(bytes(wrong)), FrameError);
    assertEquals(error.code, code, wrong);
  }
});
