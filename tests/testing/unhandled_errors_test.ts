import { assertEquals, assertRejects } from "@std/assert";
import { UnhandledErrors } from "../../lib/testing/unhandled_errors.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns an event as the runtime sends it. */
function eventOf(type: string, members: object): Event {
  return Object.assign(new Event(type, { cancelable: true }), members);
}

const REJECTED = (reason: unknown) => eventOf("unhandledrejection", { reason });
const THROWN = (error: unknown, message = "") =>
  eventOf("error", { error, message });

Deno.test(
  "during() throws the first error that was unhandled",
  none,
  async () => {
    const cases: readonly [events: Event[], text: string][] = [
      [[REJECTED(new Error("a"))], "unhandled: Error: a"],
      [[REJECTED("text")], "unhandled: text"],
      [[REJECTED(undefined)], "unhandled: Error: undefined"],
      [[THROWN(new Error("b")), REJECTED("later")], "unhandled: Error: b"],
      [[THROWN(undefined, "c")], "unhandled: Error: c"],
    ];
    const errors = new UnhandledErrors();
    try {
      for (const [events, text] of cases) {
        const run = () => {
          for (const event of events) globalThis.dispatchEvent(event);
          return Promise.resolve();
        };
        await assertRejects(() => errors.during(run), Error, text);
        // The process would end otherwise.
        assertEquals(
          events.map((event) => event.defaultPrevented).includes(false),
          false,
        );
      }
      await errors.during(() => Promise.resolve()); // earlier errors are forgotten
    } finally {
      errors.stop();
    }
  },
);

Deno.test("during() waits for rejections of its turn", none, async () => {
  const errors = new UnhandledErrors();
  try {
    const run = () => {
      Promise.reject(new Error("a real one"));
      return Promise.resolve();
    };
    await assertRejects(() => errors.during(run), Error, "a real one");
    await assertRejects(
      () => errors.during(() => Promise.reject(new Error("its own"))),
      Error,
      "its own",
    );
  } finally {
    errors.stop();
  }
});

Deno.test("stop() leaves errors to others", none, () => {
  new UnhandledErrors().stop();
  const seen: Event[] = [];
  const others = (event: Event) => {
    seen.push(event);
    assertEquals(event.defaultPrevented, false);
    event.preventDefault();
  };
  for (
    const [type, event] of [
      ["unhandledrejection", REJECTED("x")],
      ["error", THROWN("x")],
    ] as const
  ) {
    globalThis.addEventListener(type, others);
    globalThis.dispatchEvent(event);
    globalThis.removeEventListener(type, others);
  }
  assertEquals(seen.length, 2);
});
