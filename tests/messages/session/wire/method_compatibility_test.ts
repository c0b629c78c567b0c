import { assertEquals } from "@std/assert";
import { mismatchOf } from "../../../../lib/messages/session/wire/method_compatibility.ts";

Deno.test(
  "mismatchOf() returns the first difference and does not compare a hash of 0",
  {
    permissions: "none",
  },
  () => {
    const method = { name: "a", shape: "unary", hash: 3 } as const;
    assertEquals(mismatchOf(method, undefined), "missing");
    assertEquals(
      mismatchOf(method, { ...method, shape: "duplex", hash: 4 }),
      "shape",
    );
    assertEquals(mismatchOf(method, { ...method, hash: 4 }), "schema");
    for (const [ours, theirs] of [[3, 3], [0, 3], [3, 0], [0, 0]] as const) {
      const callee = { ...method, hash: theirs };
      assertEquals(mismatchOf({ ...method, hash: ours }, callee), undefined);
    }
  },
);
