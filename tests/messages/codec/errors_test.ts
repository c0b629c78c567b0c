/**
 * The details of the errors that codecs throw; `error_form_test.ts` tests how
 * applications create them.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";

const pure = { permissions: "none" } as const;

/** Returns the details of the error that `step` throws; omits absent ones. */
function detailsOf(step: () => unknown): Record<string, unknown> {
  const { code, path, offset, limit, allowed, found } = assertThrows(
    step,
    CodecError,
  );
  const details = { code, path, offset, limit, allowed, found };
  return Object.fromEntries(
    Object.entries(details).filter(([, value]) => value !== undefined),
  );
}

for (const codec of [msgpack(), json()]) {
  Deno.test(
    `a CodecError of ${codec.name} that fails to encode has a path`,
    pure,
    () => {
      assertEquals(detailsOf(() => codec.encode({ a: [1, () => {}] })), {
        code: "unsupported",
        path: ["a", 1],
      });
    },
  );
}

Deno.test(
  "a CodecError of msgpack that fails to decode has an offset",
  pure,
  () => {
    const decode = (...bytes: number[]) => () =>
      msgpack().decode(Uint8Array.from(bytes));
    // 0x92 begins an array of two values; 0xc1 is never used.
    assertEquals(detailsOf(decode(0x92, 1, 0xc1)), {
      code: "malformed",
      offset: 2,
    });
    assertEquals(detailsOf(decode(0x91, 1, 7)), {
      code: "trailing",
      offset: 2,
    });
  },
);

for (const make of [msgpack, json]) {
  const codec = make({ maxDepth: 2 });
  Deno.test(
    `a CodecError of ${codec.name} names the limit that a value exceeds`,
    pure,
    () => {
      const value = [[[1]]];
      const limit = { limit: "maxDepth", allowed: 2, found: 3 };
      assertEquals(detailsOf(() => codec.encode(value)), {
        code: "too-large",
        path: [0, 0],
        ...limit,
      });
      const { offset, ...decoding } = detailsOf(() =>
        codec.decode(make().encode(value))
      );
      assertEquals(decoding, { code: "too-large", ...limit });
      assertEquals(offset, 2); // of the third array
    },
  );
}
