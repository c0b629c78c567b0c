import { assertEquals } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";

Deno.test("CodecError has exactly the given details", {
  permissions: "none",
}, () => {
  const cause = new Error("why");
  const full = new CodecError("all", {
    code: "too-large",
    path: ["a", 0],
    offset: 3,
    limit: "maxDepth",
    allowed: 1,
    found: 2,
    cause,
  });
  assertEquals({ ...full, cause: full.cause, message: full.message }, {
    name: "CodecError",
    code: "too-large",
    path: ["a", 0],
    offset: 3,
    limit: "maxDepth",
    allowed: 1,
    found: 2,
    cause,
    message: "all",
  });
  const bare = new CodecError("bare", { code: "malformed" });
  assertEquals("cause" in bare, false);
  assertEquals([bare.path, bare.offset, bare.limit], [
    undefined,
    undefined,
    undefined,
  ]);
});
