import { assertEquals } from "@std/assert";
import { HookGuard } from "../../../lib/messages/observe/hook_guard.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";

Deno.test("HookGuard reports a function once a minute, whatever it does wrong", async () => {
  using time = virtualTime();
  const reports: string[] = [];
  const guard = new HookGuard((error) => {
    const { message, cause } = error as Error; // it reports errors
    reports.push(`${/\w+\(\)/.exec(message)} ${cause}`);
  });
  guard.each("call", [1, 2], (value) => {
    throw value;
  });
  guard.each("end", ["x"], (value) => Promise.reject(value));
  guard.each("run", ["x"], (value) => Promise.resolve(value));
  guard.returned("message", undefined);
  guard.returned("inject", 7);
  await time.advance(0);
  assertEquals(reports.splice(0), ["call() 1", "end() x"]);
  await time.advance(59_999);
  guard.failed("call", 3);
  assertEquals(reports, []);
  await time.advance(1);
  guard.failed("call", 4);
  assertEquals(reports, ["call() 4"]);
});
