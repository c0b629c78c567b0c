import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { simulatedNetwork } from "../../../lib/testing/simulated_network.ts";
import {
  type VirtualTime,
  virtualTime,
} from "../../../lib/testing/virtual_time.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { failureOf } from "../kit.ts";

const Bank = protocol({
  name: "bank",
  server: {
    balance: unary<string, number>({ idempotent: true }),
    pay: unary<{ id: number }, number>(),
  },
});

/** Short pauses, so that tests take little time. */
const QUICK = { reconnect: { minDelay: 5, maxDelay: 20, spread: 0 } };

const memory = () => ({ memory: crypto.randomUUID() });

/** Handlers whose second payment is refused for load. */
function busy(rate: number) {
  const limited = limit({ rate, burst: 1, key: () => "all" });
  return { balance: () => 0, pay: use(limited, () => 0) };
}

Deno.test("the end of the client fails a call that pauses before it is sent again", async () => {
  const address = memory();
  await using _server = await serve(Bank, address).handle(busy(0.2)); // 5 s
  const client = createClient(Bank, address, QUICK);
  await client.remote.pay({ id: 1 });
  const call = failureOf(client.remote.pay({ id: 2 }));
  for (let n = 0; n < 10; n++) await client.remote.balance("ada"); // it is refused
  let settled = false;
  call.then(() => settled = true);
  await client.drain();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(settled, true); // not only after the pause of 5 s
  const { message, processed } = await call;
  assertEquals([message, processed], ["pay: the client drains", "no"]);
});

Deno.test("a call that fails while the client drains does not pause", async () => {
  const address = memory();
  await using _server = await serve(Bank, address).handle(busy(0.2)); // 5 s
  const client = createClient(Bank, address, QUICK);
  await client.remote.pay({ id: 1 });
  const call = failureOf(client.remote.pay({ id: 2 }));
  let settled = false;
  call.then(() => settled = true);
  await client.drain();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(settled, true); // not only after the pause of 5 s
  assertEquals((await call).code, "overloaded");
});

Deno.test("a call whose handler may have run says so when the client is closed while it waits", async () => {
  const address = memory();
  const entered = Promise.withResolvers<void>();
  const server = await serve(Bank, address).handle({
    balance: () => {
      entered.resolve();
      return new Promise<number>(() => {});
    },
    pay: () => 0,
  });
  const client = createClient(Bank, address, QUICK);
  const call = failureOf(client.remote.balance("ada"));
  await entered.promise;
  const events = client.events();
  await server.abort();
  for await (const { kind } of events) {
    if (kind === "backing-off") break; // the call waits for its second attempt
  }
  await client.close();
  const { code, processed } = await call;
  assertEquals([code, processed], ["unavailable", "maybe"]);
});

Deno.test("a pause that is longer than wait.timeout fails the call at once", async () => {
  const address = memory();
  await using _server = await serve(Bank, address).handle(busy(0.01)); // 100 s
  await using client = createClient(Bank, address, QUICK);
  await client.remote.pay({ id: 1 });
  const { code, retryAfter } = await failureOf(client.remote.pay({ id: 2 }));
  assertEquals([code, retryAfter > 90_000], ["overloaded", true]);
});

Deno.test("the status is closed while the client drains, and in its last event", async () => {
  const address = memory();
  const held = Promise.withResolvers<number>();
  const entered = Promise.withResolvers<void>();
  await using _server = await serve(Bank, address).handle({
    balance: () => {
      entered.resolve();
      return held.promise;
    },
    pay: () => 0,
  });
  const client = createClient(Bank, address, QUICK);
  const events = Array.fromAsync(client.events());
  const call = client.remote.balance("ada");
  await entered.promise;
  const drained = client.drain();
  assertEquals(client.status, "closed");
  held.resolve(7);
  assertEquals(await call, 7);
  await drained;
  const { kind, status } = (await events).at(-1)!;
  assertEquals([kind, status], ["closed", "closed"]);
});

Deno.test("close() waits until an attempt in progress has released its socket", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // never sends HELLO
  const client = createClient(Bank, silent.addr, QUICK);
  const connection = await silent.accept();
  await client.close(); // the sanitizers notice a socket that is left open
  connection.close();
  silent.close();
});

