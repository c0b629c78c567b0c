import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../../lib/cli/errors.ts";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import { parseFilter } from "../../../lib/cli/capture/filter.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const FRAME: CapturedFrame = {
  connection: 2,
  dir: "in",
  time: 0,
  kind: "REQUEST",
  more: false,
  id: 7,
  size: 5000,
  method: "orders.create",
  shape: "unary",
  code: undefined,
  note: undefined,
  codec: "msgpack",
  bytes: new Uint8Array(),
};

Deno.test("a filter is fulfilled if all of its terms are", none, () => {
  const cases: readonly [filter: string, matches: boolean][] = [
    ["", true],
    ["method:orders.create", true],
    ["method:orders.*", true],
    ["method:*create", true],
    ["method:orders", false],
    ["method:order(s).*", false],
    ["!method:orders.*", false],
    ["kind:request", true],
    ["kind:item,request", true],
    ["kind:item", false],
    ["dir:in", true],
    ["dir:out", false],
    ["id:7", true],
    ["id:77", false],
    ["connection:2", true],
    ["size>4k", true],
    ["size<4k", false],
    ["code:deadline", false],
    ["!code:deadline", true],
    ["topic:orders.*", false],
    ["dir:in  kind:request size>1", true],
    ["dir:in kind:item", false],
  ];
  for (const [filter, matches] of cases) {
    assertEquals(parseFilter(filter)(FRAME), matches, filter);
  }
  const error = { ...FRAME, kind: "ERROR", code: "deadline" };
  assertEquals(parseFilter("code:deadline")(error), true);
  const news = { ...FRAME, kind: "NOTIFY", method: "news" };
  assertEquals(parseFilter("topic:news")(news), true);
});

Deno.test("terms that are not valid are usage errors", none, () => {
  for (
    const text of ["x", "metod:a", "method:", "size>x", "size=4", "!", ":"]
  ) {
    const error = assertThrows(() => parseFilter(text), CliError);
    assertEquals(error.code, "usage", text);
  }
});

Deno.test("texts that no frame has are usage errors", none, () => {
  for (
    const [text, said] of [
      ["kind:eror", 'No frame has the kind "eror" (did you mean "error"?)'],
      ["!kind:item,resutl", 'the kind "resutl" (did you mean "result"?)'],
      ["code:deadlin", 'the code "deadlin" (did you mean "deadline"?)'],
      ["dir:both", 'the dir "both"'],
      ["id:seven", 'the id "seven"'],
      ["connection:x", 'the connection "x"'],
      ["kind:", "as a term"],
      ["kind:item,", 'the kind ""'],
    ] as const
  ) {
    const error = assertThrows(() => parseFilter(text), CliError, said);
    assertEquals(error.code, "usage", text);
  }
  for (
    const text of [
      "kind:it*",
      "kind:0x1f,empty",
      "code:code*200",
      "id:1*",
      "code:timeout",
      "dir:*",
    ]
  ) parseFilter(text);
});
