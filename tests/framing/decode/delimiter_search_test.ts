import { assert, assertEquals } from "@std/assert";
import {
  Delimiters,
  DelimiterSearch,
} from "../../../lib/framing/decode/delimiter_search.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function searchFor(...delimiters: string[]): DelimiterSearch {
  const encoder = new TextEncoder();
  const list = delimiters.map((delimiter) => encoder.encode(delimiter));
  return new DelimiterSearch(new Delimiters(list));
}

function search(...delimiters: string[]) {
  const encoder = new TextEncoder();
  return (text: string, from = 0, end = text.length) => {
    const made = searchFor(...delimiters);
    const found = made.find(encoder.encode(text), from, end);
    return found < 0 ? `resume ${made.resume}` : `${found}+${made.matched}`;
  };
}

test("find() sets resume to the offset at which a delimiter may begin", () => {
  const find = search("--");
  assertEquals(find("abc"), "resume 3");
  assertEquals(find("ab-"), "resume 2");
  assertEquals(find("a-b-"), "resume 3");
  assertEquals(find("ab--"), "2+2");
});

test("find() searches only between its bounds", () => {
  const find = search("-");
  assertEquals(find("-ab-", 1, 3), "resume 3");
  const long = "-" + "a".repeat(100) + "-";
  assertEquals(find(long, 1, 101), "resume 101");
  assertEquals(find(long, 1), "101+1");
});

test("find() does not take other delimiters for a pair such as LF and CR LF", () => {
  const three = search("\n", "\r\n", "\0");
  assertEquals(three("ab\0c\n"), "2+1");
  assertEquals(three("ab\r\nc"), "2+2");
  const equal = search("bc", "ab");
  assertEquals(equal("xbyabz"), "3+2");
  assertEquals(equal("xbycbcz"), "4+2");
});

test("find() returns the first offset, and there the delimiter listed first", () => {
  assertEquals(search("b", "a")("xab"), "1+1");
  assertEquals(search("ab", "a")("xab"), "1+2");
  assertEquals(search("ab", "a")("xac"), "1+1");
  assertEquals(search("ab", "a")("xa"), "resume 1");
});

/** Returns bytes whose reads by index and by `indexOf()` are counted. */
function counted(bytes: Uint8Array): [bytes: Uint8Array, reads: () => number] {
  let reads = 0;
  const proxy = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && key.charCodeAt(0) <= 0x39) {
        reads++;
        return target[Number(key)];
      }
      if (key === "indexOf") {
        return (byte: number, from = 0) => {
          const at = target.indexOf(byte, from);
          reads += (at === -1 ? target.length : at + 1) - from;
          return at;
        };
      }
      return Reflect.get(target, key, target);
    },
  });
  return [proxy, () => reads];
}

/** Text of many near matches: `a`, `b`, `ba`, `bab`, `babba`, … */
function fibonacci(length: number): string {
  let [last, text] = ["a", "b"];
  while (text.length < length) [last, text] = [text, text + last];
  return text.slice(0, length);
}

const LONG = 3000;
const NEAR: Record<string, [delimiters: string[], text: string]> = {
  "the end of the delimiter is missing": [["a".repeat(LONG) + "b"], "a"],
  "the middle differs": [
    ["a".repeat(LONG) + "b" + "a".repeat(LONG)],
    "a".repeat(LONG) + "c",
  ],
  "it repeats with a long period": [[fibonacci(LONG) + "c"], fibonacci(LONG)],
  "several nearly match": [
    ["a".repeat(LONG) + "b", "aac", fibonacci(LONG) + "c", "a".repeat(64)],
    fibonacci(LONG) + "a".repeat(60),
  ],
};

for (const [name, [delimiters, near]] of Object.entries(NEAR)) {
  test(`find() compares each byte at most twice if ${name}`, () => {
    const text = new TextEncoder().encode(
      near.repeat(Math.ceil(9_000 / near.length)),
    );
    for (const size of [1, 700, text.length]) {
      const search = searchFor(...delimiters);
      const [bytes, reads] = counted(text);
      let at = 0;
      for (let end = size; end <= text.length; end += size) {
        const found = search.find(bytes, at, end);
        assertEquals(found, -1);
        at = search.resume;
      }
      assert(reads() <= 2 * text.length, `${reads()} of ${text.length}`);
    }
  });
}

test("find() finds a delimiter of 64 KiB that ends in a later piece", () => {
  const delimiter = fibonacci(65_536);
  const text = new TextEncoder().encode(`x${delimiter.slice(0, 60_000)}y`);
  const wire = new Uint8Array([
    ...text,
    ...new TextEncoder().encode(delimiter),
  ]);
  const search = searchFor(delimiter);
  assertEquals(search.find(wire, 0, 120_000), -1);
  const moved = wire.slice(search.resume);
  assertEquals(search.find(moved, 0, moved.length), 60_002 - search.resume);
  assertEquals(search.matched, 65_536);
});