Deno.test("calls that waited begin before later ones", async () => {
  const address = memory();
  const entered: number[] = [];
  await using client = createClient(Bank, address, QUICK);
  const calls: Promise<number>[] = [];
  const pay = (id: number) => calls.push(client.remote.pay({ id }));
  for (let id = 0; id < 5; id++) pay(id);
  const ready = client.ready().then(() => {
    for (let id = 5; id < 10; id++) pay(id);
  });
  await using _server = await serve(Bank, address).handle({
    balance: () => 0,
    pay: ({ id }) => entered.push(id),
  });
  await ready;
  await Promise.all(calls);
  assertEquals(entered, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("an input that is changed while its call waits is sent as it was", async () => {
  const address = memory();
  await using client = createClient(Bank, address, QUICK);
  const input = { id: 0 };
  const calls = [1, 2, 3].map((id) => {
    input.id = id;
    return client.remote.pay(input);
  });
  await using _server = await serve(Bank, address).handle({
    balance: () => 0,
    pay: ({ id }) => id,
  });
  assertEquals(await Promise.all(calls), [1, 2, 3]);
});

Deno.test("options of a call are checked at once, with or without a session", async () => {
  const address = memory();
  await using client = createClient(Bank, address, QUICK);
  const wrong = async () => [
    await failure(client.remote.balance("ada", { timeout: 0 })),
    await failure(client.remote.balance("ada", { timeout: Number.NaN })),
    // @ts-expect-error: the option does not exist
    await failure(client.remote.balance("ada", { timeuot: 3 })),
  ];
  const before = await wrong();
  assertEquals(before.map(({ name }) => name), [
    "RangeError",
    "RangeError",
    "TypeError",
  ]);
  await using _server = await serve(Bank, address).handle({
    balance: () => 0,
    pay: () => 0,
  });
  await client.ready();
  assertEquals(
    (await wrong()).map(({ message }) => message),
    before.map(({ message }) => message),
  );
});

async function failure(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("The call did not fail");
}

Deno.test("at first, waiting calls take half of what each server accepts", async () => {
  const address = memory();
  await using client = createClient(Bank, address, {
    ...QUICK,
    connections: 2,
  });
  const release = Promise.withResolvers<number>();
  const calls = Array.from(
    { length: 100 },
    () => client.remote.balance("ada"),
  );
  let sessions = 0;
  const loads: number[] = [];
  const watching = (async () => {
    for await (const { kind } of client.events()) {
      if (kind !== "connected") continue;
      await new Promise((resolve) => setTimeout(resolve, 5));
      const { session } = client;
      // deno-lint-ignore no-explicit-any -- `load` is internal
      loads.push((session as any)?.load);
      if (++sessions === 2) return;
    }
  })();
  await using _server = await serve(Bank, address, { limits: { maxCalls: 32 } })
    .handle({ balance: () => release.promise, pay: () => 0 });
  await watching;
  assertEquals(loads.at(-1), 16);
  release.resolve(1);
  await Promise.all(calls);
});

Deno.test("calls that take long do not hold back calls that wait", async () => {
  const address = memory();
  await using client = createClient(Bank, address, QUICK);
  const release = Promise.withResolvers<number>();
  const polls = Array.from(
    { length: 40 },
    () => client.remote.balance("ada"),
  );
  await using _server = await serve(Bank, address, { limits: { maxCalls: 64 } })
    .handle({ balance: () => release.promise, pay: ({ id }) => id });
  await client.ready();
  assertEquals(await client.remote.pay({ id: 1 }), 1);
  release.resolve(1);
  await Promise.all(polls);
});

Deno.test("several connections use several addresses", async () => {
  const addresses = [memory(), memory(), memory()];
  const handlers = { balance: () => 0, pay: () => 0 };
  const servers = await Promise.all(
    addresses.map((address) => serve(Bank, address).handle(handlers)),
  );
  const client = createClient(Bank, addresses, { ...QUICK, connections: 3 });
  const places = new Set<string>();
  for await (const { kind, address } of client.events()) {
    if (kind === "connected" && places.add(address).size === 3) break;
  }
  await client.close();
  for (const server of servers) await server.abort();
});

Deno.test("calls one after another use several connections in turn", async () => {
  const addresses = [memory(), memory(), memory()];
  const counts = [0, 0, 0];
  const servers = await Promise.all(
    addresses.map((address, at) =>
      serve(Bank, address, { maxSessions: 1 }).handle({
        balance: () => ++counts[at]!,
        pay: () => 0,
      })
    ),
  );
  const client = createClient(Bank, addresses, { ...QUICK, connections: 3 });
  let open = 0;
  for await (const { kind } of client.events()) {
    if (kind === "connected" && ++open === 3) break;
  }
  for (let call = 0; call < 30; call++) await client.remote.balance("ada");
  assertEquals(counts, [10, 10, 10]);
  // The sessions that are left share alike; the other servers are full.
  const lost = (async () => {
    for await (const { kind } of client.events()) if (kind === "lost") return;
  })();
  await servers[1]!.abort();
  await lost;
  counts.fill(0);
  for (let call = 0; call < 30; call++) await client.remote.balance("ada");
  assertEquals(counts, [15, 0, 15]);
  await client.close();
  for (const server of servers) await server.abort();
});

Deno.test("close() waits until the connection of a lost session is closed", async () => {
  using time = virtualTime();
  const network = simulatedNetwork();
  const server = await serve(Bank, network.listen("bank")).handle({
    balance: () => 0,
    pay: () => 0,
  });
  const opened: Connection[] = [];
  const bank = network.address("bank");
  const client = createClient(Bank, {
    name: "bank",
    async connect(signal) {
      const connection = await bank.connect(signal);
      opened.push(connection);
      return connection;
    },
  });
  await time.run(client.ready());
  network.set("bank", "silent");
  for await (const { kind } of timed(client.events(), time)) {
    if (kind === "lost") break;
  }
  await time.run(client.close());
  await assertRejects(
    () => opened[0]!.write(new Uint8Array(1)),
    Error,
    "closed",
  );
  await time.run(server.abort());
  assertEquals([time.timers, network.links], [0, []]);
});

/** A server with a call that does not end, and a client that drains meanwhile. */
async function drainingClient() {
  const entered = Promise.withResolvers<void>();
  const held = Promise.withResolvers<number>();
  const address = memory();
  const server = await serve(Bank, address).handle({
    balance() {
      entered.resolve();
      return held.promise;
    },
    pay: () => 0,
  });
  const client = createClient(Bank, address, QUICK);
  const call = client.remote.balance("ada");
  await entered.promise;
  return { server, client, call, held, drained: client.drain() };
}

Deno.test("close() ends a drain in progress", async () => {
  const { server, client, call, drained } = await drainingClient();
  const failure = failureOf(call);
  await client.close();
  assertEquals(server.sessions.size, 0);
  const { code, processed } = await failure;
  assertEquals([code, processed], ["disconnected", "maybe"]);
  await drained;
  await server.shutdown();
});

Deno.test("a second drain() waits for the end of the first one", async () => {
  const { server, client, call, held, drained } = await drainingClient();
  let over = false;
  const again = client.drain().then(() => over = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(over, false);
  held.resolve(7);
  assertEquals(await call, 7);
  await Promise.all([drained, again]);
  assertEquals(server.sessions.size, 0);
  await server.shutdown();
});

Deno.test("close() with a reason that is not a string changes nothing", async () => {
  const address = memory();
  await using _server = await serve(Bank, address).handle({
    balance: () => 7,
    pay: () => 0,
  });
  await using client = createClient(Bank, address, QUICK);
  await client.ready();
  assertThrows(() => client.close(7 as never), TypeError, "as the reason");
  assertEquals(client.status, "connected");
  assertEquals(await client.remote.balance("ada"), 7);
});

Deno.test("close() at any moment of an attempt begins no onSession()", async () => {
  const network = simulatedNetwork();
  const address = network.address("bank");
  const server = await serve(Bank, network.listen("bank")).handle({
    balance: () => 0,
    pay: () => 0,
  });
  let sessions = 0;
  let late = 0;
  for (let turns = 0; turns < 60; turns++) {
    let closed = false;
    const client = createClient(Bank, address, {
      onSession() {
        sessions++;
        if (closed) late++;
        return new Promise(() => {}); // close() does not wait for it
      },
    });
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    closed = true;
    const before = performance.now();
    await client.close();
    assert(performance.now() - before < 4_000); // not the 5 s of onSession()
    assertEquals(client.status, "closed");
  }
  assert(sessions > 0); // some were closed within it
  assertEquals(late, 0);
  await server.shutdown();
});

/** A server that can refuse its clients, and a client with two connections. */
async function refusingServer(time: VirtualTime) {
  const network = simulatedNetwork();
  const state = { refuses: false, attempts: 0 };
  const server = await serve(Bank, network.listen("bank"), {
    onError() {}, // for the refusals
    authenticate() {
      state.attempts++;
      if (state.refuses) throw new Error("refused");
    },
  }).handle({ balance: () => 7, pay: () => 0 });
  const client = createClient(Bank, network.address("bank"), {
    credentials: "token",
    connections: 2,
    reconnect: { maxDelay: 1_000, spread: 0 },
  });
  await time.advance(20_000);
  assertEquals(server.sessions.size, 2);
  return { state, server, client };
}

Deno.test("a refusal ends no connection for good while another one has a session", async () => {
  using time = virtualTime();
  const { state, server, client } = await refusingServer(time);
  state.refuses = true;
  const [primary] = server.sessions;
  primary!.close(); // there is one
  await time.advance(20_000);
  assertEquals([server.sessions.size, client.status], [1, "connected"]);
  state.refuses = false;
  await time.advance(2_000);
  assertEquals(server.sessions.size, 2);
  await time.run(client.close());
  await time.run(server.shutdown());
});

Deno.test("a client whose connections are all lost ends with the first refusal for good", async () => {
  using time = virtualTime();
  const { state, server, client } = await refusingServer(time);
  const events = Array.fromAsync(client.events());
  state.refuses = true;
  for (const session of server.sessions) session.close();
  await time.advance(1_000);
  assertEquals(client.status, "refused");
  const { attempts } = state;
  await time.advance(60_000);
  assertEquals(state.attempts, attempts); // no connection makes another one
  const failure = await failureOf(client.remote.balance("ada"));
  assertEquals([failure.code, failure.processed], ["unavailable", "no"]);
  await assertRejects(() => client.ready(), CallError, "has refused");
  await time.run(client.close());
  const kinds = (await events).map(({ kind }) => kind);
  assertEquals(kinds.filter((kind) => kind === "refused").length, 1);
  await time.run(server.shutdown());
  assertEquals(time.timers, 0);
});

Deno.test("the time that a server names counts as a pause, and its event says so", async () => {
  using time = virtualTime();
  const network = simulatedNetwork();
  const server = await serve(Bank, network.listen("bank")).handle({
    balance: () => 7,
    pay: () => 0,
  });
  const client = createClient(Bank, network.address("bank"));
  const events = client.events();
  await time.run(client.ready());
  await time.advance(20_000);
  await time.run(server.shutdown({ retryAfter: 5_000 }));
  assertEquals(client.status, "backing-off");
  const [connected, draining] = [
    await time.run(events.next()),
    await time.run(events.next()),
  ].map(({ value }) => value);
  assertEquals([connected.kind, draining.kind], ["connected", "draining"]);
  assertEquals([draining.delay, draining.status], [5_000, "backing-off"]);
  await time.advance(4_900);
  assertEquals(client.status, "backing-off");
  await using again = await serve(Bank, network.listen("bank")).handle({
    balance: () => 8,
    pay: () => 0,
  });
  assertEquals(await time.run(client.remote.balance("ada")), 8);
  await time.run(client.close());
  await time.run(again.shutdown());
});

/** Reads events while the clock advances. */
async function* timed<T>(events: AsyncIterator<T>, time: VirtualTime) {
  for (;;) {
    const { done, value } = await time.run(events.next());
    if (done) return;
    yield value;
  }
}
