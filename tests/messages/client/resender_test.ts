/**
 * Which attempts of a call count.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type {
  CallResponse,
  OutgoingRequest,
} from "../../../lib/messages/calls/interceptor.ts";
import { OnceNumbers } from "../../../lib/messages/client/once_numbers.ts";
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
  const [method] = sideTables(P, "client", {}).calls;
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
