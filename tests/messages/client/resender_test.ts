/**
 * Which attempts of a call count.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import type {
  CallResponse,
  OutgoingRequest,
} from "../../../lib/messages/calls/interceptor.ts";
import { ALL_PLUGINS } from "../../../lib/messages/connection/all_plugins.ts";
import { OnceNumbers } from "../../../lib/messages/calls/once_numbers.ts";
import {
  resender,
  type ResendHost,
} from "../../../lib/messages/client/resender.ts";
import { RetryBudget } from "../../../lib/messages/client/retry_budget.ts";
import { WaitingCalls } from "../../../lib/messages/client/waiting_calls.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { sideTables } from "../../../lib/messages/connection/side_tables.ts";
import { failureOf } from "../kit.ts";

const P = protocol({ name: "p", server: { get: unary<void, number>() } });

/** Makes a call whose attempts fail as listed, and returns its attempts. */
async function attemptsOf(failures: CallError[], maxAttempts: number) {
  const [method] = sideTables(P, "client", {}, ALL_PLUGINS).calls;
  const pauses: number[] = [];
  const host: ResendHost = {
    waiting: new WaitingCalls({ calls: 10, bytes: 1_000 }),
    budget: new RetryBudget({ perSecond: 10, ratio: 0 }),
    maxAttempts,
    waitTimeout: 10_000,
    hasSession: true,
    ended: undefined,
    lastFailure: undefined,
    method: () => method!,
    callTimeout: undefined,
    once: new OnceNumbers(),
    pauses: new Set(),
    copy: (value) => ({ copy: value, bytes: 0 }),
    pause: (attempt) => {
      pauses.push(attempt);
      return 0;
    },
    onSettled() {},
    onDropped() {},
  };
  const request = {
    method: "get",
    shape: "unary",
    options: { signal: new AbortController().signal },
  } as unknown as OutgoingRequest; // the members that attempts read
  const attempts: (number | undefined)[] = [];
  const response = resender(host)(request, (request) => {
    attempts.push(request.attempt);
    const failure = failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    return Promise.resolve({ result: 1 } as unknown as CallResponse); // is not read
  });
  const error = await response.then(() => undefined, () => failureOf(response));
  return { attempts, pauses, code: error?.code };
}

function failure(code: "disconnected" | "overloaded" | "unavailable") {
  const retry = code === "overloaded" ? "later" : "now";
  return new CallError("failed", { code, processed: "no", retry });
}

Deno.test("resender() does not count attempts that were never sent", async () => {
  const unsent = () => failure("disconnected");
  const failures = [unsent(), unsent(), unsent(), failure("overloaded")];
  assertEquals(await attemptsOf(failures, 2), {
    attempts: [0, 0, 0, 0, 1],
    pauses: [1],
    code: undefined,
  });
});

Deno.test("resender() makes at most maxAttempts attempts that are sent", async () => {
  const refused = () => failure("overloaded");
  assertEquals(await attemptsOf([refused(), refused(), refused()], 2), {
    attempts: [0, 1],
    pauses: [1],
    code: "overloaded",
  });
});

const Pay = protocol({
  name: "p",
  server: { get: unary<void, number>({ once: true }) },
});

/** Makes calls through a host that a test changes, and writes down their attempts. */
function resending(changes: Partial<ResendHost> = {}, declared = P) {
  const [method] = sideTables(declared, "client", {}, ALL_PLUGINS).calls;
  let settled = 0;
  const host: ResendHost = {
    ...{ waiting: new WaitingCalls({ calls: 10, bytes: 1_000 }) },
    ...{ budget: new RetryBudget({ perSecond: 10, ratio: 0 }), maxAttempts: 3 },
    ...{ waitTimeout: 10_000, hasSession: true, ended: undefined },
    ...{
      lastFailure: undefined,
      method: () => method!,
      callTimeout: undefined,
    },
    ...{ once: new OnceNumbers(), pauses: new Set(), onDropped() {} },
    copy: (value) => ({ copy: value, bytes: 0 }),
    pause: () => 0,
    onSettled: () => settled++,
    ...changes,
  };
  const attempts: [at: number, timeout: number | undefined][] = [];
  const controller = new AbortController();
  const call = (failures: CallError[], options: object = {}) => {
    const { signal } = controller;
    const request = {
      ...{ method: "get", shape: "unary", options: { signal, ...options } },
    } as unknown as OutgoingRequest; // the members that attempts read
    return resender(host)(request, ({ options }) => {
      attempts.push([performance.now(), options.timeout]);
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      return Promise.resolve({ result: 1 } as unknown as CallResponse); // is not read
    });
  };
  return { host, call, attempts, controller, settled: () => settled };
}

