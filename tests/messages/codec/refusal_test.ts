import { assertEquals } from "@std/assert";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import {
  hiddenKey,
  over,
  refuse,
  toCodecError,
  within,
} from "../../../lib/messages/codec/refusal.ts";

const PURE = { permissions: "none" } as const;
const LIMITS = resolveCodecLimits({ maxDepth: 2 });

Deno.test("toCodecError() names the value and its path", PURE, () => {
  const refusal = within("items", within(3, refuse("a Map")));
  const error = toCodecError(refusal, "msgpack", LIMITS, {});
  assertEquals(error.message, "Cannot encode a Map at items[3] as msgpack");
  assertEquals([error.code, error.path], ["unsupported", ["items", 3]]);
});

Deno.test("toCodecError() names the limit or the cycle", PURE, () => {
  const refusal = () => within("a", within("b", over("maxDepth", 3)));
  const tree = { a: { b: {} } };
  const error = toCodecError(refusal(), "json", LIMITS, tree);
  assertEquals(
    error.message,
    "Cannot encode as json: 'maxDepth' allows 2, found 3 at a.b",
  );
  assertEquals([error.limit, error.allowed, error.found], ["maxDepth", 2, 3]);
  const loop: Record<string, unknown> = {};
  loop["a"] = loop;
  const cycle = toCodecError(refusal(), "json", LIMITS, loop);
  assertEquals([cycle.code, cycle.path], ["cycle", ["a"]]);
});

Deno.test("hiddenKey() names the property that would not be sent", PURE, () => {
  const hidden = Object.defineProperty({ a: 1 }, "b", { value: 2 });
  assertEquals(hiddenKey(hidden).what, "the non-enumerable property 'b'");
  assertEquals(
    hiddenKey(Object.create({ c: 1 })).what,
    "the inherited property 'c'",
  );
  assertEquals(
    hiddenKey({ a: 1 }).what,
    "an object that changes while it is read",
  );
});
