/**
 * A session's turn: after `turnTime` of handling frames, other connections get
 * theirs. Simulated time passes only in the handlers.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";

const none = { permissions: "none" } as const;

const P = protocol({
  name: "p",
  server: { work: notification<null>(), ask: unary<null, number>() },
});

/** A clock that only handlers advance. */
class Clock implements Disposable {
  now = 1000;
  readonly #real = performance.now;

  constructor() {
    performance.now = () => this.now;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real;
  }
}

/** Returns how many notifications of 1 ms are handled in each iteration. */
async function notificationsPerTurn(turnTime?: number): Promise<number[]> {
  using clock = new Clock();
  let iteration = 0;
  let running = true;
  const count = (): void => {
    iteration++;
    if (running) setImmediate(count);
  };
  const iterations: number[] = [];
  const server = createServer(P, { limits: { turnTime } }).handle({
    work() {
      clock.now++;
      iterations.push(iteration);
    },
    ask: () => iterations.length,
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const session = await connect(P, near);
  count();
  for (let i = 0; i < 200; i++) session.remote.work(null).catch(() => {});
  while (await session.remote.ask(null) < 200);
  running = false;
  await session.close();
  await server.shutdown();
  await new Promise((resolve) => setImmediate(resolve));
  return [...Map.groupBy(iterations, (one) => one).values()]
    .map(({ length }) => length);
}

Deno.test(
  "a session handles frames for 4 ms per turn by default",
  none,
  async () => {
    const turns = await notificationsPerTurn();
    assertLessOrEqual(Math.max(...turns), 6);
    assertEquals(turns.reduce((sum, one) => sum + one), 200);
  },
);

Deno.test(
  "a session handles frames for the time that the limit turnTime allows",
  none,
  async () => {
    const turns = await notificationsPerTurn(20);
    const most = Math.max(...turns);
    assert(most >= 20 && most <= 30, `${turns}`);
  },
);

Deno.test(
  "a session that works through a long read answers another in between",
  none,
  async () => {
    using clock = new Clock();
    let worked = 0;
    const server = createServer(P).handle({
      work() {
        clock.now++;
        worked++;
      },
      ask() {
        clock.now += 0.1;
        return worked;
      },
    });
    const pairs = [memoryPair(), memoryPair()] as const;
    for (const [, far] of pairs) server.accept(far);
    const busy = await connect(P, pairs[0][0]);
    const quiet = await connect(P, pairs[1][0]);
    for (let i = 0; i < 1000; i++) busy.remote.work(null).catch(() => {});
    const seen: number[] = [];
    while (worked < 1000) seen.push(await quiet.remote.ask(null));
    const gaps = seen.map((count, i) => count - (seen[i - 1] ?? 0));
    assertLessOrEqual(Math.max(...gaps), 12, `${gaps}`);
    await busy.close();
    await quiet.close();
    await server.shutdown();
  },
);
