/**
 * Keys of serial methods that fail, and messages that leave while they wait.
 *
 * @module
 */
import {
  CallError,
  clientStream,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { testPair } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects } from "@std/assert";
import { all, incidents, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A key as a faulty program computes it. */
// deno-lint-ignore no-explicit-any -- the compiler would reject such a key
const anyKey = (input: any): any => {
  if (input === "throws") throw new Error("no key");
  return input === "object" ? {} : input === "nothing" ? undefined : input;
};

const P = protocol({
  name: "p",
  server: {
    ask: unary<string, string>({ serial: anyKey }),
    list: serverStream<string, string>({ serial: anyKey }),
    log: notification<string>({ serial: anyKey }),
    up: clientStream<number, number>({ serial: true }),
    slow: unary<string, string>({ serial: true }),
  },
});

Deno.test("a call whose key cannot be computed fails alone", none, async () => {
  const reported = incidents();
  const logged: string[] = [];
  await using pair = await testPair(P, {
    server: { onError: reported.onError },
  }).handle({
    ask: (text) => text,
    async *list(text) {
      yield text;
    },
    log: (text) => void logged.push(text),
    up: () => 1,
    slow: (text) => text,
  });
  const { remote } = pair.session;
  for (const faulty of ["throws", "object", "nothing"]) {
    const error = await assertRejects(() => remote.ask(faulty), CallError);
    assertEquals([faulty, error.code, error.processed], [
      faulty,
      "internal",
      "no",
    ]);
    const other = await assertRejects(
      () => all(remote.list(faulty)),
      CallError,
    );
    assertEquals([other.code, other.processed], ["internal", "no"]);
    await remote.log(faulty);
  }
  assertEquals(await remote.ask("fine"), "fine");
  assertEquals(await all(remote.list("fine")), ["fine"]);
  await remote.log("fine");
  await remote.ask("fine");
  assertEquals(logged, ["fine"]);
  assertEquals(reported.list.length, 9);
});

Deno.test(
  "a call that is cancelled while it waits is never handled",
  none,
  async () => {
    const entered: string[] = [];
    const gate = Promise.withResolvers<void>();
    await using pair = await testPair(P).handle({
      ask: (text) => text,
      async *list() {},
      log() {},
      async up(items) {
        entered.push("up");
        let count = 0;
        for await (const _ of items) count++;
        return count;
      },
      async slow(text) {
        entered.push(text);
        await gate.promise;
        return text;
      },
    });
    const { remote } = pair.session;
    const first = remote.slow("first");
    const controller = new AbortController();
    const second = remote.slow("second", { signal: controller.signal });
    const third = remote.slow("third");
    await turns(3);
    controller.abort();
    await assertRejects(() => second, CallError);
    const cancelled = remote.up();
    const next = remote.up([1, 2]);
    cancelled.cancel();
    await assertRejects(() => cancelled.result, CallError);
    await turns(3); // the CANCELs arrive
    gate.resolve();
    assertEquals([await first, await third, await next.result], [
      "first",
      "third",
      2,
    ]);
    assertEquals(entered.filter((name) => name === "second"), []);
  },
);
