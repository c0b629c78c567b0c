/**
 * Metadata of calls and middleware of handlers, for every shape and in both
 * directions.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Middleware } from "../../lib/messages/handlers/middleware.ts";
import { use } from "../../lib/messages/handlers/use.ts";
import {
  ANSWERING,
  ASKING,
  CALLS,
  everyShape,
  handlersOf,
} from "./every_shape.ts";
import { failureOf, until } from "./kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

for (const asks of ASKING) {
  Deno.test(
    `respondWith() and onMetadata() work for every shape, called by the ${asks}`,
    none,
    async () => {
      const seen: unknown[] = [];
      const handlers = handlersOf((given, context) => {
        seen.push([context.method, context.metadata["say"]]);
        context.respondWith({ first: "lost" });
        context.respondWith({ heard: context.metadata["say"] ?? "nothing" });
        return given;
      });
      await using both = await everyShape(asks, {
        ...handlers,
        note: (_, { method, metadata }) =>
          void seen.push([method, metadata["say"]]),
      }, {});
      for (const shape of ANSWERING) {
        const received: unknown[] = [];
        const answer = await CALLS[shape](both.asked, {
          metadata: { say: shape },
          onMetadata: (metadata) => void received.push({ ...metadata }),
        });
        assertEquals([answer, received], [[2], [{ heard: shape }]], shape);
      }
      await both.asked.note(1, { metadata: { say: "note" } });
      await until(() => seen.length >= 5);
      assertEquals(seen, [...ANSWERING, "note"].map((each) => [each, each]));
      assertEquals(both.list, []);
    },
  );

  Deno.test(
    `onMetadata() of every shape receives no entries by default, called by the ${asks}`,
    none,
    async () => {
      await using both = await everyShape(
        asks,
        handlersOf((given) => given),
        {},
      );
      for (const shape of ANSWERING) {
        const received: unknown[] = [];
        await CALLS[shape](both.asked, {
          onMetadata: (metadata) => void received.push({ ...metadata }),
        });
        assertEquals(received, [{}], shape);
      }
    },
  );

  Deno.test(
    `Middleware wraps handlers of every shape, called by the ${asks}`,
    none,
    async () => {
      const order: string[] = [];
      const middleware: Middleware<{ factor: number }> = async (
        context,
        next,
      ) => {
        order.push(`in ${context.method}`);
        const result = await next({ factor: 3 });
        order.push(`out ${context.method}`);
        return result;
      };
      const handlers = handlersOf<{ factor: number }>((given, context) => {
        order.push(`handler of ${context.method}`);
        return given * context.factor;
      });
      await using both = await everyShape(asks, use(middleware, handlers), {});
      for (const shape of ANSWERING) {
        assertEquals(await CALLS[shape](both.asked, {}), [6], shape);
      }
      await both.asked.note(1);
      await until(() => order.length >= 15);
      assertEquals(
        order,
        [...ANSWERING, "note"].flatMap((
          each,
        ) => [`in ${each}`, `handler of ${each}`, `out ${each}`]),
      );
      assertEquals(both.list, []);
    },
  );

  Deno.test(
    `Middleware refuses calls of every shape before they are handled, called by the ${asks}`,
    none,
    async () => {
      let handled = 0;
      const refused: string[] = [];
      const middleware: Middleware<Record<never, never>> = (context) => {
        refused.push(context.method);
        throw context.refuse("Not you", {
          code: "forbidden",
          data: { who: "you" },
        });
      };
      await using both = await everyShape(
        asks,
        use(middleware, handlersOf((given) => (handled++, given))),
        {},
      );
      for (const shape of ANSWERING) {
        const error = await failureOf(CALLS[shape](both.asked, {}));
        const { code, processed, message, data } = error;
        assertEquals(
          [code, processed, message, data],
          ["forbidden", "no", "Not you", { who: "you" }],
          shape,
        );
      }
      await both.asked.note(1);
      await until(() => refused.length >= 5);
      assertEquals(refused, [...ANSWERING, "note"]);
      assertEquals([handled, both.list.length], [0, 0]);
    },
  );
}
