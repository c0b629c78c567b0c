import { assertEquals } from "@std/assert";
import { FEATURES, Lone } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test("a feature is in use if both sides have it", pure, () => {
  for (const role of ["client", "server"] as const) {
    for (const [features, inUse] of [[0, 0], [0xffffffff, FEATURES]] as const) {
      const { session } = Lone.open(role, {}, { features });
      assertEquals(session.shared.features, inUse);
    }
  }
  assertEquals(new Lone("server").session.shared.features, 0);
});
