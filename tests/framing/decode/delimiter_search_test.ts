import { assertEquals } from "@std/assert";
import { DelimiterSearch } from "../../../lib/framing/decode/delimiter_search.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function search(...delimiters: string[]) {
  const encoder = new TextEncoder();
  const made = new DelimiterSearch(delimiters.map((d) => encoder.encode(d)));
  return (text: string, from = 0, end = text.length) => {
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

test("find() returns the first offset, and there the delimiter listed first", () => {
  assertEquals(search("b", "a")("xab"), "1+1");
  assertEquals(search("ab", "a")("xab"), "1+2");
  assertEquals(search("ab", "a")("xac"), "1+1");
  assertEquals(search("ab", "a")("xa"), "resume 1");
});
