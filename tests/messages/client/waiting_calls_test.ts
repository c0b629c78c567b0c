import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type WaitingCall,
  WaitingCalls,
} from "../../../lib/messages/client/waiting_calls.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";

function call(log: string[], name: string, bytes = 1): WaitingCall {
  return {
    bytes,
    resume: () => log.push(`${name} resumed`),
    fail: (error) => log.push(`${name} ${error.code}`),
  };
}

Deno.test("waiting calls start in the order in which they were made, while there is room", () => {
  const log: string[] = [];
  const waiting = new WaitingCalls({ calls: 10, bytes: 10 });
  for (const name of ["a", "b", "c"]) waiting.add(call(log, name));
  let room = 2;
  waiting.resume(() => room-- > 0);
  assertEquals(log, ["a resumed", "b resumed"]);
  assertEquals(waiting.size, 1);
});

Deno.test("a call is refused beyond the limit on calls", () => {
  const waiting = new WaitingCalls({ calls: 2, bytes: 10 });
  waiting.add(call([], "a"));
  assertEquals(waiting.refusal(1), undefined);
  waiting.add(call([], "b"));
  assertStringIncludes(waiting.refusal(1)!, "option wait.calls");
});

Deno.test("a call is refused beyond the limit on bytes, unless it is the only one", () => {
  const waiting = new WaitingCalls({ calls: 9, bytes: 10 });
  assertEquals(waiting.refusal(11), undefined);
  const large = call([], "a", 8);
  waiting.add(large);
  assertEquals(waiting.refusal(2), undefined);
  assertStringIncludes(waiting.refusal(3)!, "option wait.bytes");
  waiting.remove(large);
  waiting.remove(large); // counts once
  waiting.add(call([], "b", 10));
  assertStringIncludes(waiting.refusal(1)!, "option wait.bytes");
});

Deno.test("calls that still wait at the end fail and are removed", () => {
  const log: string[] = [];
  const waiting = new WaitingCalls({ calls: 9, bytes: 9 });
  for (const name of ["a", "b"]) waiting.add(call(log, name, 4));
  waiting.failAll(new CallError("closed", { code: "unavailable" }));
  assertEquals(log, ["a unavailable", "b unavailable"]);
  assertEquals([waiting.size, waiting.refusal(9)], [0, undefined]);
});
