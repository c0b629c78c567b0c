import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import {
  Operations,
  operations,
} from "../../../lib/messages/operations/mod.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { Gated } from "../gated.ts";
import { dial, failureOf, turns } from "../kit.ts";

/** Result of `authenticate` in these tests. */
interface Auth {
  readonly admin: boolean;
}

const Shop = mergeProtocols(
  protocol({
    name: "shop",
    server: { endless: serverStream<void, number>() },
  }),
  Operations,
);

function shop(authorize: (auth: Auth) => boolean | Promise<boolean>) {
  return createServer(Shop, {
    authenticate: (credentials): Auth => ({ admin: credentials === "secret" }),
    principal: ({ admin }) => admin ? "operator" : "",
  }).handle({
    ...operations({ authorize }),
    async *endless() {
      for (let count = 0;; count++) yield await count;
    },
  });
}

const Feed = mergeProtocols(
  protocol({ name: "feed", client: { news: notification<string>() } }),
  Operations,
);

function feed() {
  return createServer(Feed, { principal: () => "operator" })
    .handle(operations({ authorize: () => true }));
}

const QUIET = { handlers: { news() {} } };

Deno.test("operations() reports sessions in the order that was asked for", async () => {
  await using server = shop(({ admin }) => admin);
  await using admin = await connect(Shop, dial(server), {
    credentials: "secret",
  });
  await using busy = await connect(Shop, dial(server));
  const streams = [1, 2].map(() =>
    busy.remote.endless()[Symbol.asyncIterator]()
  );
  for (const stream of streams) {
    // More bytes than the reports below.
    for (let item = 0; item < 500; item++) await stream.next();
  }
  const { sessions, server: report } = admin.remote.operations;
  const page = await sessions({ sort: "calls", skip: 0, limit: 10 });
  assertEquals(page.total, 2);
  assertEquals(page.rows.map(({ id, calls }) => [id, calls]), [
    [busy.id, 2],
    [admin.id, 1], // this one
  ]);
  assert(page.rows.every(({ age, bytesSent }) => age >= 0 && bytesSent > 0));
  assertEquals(
    page.rows.map(({ principal, maxCalls, restricted, mismatches }) => [
      ...[principal, maxCalls, restricted, mismatches],
    ]),
    [["", 1024, false, 0], ["operator", 1024, false, 0]],
  );
  for (const { held, heldBytes, dropped, mismatched } of page.rows) {
    assertEquals([dropped, mismatched], [0, []]);
    const sum = Object.values(held).reduce((one, other) => one + other, 0);
    assertEquals(sum, heldBytes);
    assert(Object.values(held).every((bytes) => bytes > 0));
    assert((held["calls"] ?? 0) > 0, "its calls are in progress");
  }
  const next = await sessions({ sort: "bytes", skip: 1, limit: 1 });
  assertEquals([next.total, next.rows.map(({ id }) => id)], [2, [admin.id]]);
  const oldest = await sessions({ sort: "age", skip: 0, limit: 1_000 });
  assert(oldest.rows[0]!.age >= oldest.rows[1]!.age);

  const { instance, health, stats } = await report();
  assertEquals(instance, server.instance);
  assertEquals(health, { "": "serving" });
  assertEquals(stats.sessions.open, 2);
  const { used, ...memory } = server.stats.memory;
  assertEquals({ ...stats.memory, used }, { ...memory, used });
  assertEquals(stats.methods["endless"]?.open, 2);
  await Promise.all(streams.map((stream) => stream.return?.()));
});

Deno.test("operations() refuses clients that are not authorized, and says nothing", async () => {
  const answers: unknown[] = [false, undefined, { admin: true }, "yes"];
  // JavaScript is not checked by the compiler.
  await using server = shop(() => answers.shift() as boolean);
  await using session = await connect(Shop, dial(server));
  const count = answers.length;
  const { operations } = session.remote;
  for (let call = 0; call < count; call++) {
    const request = { skip: 0, limit: 1 };
    const { code, message, data } = await failureOf(
      call % 3 === 0
        ? operations.server()
        : call % 3 === 1
        ? operations.sessions({ sort: "age", ...request })
        : operations.topics({ sort: "queued", ...request }),
    );
    assertEquals(code, "forbidden");
    assertEquals(data, undefined);
    for (const name of [server.instance, session.id, "shop"]) {
      assert(!message.includes(name), message);
    }
  }
});

Deno.test("operations() names the methods that differ, up to 8", async () => {
  const wrong = Object.fromEntries(
    Array.from(
      { length: 9 },
      (_, at) => [`gone${at}`.padEnd(14 * at, "x"), unary()],
    ),
  );
  const Old = mergeProtocols(
    protocol({ name: "shop", server: { endless: unary<void, void>() } }),
    protocol({ name: "old", server: wrong }),
  );
  await using server = shop(() => true);
  await using _old = await connect(Old, dial(server));
  await using admin = await connect(Shop, dial(server));
  const { rows } = await admin.remote.operations.sessions({
    ...{ sort: "age", skip: 0, limit: 1 },
  });
  const [{ mismatches, mismatched } = { mismatches: 0, mismatched: [] }] = rows;
  assertEquals([mismatches, mismatched.length], [10, 8]);
  assertEquals(mismatched.slice(0, 2), ["endless shape", "gone0 missing"]);
  assert(mismatched.every((name) => name.length <= 120));
});

