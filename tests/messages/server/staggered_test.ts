import {
  CallError,
  connect,
  createServer,
  notification,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { assertEquals, assertRejects } from "@std/assert";
import { dueAfter, Staggered } from "../../../lib/messages/server/staggered.ts";
import { dial, typedSession, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>(), hold: unary<void, void>() },
  client: { news: notification<number>() },
});

/** A server with three clients, and the news that they have heard. */
async function shop() {
  const held = Promise.withResolvers<void>();
  const server = createServer(Shop).handle({
    price: (sku) => sku.length,
    hold: () => held.promise,
  });
  const heard: number[][] = [[], [], []];
  const sessions = await Promise.all(
    heard.map((own) =>
      connect(Shop, dial(server), {
        handlers: { news: (number) => void own.push(number) },
      })
    ),
  );
  return { server, sessions, heard, release: held.resolve };
}

Deno.test(
  "dueAfter() begins at once, rises evenly and ends in time",
  none,
  () => {
    const due = [0, 9, 10, 55, 99, 100, 5000].map((ms) =>
      dueAfter(ms, 100, 10)
    );
    assertEquals(due, [1, 1, 2, 6, 10, 10, 10]);
    assertEquals(dueAfter(0, 0, 7), 7);
    assertEquals(dueAfter(5, 10, 0), 0);
  },
);

Deno.test("Staggered handles no more members after stop()", none, () => {
  const seen: number[] = [];
  const staggered = new Staggered(
    new Set([1, 2, 3]),
    60_000,
    (member) => void seen.push(member),
  );
  staggered.stop(); // the sanitizer notices a timer
  assertEquals(seen, [1]);
});

Deno.test(
  "shutdown({ stagger }) drains one session after the other; the others take calls",
  none,
  async () => {
    const { server, sessions } = await shop();
    const stopped = server.shutdown({ stagger: 60_000 });
    await sessions[0]!.finished;
    assertEquals(sessions.map(({ draining }) => draining.aborted), [
      true,
      false,
      false,
    ]);
    assertEquals(await sessions[2]!.remote.price("abc"), 3);
    await server.shutdown({ stagger: 0 }); // the rest now
    await stopped;
  },
);

Deno.test("a second shutdown({ grace }) shortens the first", none, async () => {
  const { server, sessions } = await shop();
  const held = sessions[0]!.remote.hold();
  const failed = assertRejects(() => held, CallError, "");
  await sessions[0]!.remote.price("abc"); // so that the call before it runs
  const stopped = server.shutdown({ grace: 60_000, stagger: 0 });
  await server.shutdown({ grace: 1, stagger: 0 });
  await stopped;
  await failed;
});

Deno.test("abort() ends a staggered shutdown at once", none, async () => {
  const { server, sessions } = await shop();
  const stopped = server.shutdown({ stagger: 60_000 });
  await server.abort();
  await stopped; // and leaves no timer
  await Promise.all(sessions.map(({ finished }) => finished));
});

Deno.test("shutdown() rejects a stagger that is no time", none, async () => {
  const { server, sessions } = await shop();
  for (const stagger of [-1, 0.5, 2 ** 31, NaN]) {
    await assertRejects(() => server.shutdown({ stagger }), RangeError);
  }
  const misspelled: object = { stager: 5 };
  await assertRejects(
    () => server.shutdown(misspelled),
    TypeError,
    'Unknown option "stager" of shutdown() (did you mean "stagger"?)',
  );
  assertEquals(await sessions[0]!.remote.price("a"), 1);
  await server.shutdown();
});

Deno.test(
  "a session that drains gets no broadcasts, and is not slow",
  none,
  async () => {
    const { server, sessions, heard, release } = await shop();
    const [draining] = [...server.sessions];
    const call = sessions[0]!.remote.hold();
    await sessions[0]!.remote.price("the call before has begun");
    server.topic("all").subscribe(draining!, { slow: "disconnect" });
    const drained = draining!.drain();
    // More than its queue would hold; one more would end the session.
    assertEquals(server.topic("all").publish.news(0), 0);
    for (let number = 0; number < 5; number++) {
      assertEquals(server.broadcast.news(number), 2);
    }
    await sessions[1]!.remote.price("the news before have arrived");
    release();
    await call;
    await drained;
    assertEquals(heard[0], []);
    assertEquals(heard[1], [0, 1, 2, 3, 4]);
    await server.shutdown();
  },
);

Deno.test(
  "a session whose client drains gets no broadcasts",
  none,
  async () => {
    const { server, sessions, release } = await shop();
    const call = sessions[0]!.remote.hold();
    const drained = sessions[0]!.drain();
    await sessions[1]!.remote.price("turn");
    const [first] = [...server.sessions];
    await until(
      () => first!.draining.aborted,
      () => sessions[1]!.remote.price("turn"),
    );
    assertEquals(server.broadcast.news(1), 2);
    release();
    await call;
    await drained;
    await server.shutdown();
  },
);

Deno.test(
  "a server names the spread of its clients in the handshake",
  none,
  async () => {
    for (const [spread, named] of [[undefined, 2000], [0, 0], [700, 700]]) {
      const server = createServer(Shop, { spread }).handle({
        price: () => 0,
        hold() {},
      });
      const session = await connect(Shop, dial(server), {
        handlers: { news() {} },
      });
      assertEquals(typedSession(session).session.peer?.spread, named);
      await server.shutdown();
    }
  },
);
