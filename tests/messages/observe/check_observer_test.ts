import { assertThrows } from "@std/assert";
import {
  checkObserver,
  checkSessionObserver,
} from "../../../lib/messages/observe/check_observer.ts";
import { createServer, protocol } from "../../../mod.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("an observer with a misspelled function is rejected", none, () => {
  class Misspelled {
    sesion(): void {}
  }
  const observers = JSON.parse("[{}]"); // of any type, as in JavaScript
  const Empty = protocol({ name: "empty" });
  const wrong: [observer: unknown, expected: string][] = [
    [{ sesion() {} }, 'Unknown function "sesion" of an observer (did you mean'],
    [
      new Misspelled(),
      'Unknown function "sesion" of an observer (did you mean',
    ],
    [{ session: 5 }, 'as the member "session" of an observer: expected a func'],
    [Object.create({ call: {} }), 'as the member "call" of an observer'],
    [[], "Cannot use an array as an observer"],
    [null, "Cannot use null as an observer"],
  ];
  for (const [observer, expected] of wrong) {
    observers[0] = observer;
    assertThrows(
      () => createServer(Empty, { observers }).handle({}),
      TypeError,
      expected,
    );
  }
  assertThrows(
    () => checkSessionObserver({ endde() {} }),
    TypeError,
    'Unknown function "endde" of the observer of a session (did you mean "ended"?)',
  );
});

Deno.test("an observer may have state and other functions", none, () => {
  class Counter {
    calls = 0;
    call(): undefined {
      this.calls++;
    }
    report(): number {
      return this.calls;
    }
  }
  for (
    const observer of [
      {},
      new Counter(),
      { calls: [], call() {} },
      { session: undefined },
    ]
  ) checkObserver(observer);
});
