import { assertEquals, assertStrictEquals } from "@std/assert";
import { LazySignal } from "../../../lib/messages/support/lazy_signal.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "LazySignal gives the same signal each time, and fires it once",
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
  "LazySignal that was fired before it was asked for has fired",
  none,
  () => {
    const lazy = new LazySignal();
    lazy.fire();
    assertEquals(lazy.signal.aborted, true);
  },
);
