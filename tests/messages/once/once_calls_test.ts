import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { memoryOnceStore } from "../../../lib/messages/once/memory_once_store.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { ClientSessionImpl } from "../../../lib/messages/client/open_session.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import { aborted, failureOf, incidents, turns } from "../kit.ts";

const Bank = protocol({
  name: "bank",
  server: {
    pay: unary<number, string>({ once: true }),
    look: unary<number, string>(),
  },
});

const memory = () => ({ memory: crypto.randomUUID() });
const QUICKLY = { minDelay: 1, maxDelay: 4, spread: 0 } as const;
const look = () => "";

Deno.test("an outcome is sent whole to every caller, also if it is long or must wait", async () => {
  const store = memoryOnceStore({ maxOutcome: 1_000_000 });
  await using server = await serve(Bank, memory(), { once: store }).handle({
    pay: (length) => "x".repeat(length),
    look,
  });
  await using session = await connect(Bank, server.addr);
  for (const length of [60_000, 200_000]) { // one frame, and several
    const pay = () => session.remote.pay(length, { key: `${length}` });
    await pay();
    const lengths = Array.from(
      { length: 30 },
      async () => (await pay()).length,
    );
    assertEquals(await Promise.all(lengths), Array(30).fill(length));
  }
});

/** A handler that waits until the test lets it go on. */
function gate() {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<string>();
  let runs = 0;
  return {
    get runs() {
      return runs;
    },
    pay: () => {
      runs++;
      entered.resolve();
      return opened.promise;
    },
    entered: () => entered.promise,
    open: opened.resolve,
  };
}

Deno.test("a repeated key gets the outcome of the first call", async () => {
  let runs = 0;
  await using server = await serve(Bank, memory()).handle({
    pay: (cents) => `receipt ${++runs} for ${cents}`,
    look,
  });
  const pay = async (cents: number, key: string) => {
    const session = await connect(Bank, server.addr);
    try {
      return await session.remote.pay(cents, { key });
    } finally {
      await session.close();
    }
  };
  assertEquals(await pay(5, "a"), "receipt 1 for 5");
  assertEquals(await pay(5, "a"), "receipt 1 for 5"); // through another connection
  assertEquals(await pay(5, "b"), "receipt 2 for 5");
  const error = await failureOf(pay(6, "a"));
  assertEquals([error.code, error.processed], ["conflict", "no"]);
});

// Scenario 24.
Deno.test("repeats join a call that runs, through other connections: one run, equal bytes", async () => {
  const bank = gate();
  await using server = await serve(Bank, memory()).handle({
    pay: bank.pay,
    look,
  });
  await using first = await connect(Bank, server.addr);
  await using second = await connect(Bank, server.addr);
  const calls = [first, second, second].map(({ remote }) =>
    remote.pay(5, { key: "a" })
  );
  await bank.entered();
  const conflict = await failureOf(second.remote.pay(6, { key: "a" }));
  assertEquals(conflict.code, "conflict");
  bank.open("receipt");
  assertEquals(await Promise.all(calls), ["receipt", "receipt", "receipt"]);
  assertEquals(bank.runs, 1);
});

// Scenario 25, trap 21.
Deno.test("the handler outlives its connection, and a repeat gets the real outcome", async () => {
  let signal: AbortSignal | undefined;
  const bank = gate();
  await using server = await serve(Bank, memory()).handle({
    pay: (_, context) => {
      signal = context.signal;
      return bank.pay();
    },
    look,
  });
  const first = await connect(Bank, server.addr);
  const lost = first.remote.pay(5, { key: "a" });
  await bank.entered();
  await first.close();
  assertEquals((await failureOf(lost)).processed, "maybe");
  await turns(20);
  assertEquals(signal!.aborted, false);
  await using second = await connect(Bank, server.addr);
  const repeated = second.remote.pay(5, { key: "a" });
  await turns(20);
  bank.open("receipt");
  assertEquals(await repeated, "receipt");
  assertEquals([bank.runs, signal!.aborted], [1, false]);
});

Deno.test("a client repeats a lost call with its number, and gets the outcome", async () => {
  const bank = gate();
  const keys: string[] = [];
  await using server = await serve(Bank, memory()).handle({
    pay: (_, { key }) => {
      keys.push(key);
      return bank.pay();
    },
    look,
  });
  await using client = createClient(Bank, server.addr, { reconnect: QUICKLY });
  const paid = client.remote.pay(5);
  await bank.entered();
  for (const session of server.sessions) void session.close("cut");
  await turns(50);
  bank.open("receipt");
  assertEquals(await paid, "receipt");
  assertEquals(bank.runs, 1);
  assert(/^\/pay\/[0-9a-f]{32}\/1$/.test(keys[0]!), keys[0]);
});

Deno.test("the deadline of the first call aborts the handler, also without a connection", async () => {
  const reasons: unknown[] = [];
  await using server = await serve(Bank, memory()).handle({
    pay: async (_, { signal }) => {
      await aborted(signal);
      reasons.push(signal.reason);
      throw signal.reason;
    },
    look,
  });
  const first = await connect(Bank, server.addr);
  const lost = failureOf(first.remote.pay(5, { key: "a", timeout: 60 }));
  await turns(10);
  await first.close();
  await lost;
  await using second = await connect(Bank, server.addr);
  const error = await failureOf(second.remote.pay(5, { key: "a" }));
  assertEquals([error.code, error.processed], ["deadline", "yes"]);
  const again = await failureOf(second.remote.pay(5, { key: "a" }));
  assertEquals([again.code, again.processed], ["deadline", "yes"]);
  assertEquals(reasons.length, 1);
});