Deno.test("operations() reports the topics whose subscribers are slow", async () => {
  await using server = feed();
  await using admin = await connect(Feed, dial(server), QUIET);
  const gate = new Gated(dial(server));
  await using slow = await connect(Feed, gate, QUIET);
  const [watching, reading] = server.sessions;
  assert(watching && reading);
  for (const name of ["quiet", "busy"]) {
    for (const session of [watching, reading]) {
      server.topic(name).subscribe(session, { maxQueued: 2 });
    }
  }
  server.topic("alone").subscribe(watching);
  gate.shut();
  const text = "x".repeat(100_000);
  const busy = server.topic("busy");
  for (let count = 0; count < 30; count++) {
    busy.publish.news(text);
    await turns(20); // the session that reads takes each of them
  }
  server.topic("alone").publish.news("one");
  server.broadcast.news("all");
  assertEquals([...server.topics].map(({ name }) => name), [
    ...["quiet", "busy", "alone"],
  ]);
  assertEquals(busy.slowest, reading);
  assertEquals(server.topic("quiet").slowest, undefined);
  const { topics } = admin.remote.operations;
  const page = await topics({ sort: "queued", skip: 0, limit: 10 });
  assertEquals(page.total, 3);
  assertEquals(page.broadcast.published, 1);
  assertEquals(page.rows.map(({ name, subscribers }) => [name, subscribers]), [
    ...[["busy", 2], ["quiet", 2], ["alone", 1]],
  ]);
  const [first, second, third] = page.rows;
  assert(first && second && third);
  const { queued, queuedBytes, mostQueuedBytes, dropped } = busy.stats;
  assert(queued === 2 && queuedBytes > 2 * text.length && dropped > 0);
  assertEquals(first, {
    ...busy.stats,
    ...{ name: "busy", subscribers: 2, queued, queuedBytes, mostQueuedBytes },
    ...{ slowest: slow.id, slowestPeer: "memory:pair" },
    slowestPrincipal: "operator",
  });
  assertEquals([second.queued, second.slowest, second.slowestPeer], [
    0,
    "",
    "",
  ]);
  assertEquals([third.published, third.delivered], [1, 1]);
  for (
    const [sort, name] of [
      ...[["dropped", "busy"], ["published", "busy"], ["subscribers", "quiet"]],
    ] as const
  ) {
    const [most] = (await topics({ sort, skip: 0, limit: 1 })).rows;
    assertEquals(most?.name, name, sort);
  }
  gate.open();
});

Deno.test("operations() reports at most 1,000 topics, with short names", async () => {
  await using server = feed();
  await using admin = await connect(Feed, dial(server), QUIET);
  const [session] = server.sessions;
  assert(session);
  const long = `${"x".repeat(99)}\u{1f9ed}${"x".repeat(10_000)}`;
  server.topic(long).subscribe(session);
  for (let at = 0; at < 1_500; at++) server.topic(`${at}`).subscribe(session);
  const { topics } = admin.remote.operations;
  const page = await topics({ sort: "queued", skip: 0, limit: 1_000 });
  assertEquals([page.total, page.rows.length], [1_501, 1_000]);
  assertEquals(page.rows[0]?.name, `${"x".repeat(99)}\ufffd`);
  const rest = await topics({ sort: "queued", skip: 1_000, limit: 1_000 });
  const names = [...page.rows, ...rest.rows].map(({ name }) => name);
  assertEquals(new Set(names).size, 1_501);
});

Deno.test("operations() waits for authorize, and takes its errors", async () => {
  let allowed = false;
  await using server = shop(() => {
    if (allowed) return Promise.resolve(true);
    throw new CallError("ask again", { code: "overloaded" });
  });
  await using session = await connect(Shop, dial(server));
  const { code } = await failureOf(session.remote.operations.server());
  assertEquals(code, "overloaded");
  allowed = true;
  await session.remote.operations.server();
});

Deno.test("operations() rejects requests that are not valid", async () => {
  await using server = shop(() => true);
  await using session = await connect(Shop, dial(server));
  const valid = { sort: "age", skip: 0, limit: 1_000 } as const; // literals
  assertEquals((await session.remote.operations.sessions(valid)).total, 1);
  const { sessions, topics } = session.remote.operations as Record<
    // a client may send anything
    string,
    (request: unknown) => Promise<unknown>
  >;
  for (
    const wrong of [
      { ...valid, limit: 1_001 },
      { ...valid, limit: 0 },
      { ...valid, skip: -1 },
      { ...valid, skip: 0.5 },
      { ...valid, sort: "name" },
      null,
    ]
  ) {
    for (const method of [sessions, topics]) {
      const sorted = method === topics && wrong?.sort === "age"
        ? { ...wrong, sort: "queued" }
        : wrong;
      const { code } = await failureOf(method!(sorted));
      assertEquals(code, "invalid", JSON.stringify(sorted));
    }
  }
});

Deno.test("operations() needs the option authorize", () => {
  // JavaScript is not checked by the compiler.
  const wrong = (options: unknown) => () => operations(options as never);
  assertThrows(wrong({}), TypeError, "authorize");
  assertThrows(wrong({ authorize: true }), TypeError, "authorize");
  assertThrows(wrong({ autorize: () => true }), TypeError, "Unknown option");
});
