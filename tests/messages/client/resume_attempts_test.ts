/** Attempts to connect again for a session whose connection was lost. */
import { assertEquals } from "@std/assert";
import { attemptUntilResumed } from "../../../lib/messages/client/resume_attempts.ts";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { virtualTime } from "../../../lib/testing/mod.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "an attempt waits for as long as the server asks, also beyond the longest timer",
  none,
  async () => {
    for (const retryAfter of [60_000, 2 ** 32 - 1]) {
      using time = virtualTime();
      const controller = new AbortController();
      let attempts = 0;
      const resumed = attemptUntilResumed(
        0,
        () => {
          attempts++;
          const refusal = {
            code: "refused-busy",
            remote: true,
            retryAfter,
          } as const; // a known code
          return Promise.reject(new SessionError("full", refusal));
        },
        controller.signal,
        () => true,
      );
      await time.advance(50_000);
      assertEquals(attempts, 1);
      controller.abort();
      assertEquals(await time.run(resumed), undefined);
      assertEquals(time.timers, 0);
    }
  },
);

Deno.test(
  "a pause keeps the process alive if the session does",
  none,
  async () => {
    const { setTimeout } = globalThis;
    for (const ref of [true, false]) {
      const controller = new AbortController();
      let unrefs = 0;
      globalThis.setTimeout =
        ((...parameters: Parameters<typeof setTimeout>) => {
          const timer = setTimeout(...parameters);
          const { unref } = timer as never as { unref(): unknown }; // Deno has it
          return Object.assign(timer, {
            unref() {
              unrefs++;
              return unref.call(timer);
            },
          });
        }) as never; // the type of Deno's function
      const resumed = attemptUntilResumed(
        0,
        () => Promise.resolve(),
        controller.signal,
        () => ref,
      );
      globalThis.setTimeout = setTimeout;
      controller.abort();
      await resumed;
      assertEquals(unrefs, ref ? 0 : 1);
    }
  },
);