Deno.test("errors of the handler are outcomes too: a repeat gets the same incident", async () => {
  const { list, onError } = incidents();
  await using server = await serve(Bank, memory(), { onError }).handle({
    pay: () => {
      throw new Error("no funds");
    },
    look,
  });
  await using session = await connect(Bank, server.addr);
  const pay = () => failureOf(session.remote.pay(5, { key: "a" }));
  const [first, second] = [await pay(), await pay()];
  assertEquals([first.code, first.processed], ["internal", "yes"]);
  assertEquals(second.incident, first.incident);
  assertEquals(list.length, 1);
});

Deno.test("a call with a key may precede the server's HELLO", async () => {
  let runs = 0;
  await using server = await serve(Bank, memory()).handle({
    pay: () => `receipt ${++runs}`,
    look,
  });
  for (let attempt = 0; attempt < 2; attempt++) {
    await using session = await connect(Bank, server.addr, { early: true });
    assertEquals(await session.remote.pay(5, { key: "a" }), "receipt 1");
  }
});

Deno.test("a method that is not once refuses ONCE, and a key is a TypeError", async () => {
  await using server = await serve(Bank, memory()).handle({
    pay: () => "",
    look,
  });
  const Other = protocol({
    name: "bank",
    server: { look: unary<number, string>({ once: true }) },
  });
  await using session = await connect(Other, server.addr);
  const error = await failureOf(session.remote.look(1, { key: "a" }));
  assertEquals([error.code, error.processed], ["unimplemented", "no"]);
  await using other = await connect(Bank, server.addr);
  await assertRejects(
    () => other.remote.look(1, { key: "a" }),
    TypeError,
    "Cannot call look with a key: the method is not declared once",
  );
});

Deno.test("a server without the feature refuses the call", async () => {
  const Plain = protocol({
    name: "bank",
    server: { pay: unary<number, string>() },
  });
  await using server = await serve(Plain, memory()).handle({ pay: () => "" });
  await using client = createClient(Bank, server.addr);
  const error = await failureOf(client.remote.pay(1));
  assertEquals([error.code, error.processed], ["unimplemented", "no"]);
});

Deno.test("a server with another store does not run a call again", async () => {
  const bank = gate();
  const address = memory();
  const first = await serve(Bank, address).handle({ pay: bank.pay, look });
  await using client = createClient(Bank, address, { reconnect: QUICKLY });
  const paid = failureOf(client.remote.pay(5));
  await bank.entered();
  await first.abort();
  await using _second = await serve(Bank, address).handle({
    pay: bank.pay,
    look,
  });
  const error = await paid;
  assertEquals([error.code, error.processed], ["outcome-lost", "maybe"]);
  assertEquals(bank.runs, 1);
  bank.open("late");
});

Deno.test("servers that share a store run a call once", async () => {
  const bank = gate();
  const address = memory();
  const once = memoryOnceStore();
  const first = await serve(Bank, address, { once }).handle({
    pay: bank.pay,
    look,
  });
  await using client = createClient(Bank, address, { reconnect: QUICKLY });
  const paid = client.remote.pay(5);
  await bank.entered();
  await first.abort(); // its handler still runs
  await using _second = await serve(Bank, address, { once })
    .handle({ pay: bank.pay, look });
  await client.ready();
  bank.open("receipt");
  assertEquals(await paid, "receipt");
  assertEquals(bank.runs, 1);
});

Deno.test("a session knows the time of its server, from its opening on", async () => {
  using time = virtualTime();
  const server = await serve(Bank, memory()).handle({ pay: () => "", look });
  await time.advance(3_600_000); // the clock of the process is ahead
  const before = Date.now();
  const session = await time.run(connect(Bank, server.addr));
  assert(session instanceof ClientSessionImpl);
  const { outcomes } = session;
  assert(outcomes !== undefined && outcomes.store !== "");
  assert(outcomes.time >= before && outcomes.time <= Date.now());
  await time.advance(1500);
  assertEquals(session.outcomes?.time, outcomes.time + 1500);
  await time.run(session.close());
  await time.run(server.shutdown());
});

Deno.test("a key of a once call has 1 to 128 bytes, and is a well-formed string", async () => {
  await using server = await serve(Bank, memory()).handle({
    pay: (amount) => `paid ${amount}`,
    look,
  });
  await using session = await connect(Bank, server.addr);
  for (const key of ["k", "k".repeat(128), "é".repeat(64)]) {
    assertEquals(await session.remote.pay(5, { key }), "paid 5");
  }
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ["", RangeError, "of 0 bytes: expected 1 to 128"],
    ["k".repeat(129), RangeError, "of 129 bytes"],
    ["é".repeat(65), RangeError, "of 130 bytes"],
    ["\ud800", TypeError, "as its key: expected a string"],
    [7, TypeError, "a value of type number as its key"],
  ];
  for (const [key, type, message] of wrong) {
    await assertRejects(
      () => session.remote.pay(5, { key: key as string }), // wrong on purpose
      type,
      message,
    );
  }
});
