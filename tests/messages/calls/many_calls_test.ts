/**
 * Many small calls at once succeed, in each shape and direction.
 *
 * @module
 */
import {
  clientStream,
  connect,
  createServer,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { assertEquals, assertMatch } from "@std/assert";
import { all, dial, failureOf, inVirtualTime } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Calls of each method; a stream costs more frames. */
const COUNTS = { twice: 10_000, log: 10_000, count: 2_000, sum: 2_000 };

/** A slow machine needs more than the default. */
const limits = { queueTimeout: 60_000 };

const methods = () => ({
  twice: unary<number, number>(),
  count: serverStream<number, number>(),
  sum: clientStream<number, number>(),
  log: notification<number>(),
});
const P = protocol({ name: "p", server: methods(), client: methods() });

function handlers(logged: number[] = []) {
  return {
    twice: (n: number) => 2 * n,
    async *count(n: number) {
      yield n;
    },
    async sum(items: AsyncIterable<number>) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    log: (n: number) => void logged.push(n),
  };
}

for (const side of ["client", "server"] as const) {
  for (const shape of ["twice", "count", "sum", "log"] as const) {
    const count = COUNTS[shape];
    Deno.test(
      `a ${side} may call ${shape} ${count} times at once`,
      none,
      async () => {
        const logged: number[] = [];
        await using server = createServer(P, { limits }).handle(
          handlers(logged),
        );
        await using session = await connect(P, dial(server), {
          handlers: handlers(logged),
          limits,
        });
        const { remote } = side === "client"
          ? session
          : [...server.sessions][0]!;
        const numbers = Array.from({ length: count }, (_, n) => n);
        if (shape === "twice") {
          const results = await Promise.all(
            numbers.map((n) => remote.twice(n)),
          );
          assertEquals(results, numbers.map((n) => 2 * n));
        } else if (shape === "count") {
          const results = await Promise.all(
            numbers.map((n) => all(remote.count(n))),
          );
          assertEquals(results.flat(), numbers);
        } else if (shape === "sum") {
          const results = await Promise.all(
            numbers.map((n) => remote.sum([n, 1]).result),
          );
          assertEquals(results, numbers.map((n) => n + 1));
        } else {
          await Promise.all(numbers.map((n) => remote.log(n)));
          assertEquals(await remote.twice(1), 2);
          assertEquals(logged, numbers);
        }
      },
    );
  }
}

for (const side of ["client", "server"] as const) {
  Deno.test(
    `calls of a ${side} that find no place fail after queueTimeout, in every shape`,
    none,
    inVirtualTime(async () => {
      const few = { limits: { maxCalls: 32, queueTimeout: 1_000 } };
      const never = {
        ...handlers(),
        twice: () => new Promise<never>(() => {}),
      };
      const server = createServer(P, few).handle(never);
      const session = await connect(P, dial(server), {
        ...few,
        handlers: never,
      });
      const { remote } = side === "client" ? session : [...server.sessions][0]!;
      // They take all places.
      for (let n = 0; n < 32; n++) remote.twice(n).then(() => {}, () => {});
      const start = performance.now();
      const errors = await Promise.all([
        failureOf(remote.twice(2)),
        failureOf(all(remote.count(2))),
        failureOf(remote.sum([1]).result),
      ]);
      assertEquals(Math.round((performance.now() - start) / 100), 10);
      for (const { code, processed, message } of errors) {
        assertEquals([code, processed], ["overloaded", "no"]);
        assertMatch(message, /limit queueTimeout.*limit maxCalls/);
      }
      await session.close();
      await server.abort();
    }),
  );
}
