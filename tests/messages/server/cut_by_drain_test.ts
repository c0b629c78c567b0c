/**
 * Calls that the end of a drain cuts fail with `unavailable`, in every shape, for
 * both sides as the one that drains and the one that calls.
 *
 * @module
 */
import { connect, createServer } from "@lengthwise/lengthwise";
import { assertEquals } from "@std/assert";
import { Every } from "../every_shape.ts";
import { all, dial, failureOf, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

interface Cut {
  readonly signal: AbortSignal;
}

function handlers(reasons: unknown[]) {
  const hang = (_: unknown, { signal }: Cut) =>
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => {
        reasons.push(signal.reason.code);
        reject(signal.reason);
      })
    );
  return {
    one: hang,
    note() {},
    async *down(input: number, context: Cut) {
      yield 1;
      await hang(input, context);
    },
    up: hang,
    async *both(input: AsyncIterable<number>, context: Cut) {
      yield 1;
      await hang(input, context);
    },
  };
}

for (const drains of ["client", "server"] as const) {
  for (const calls of ["client", "server"] as const) {
    Deno.test(
      `calls of the ${calls} fail with unavailable when a drain of the ${drains} cuts them`,
      none,
      async () => {
        const reasons: unknown[] = [];
        const server = createServer(Every).handle(handlers(reasons));
        const session = await connect(Every, dial(server), {
          handlers: handlers(reasons),
        });
        const accepted = [...server.sessions][0]!;
        const { remote } = calls === "client" ? session : accepted;
        const failures = [
          failureOf(remote.one(0)),
          failureOf(all(remote.down(0))),
          failureOf(remote.up().result),
          failureOf(all(remote.both())),
        ];
        await turns(3);
        if (drains === "client") await session.drain({ grace: 1 });
        else await accepted.drain({ grace: 1 });
        const errors = await Promise.all(failures);
        assertEquals(
          errors.map(({ code, processed }) => `${code} ${processed}`),
          Array(4).fill("unavailable maybe"),
        );
        assertEquals(reasons, Array(4).fill("unavailable"));
        await session.close();
        await server.shutdown();
      },
    );
  }
}
