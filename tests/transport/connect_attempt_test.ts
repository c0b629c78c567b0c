import { connectAttempt } from "../../lib/transport/connect_attempt.ts";
import { TransportError } from "@lengthwise/lengthwise/transport";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";

const ADDRESS = "tcp://127.0.0.1:1";

Deno.test("connectAttempt() returns a connection that arrives in time", async () => {
  const connection = { close: () => {} };
  const result = await connectAttempt(() => Promise.resolve(connection), {
    address: ADDRESS,
    timeout: 60_000,
    signal: new AbortController().signal,
  });
  assertStrictEquals(result, connection);
});

Deno.test("connectAttempt() rejects with the error of the attempt", async () => {
  const cause = new Error("refused");
  const error = await assertRejects(() =>
    connectAttempt(() => Promise.reject(cause), {
      address: ADDRESS,
      timeout: 60_000,
      signal: undefined,
    })
  );
  assertStrictEquals(error, cause);
});

Deno.test("connectAttempt() aborts the signal of the attempt with its own reason", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  let seen: AbortSignal | undefined;
  const attempting = connectAttempt((signal) => {
    seen = signal;
    return new Promise<never>(() => {});
  }, { address: ADDRESS, timeout: 0, signal: abort.signal });
  assertEquals(seen?.aborted, false);
  abort.abort(reason);
  assertStrictEquals(await assertRejects(() => attempting), reason);
  assert(seen?.aborted);
  assertStrictEquals(seen?.reason, reason);
});

Deno.test("connectAttempt() closes a late connection of an attempt that ignores its signal", async () => {
  const late = Promise.withResolvers<{ close(): void }>();
  const closed = Promise.withResolvers<void>();
  await assertRejects(
    () =>
      connectAttempt(() => late.promise, {
        address: "tcp://127.0.0.1:1",
        timeout: 5,
        signal: undefined,
      }),
    TransportError,
    "no connection within 5 ms",
  );
  late.resolve({ close: () => closed.resolve() });
  await closed.promise;
});

Deno.test("connectAttempt() ignores a failure of the attempt after the abort", async () => {
  const late = Promise.withResolvers<{ close(): void }>();
  const abort = new AbortController();
  const attempting = connectAttempt(() => late.promise, {
    address: "tcp://127.0.0.1:1",
    timeout: 0,
    signal: abort.signal,
  });
  abort.abort(new Error("enough"));
  await assertRejects(() => attempting, Error, "enough");
  late.reject(new Error("must not be an unhandled rejection"));
});
