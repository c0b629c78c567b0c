import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FrameError, readLines } from "@lengthwise/lengthwise/framing";
import { memoryPair } from "@lengthwise/lengthwise/testing";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "readLines() returns lines and leaves the connection open",
  none,
  async () => {
    const [near, far] = memoryPair();
    await far.write(
      new TextEncoder().encode("one\r\n\nthr\u00e9e \u{1f600}\nlast"),
    );
    await far.closeWrite();
    const got = await Array.fromAsync(readLines(near));
    assertEquals(got, ["one", "", "thr\u00e9e \u{1f600}", "last"]);
    await near.write(Uint8Array.of(7));
    assertEquals(await far.read(new Uint8Array(2)), 1);
    near.close();
    far.close();
  },
);

Deno.test("readLines() takes the options of lines()", none, async () => {
  const [near, far] = memoryPair();
  await far.write(new TextEncoder().encode("one\ntwo\r\nthree\r\nfo"));
  await far.closeWrite();
  const got: string[] = [];
  const error = await assertRejects(async () => {
    const options = { newline: "crlf", finalLine: false } as const;
    for await (const line of readLines(near, options)) got.push(line);
  }, FrameError);
  assertEquals([got, error.code], [["one\ntwo", "three"], "truncated"]);
  assertThrows(() => readLines(near, { maxFrameLength: -1 }), RangeError);
  near.close();
  far.close();
});

Deno.test("readLines() rejects lines that are not UTF-8", none, async () => {
  const [near, far] = memoryPair();
  await far.write(Uint8Array.of(0x61, 10, 0xff, 10));
  const reader = readLines(near);
  assertEquals((await reader.next()).value, "a");
  await assertRejects(() => reader.next(), TypeError);
  near.close();
  far.close();
});
