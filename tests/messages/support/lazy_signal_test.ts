import { assertEquals, assertStrictEquals } from "@std/assert";
import { LazySignal } from "../../../lib/messages/support/lazy_signal.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "LazySignal returns the same signal each time and fires once",
  none,
  () => {
    const lazy = new LazySignal();
    const { signal } = lazy;
    assertStrictEquals(lazy.signal, signal);
    let fired = 0;
    signal.addEventListener("abort", () => fired++);
    lazy.fire();
    lazy.fire();
    assertEquals([signal.aborted, fired], [true, 1]);
  },
);

Deno.test(
  "LazySignal creates an aborted signal after fire()",
  none,
  () => {
    const lazy = new LazySignal();
    lazy.fire();
    assertEquals(lazy.signal.aborted, true);
  },
);
