import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkTimeout, withTimeout } from "../../lib/transport/with_timeout.ts";

/** Work that ends when it is cancelled, and counts its cancellations. */
function cancellable() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const state = { cancels: 0 };
  const bounds = {
    timeout: Infinity,
    cancel: () => {
      state.cancels++;
      reject(new Error("cancelled"));
    },
    timeoutError: () => new Error("late"),
  };
  return { promise, resolve, reject, state, bounds };
}

Deno.test("withTimeout() passes on a result and an error", {
  permissions: "none",
}, async () => {
  const good = cancellable();
  good.resolve("done");
  assertEquals(await withTimeout(good.promise, good.bounds), "done");
  const bad = cancellable();
  bad.reject(new Error("bad"));
  await assertRejects(() => withTimeout(bad.promise, bad.bounds), Error, "bad");
  assertEquals([good.state.cancels, bad.state.cancels], [0, 0]);
});

Deno.test("withTimeout() cancels once and fails with the signal's reason", {
  permissions: "none",
}, async () => {
  const { promise, bounds, state } = cancellable();
  const abort = new AbortController();
  const { signal } = abort;
  const waiting = withTimeout(promise, { ...bounds, signal });
  abort.abort(new Error("reason"));
  await assertRejects(() => waiting, Error, "reason");
  const again = withTimeout(promise, { ...bounds, signal });
  await assertRejects(() => again, Error, "reason");
  assertEquals(state.cancels, 2); // one for each call
});

Deno.test("withTimeout() drops a result that arrives after the cancellation", {
  permissions: "none",
}, async () => {
  const { promise, resolve, bounds } = cancellable();
  const abort = new AbortController();
  const waiting = withTimeout(promise, { ...bounds, signal: abort.signal });
  resolve("done");
  abort.abort(new Error("reason"));
  await assertRejects(() => waiting, Error, "reason");
});

Deno.test(
  "withTimeout() fails with the timeout's error and leaves no timer",
  {
    permissions: "none",
  },
  async () => {
    const late = cancellable();
    await assertRejects(
      () => withTimeout(late.promise, { ...late.bounds, timeout: 1 }),
      Error,
      "late",
    );
    assertEquals(late.state.cancels, 1);
    const early = cancellable();
    early.resolve("done");
    const options = { ...early.bounds, timeout: 60_000 };
    assertEquals(await withTimeout(early.promise, options), "done");
  },
);

Deno.test("checkTimeout() rejects values outside the range of timers", {
  permissions: "none",
}, () => {
  for (const value of [1, 0.5, 2 ** 31 - 1, Infinity]) {
    assertEquals(checkTimeout(value, "t"), value);
  }
  for (const value of [0, -1, NaN, 2 ** 31]) {
    assertThrows(() => checkTimeout(value, "t"), RangeError, "'t' must be");
  }
});