Deno.test("resender() lets successes pay for calls that are sent again", async () => {
  const budget = new RetryBudget({ perSecond: 0, ratio: 1 });
  const { call, settled } = resending({ budget });
  const refused = await failureOf(call([failure("overloaded")]));
  assertStringIncludes(refused.message, "option retry.budget");
  await call([]);
  await call([failure("overloaded")]);
  assertEquals(settled(), 1 + 1 + 2, "after each attempt, others may start");
  await call([failure("overloaded")]); // the success of the one before pays
});

Deno.test("resender() passes on the time that is left after a pause", async () => {
  using time = virtualTime();
  const { call, attempts, host } = resending({ pause: () => 300 });
  const start = performance.now();
  const failures = () => [failure("overloaded"), failure("overloaded")];
  await time.run(call(failures(), { timeout: 1000 }));
  await time.run(call(failures()));
  assertEquals(
    attempts.map(([at, timeout]) => [at - start, timeout]),
    [[0, 1000], [300, 700], [600, 400], [600, undefined], [900, undefined], [
      1200,
      undefined,
    ]],
  );
  assertEquals([host.pauses.size, time.timers], [0, 0]);
  const late = failureOf(call(failures(), { timeout: 600 }));
  assertStringIncludes(
    (await time.run(late)).message,
    "the deadline would pass first",
  );
  const intime = resending({ pause: () => 1 });
  const before = performance.now();
  await time.run(intime.call([failure("overloaded")], { timeout: 1.5 }));
  assertEquals(performance.now() - before, 1);
});

Deno.test("resender() waits as long as a server asks, but not for longer than calls wait", async () => {
  using time = virtualTime();
  for (const [retryAfter, waits] of [[500, true], [501, false]] as const) {
    const { call, attempts, host } = resending({
      waitTimeout: 500,
      pause: () => 20,
    });
    const busy = new CallError("busy", {
      ...{ code: "overloaded", processed: "no", retry: "later", retryAfter },
    });
    const start = performance.now();
    const outcome = call([busy]).then(() => "", ({ message }) => message);
    const message = await time.run(outcome);
    assertEquals(message.includes("names a pause of 501 ms"), !waits, message);
    assertEquals(performance.now() - start, waits ? 500 : 0);
    assertEquals([attempts.length, host.pauses.size], [waits ? 2 : 1, 0]);
  }
});

Deno.test("resender() ends the pause of a call with its client or its signal", async () => {
  using time = virtualTime();
  for (const ends of ["client", "signal"]) {
    const { call, host, controller } = resending({ pause: () => 1000 });
    const outcome = failureOf(call([failure("overloaded")]));
    await time.advance(10);
    assertEquals(host.pauses.size, 1);
    if (ends === "signal") controller.abort();
    else {
      const closed = new CallError("closed", { code: "unavailable" });
      for (const fail of host.pauses) fail(closed);
    }
    const { code, message } = await time.run(outcome);
    assertEquals(
      code,
      ends === "signal" ? "cancelled" : "unavailable",
      message,
    );
    assertEquals([host.pauses.size, time.timers], [0, 0]);
  }
});

Deno.test("resender() ends a once call when no attempt follows", async () => {
  const events: string[] = [];
  class Numbers extends OnceNumbers {
    override next(key: string) {
      events.push(`begins ${key}`);
      const { identity } = super.next(key);
      return { identity, over: () => void events.push(`over ${key}`) };
    }
  }
  const { call } = resending({
    once: new Numbers(),
    pause: () => {
      events.push("pauses");
      return 0;
    },
  }, Pay);
  await call([failure("overloaded")]);
  await failureOf(call([new CallError("x", { code: "internal" })]));
  await call([], { key: "own" });
  assertEquals(events, [
    ...["begins ", "pauses", "over ", "begins ", "over "],
    ...["begins own", "over own"],
  ]);
});
