import { assert, assertEquals } from "@std/assert";
import {
  CALLEE,
  CALLER,
  receivesItems,
  sendsItems,
} from "../../../../lib/messages/session/calls/call_state.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "CALLER and CALLEE reach done from every state, and have no transition from it",
  pure,
  () => {
    for (const table of [CALLER, CALLEE]) {
      assertEquals(table.done, {});
      const seen = new Set<string>(["open"]);
      for (const state of seen) {
        const nexts = Object.values(table[state as keyof typeof table]);
        assert(
          state === "done" || nexts.length > 0,
          `${state} leads nowhere`,
        );
        for (const next of nexts) seen.add(next);
      }
      assert(seen.has("done"));
    }
  },
);

Deno.test(
  "sendsItems() and receivesItems() return true for the right shapes",
  pure,
  () => {
    const shapes = [
      "unary",
      "notification",
      "serverStream",
      "clientStream",
      "duplex",
    ];
    assertEquals(shapes.filter(sendsItems), ["clientStream", "duplex"]);
    assertEquals(shapes.filter(receivesItems), ["serverStream", "duplex"]);
  },
);
