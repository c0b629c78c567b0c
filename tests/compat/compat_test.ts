/**
 * The version before this one and this one understand each other, in both
 * roles. `bundle.ts` makes the earlier version's bundle.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { BUNDLE } from "./bundle.ts";
import * as today from "./entry.ts";

/** The names that both versions have. */
type Library = typeof today;

/** Loads the bundle, which needs no other module. */
async function loadPrevious(): Promise<Library> {
  const file = await Deno.open(BUNDLE);
  const text = await new Response(
    file.readable.pipeThrough(new DecompressionStream("gzip")),
  ).text();
  const url = URL.createObjectURL(
    new Blob([text], { type: "application/javascript" }),
  );
  try {
    return await import(url) as Library; // entry.ts of that version
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Declares the protocol with one version of the library. */
function declare(library: Library) {
  const { protocol, unary, notification, serverStream, clientStream, duplex } =
    library;
  return protocol({
    name: "compat",
    server: {
      double: unary<number, number, { odd: { value: number } }>(),
      wait: unary<number, number>(),
      ask: unary<number, number>(),
      note: notification<string>(),
      down: serverStream<number, number>(),
      up: clientStream<number, number>(),
      both: duplex<number, number>(),
      large: unary<Uint8Array, Uint8Array>(),
    },
    client: { answer: unary<number, number>(), heard: notification<string>() },
  });
}

/** A server of one version and a client of another. */
async function connected(server: Library, client: Library) {
  const noted: string[] = [];
  const heard: string[] = [];
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const served = server.createServer(declare(server), { onError: () => {} })
    .handle({
      double(value, context) {
        if (value % 2 === 1) throw context.error("odd", { value });
        return 2 * value;
      },
      async wait(value) {
        entered.resolve();
        await release.promise;
        return value;
      },
      ask: (value, { remote }) => remote.answer(value),
      note: (text) => void noted.push(text),
      async *down(count) {
        for (let n = 0; n < count; n++) yield await Promise.resolve(n);
      },
      async up(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      async *both(items) {
        for await (const item of items) yield 10 * item;
      },
      large: (bytes) => bytes,
    });
  const [near, far] = memoryPair();
  served.accept(far);
  const session = await client.connect(declare(client), near, {
    handlers: {
      answer: (value) => value + 1,
      heard: (text) => void heard.push(text),
    },
  });
  return { served, session, noted, heard, entered, release };
}

async function codeOf(call: PromiseLike<unknown>) {
  try {
    await call;
  } catch (error) {
    const { code, processed, declared, data } = Object(error);
    return { code, processed, declared, data };
  }
  throw new Error("The call has succeeded");
}

const previous = await loadPrevious();
const PAIRS = {
  "a server of the version before": [previous, today],
  "a client of the version before": [today, previous],
} as const;

for (const [name, [server, client]] of Object.entries(PAIRS)) {
  Deno.test(`calls of every shape: ${name}`, async () => {
    const { served, session, noted, heard } = await connected(server, client);
    const { remote } = session;
    assertEquals(session.sameProtocol, true);
    assertEquals(session.mismatches, []);
    assertEquals(await remote.double(4), 8);
    assertEquals(await remote.ask(4), 5);
    assertEquals(
      await Array.fromAsync(remote.down(300)).then((all) => all.length),
      300,
    );
    assertEquals(await remote.up([1, 2, 3]).result, 6);
    assertEquals(await Array.fromAsync(remote.both([1, 2])), [10, 20]);
    const large = crypto.getRandomValues(new Uint8Array(60_000));
    assertEquals(await remote.large(large), large);
    await remote.note("one");
    await served.broadcast.heard("two");
    assertEquals(await remote.ask(0), 1); // both have arrived by then
    assertEquals([noted, heard], [["one"], ["two"]]);
    await session.close();
    await served.shutdown();
  });

  Deno.test(`errors, cancellation and deadlines: ${name}`, async () => {
    const { served, session, entered, release } = await connected(
      server,
      client,
    );
    const { remote } = session;
    assertEquals(await codeOf(remote.double(3)), {
      code: "declared",
      processed: "yes",
      declared: "odd",
      data: { value: 3 },
    });
    const controller = new AbortController();
    const cancelled = codeOf(remote.wait(1, { signal: controller.signal }));
    await entered.promise;
    controller.abort();
    assertEquals((await cancelled).code, "cancelled");
    assertEquals(
      (await codeOf(remote.wait(1, { timeout: 5 }))).code,
      "deadline",
    );
    release.resolve();
    assertEquals(await remote.wait(7), 7);
    await session.close("enough");
    assertEquals((await session.finished).code, "closed");
    await served.shutdown();
  });

  Deno.test(`a drain: ${name}`, async () => {
    const { served, session, entered, release } = await connected(
      server,
      client,
    );
    const waiting = session.remote.wait(7);
    await entered.promise;
    const shutdown = served.shutdown({ retryAfter: 300, grace: 5_000 });
    if (!session.draining.aborted) {
      await new Promise((resolve) =>
        session.draining.addEventListener("abort", resolve, { once: true })
      );
    }
    const { code, retryAfter } = session.draining.reason;
    assertEquals([code, retryAfter], ["drain", 300]);
    const refused = await codeOf(session.remote.double(1));
    assertEquals([refused.code, refused.processed], ["unavailable", "no"]);
    release.resolve();
    assertEquals(await waiting, 7); // in flight during the drain
    await shutdown;
    assert((await session.finished) instanceof client.SessionError);
  });

  Deno.test(`a client that outlives a restart: ${name}`, async () => {
    const { protocol, unary } = server;
    const Echo = protocol({
      name: "echo",
      server: { echo: unary<number, number>() },
    });
    const start = (port: number) =>
      server.serve(Echo, { port }).handle({ echo: (value) => value });
    const first = await start(0);
    const { port = 0 } = first.addr;
    const calling = client.createClient(
      client.protocol({
        name: "echo",
        server: { echo: client.unary<number, number>() },
      }),
      { port },
      { reconnect: { minDelay: 1, maxDelay: 20, spread: 0 } },
    );
    assertEquals(await calling.remote.echo(1), 1);
    await first.shutdown();
    const second = await start(port);
    assertEquals(await calling.remote.echo(2), 2);
    await calling.close();
    await second.shutdown();
  });
}

Deno.test("a server that resumes sessions and stores outcomes serves a client of the version before", async () => {
  const { protocol, unary } = today;
  const server = await today.serve(
    protocol({
      name: "bank",
      server: { pay: unary<number, number>({ once: true }) },
    }),
    { port: 0 },
    { resume: { grace: 5_000 } },
  ).handle({ pay: (cents) => cents });
  const client = previous.createClient(
    previous.protocol({
      name: "bank",
      server: { pay: previous.unary<number, number>() },
    }),
    { port: server.addr.port! },
    { reconnect: { minDelay: 1, maxDelay: 20, spread: 0 } },
  );
  assertEquals(await client.remote.pay(1), 1);
  for (const session of server.sessions) session.close(); // is not resumed
  assertEquals(await client.remote.pay(2), 2);
  await client.close();
  await server.shutdown();
});

Deno.test("a server of the version before refuses a once call, and does not run it", async () => {
  const { protocol, unary } = previous;
  let paid = 0;
  const server = await previous.serve(
    protocol({ name: "bank", server: { pay: unary<number, number>() } }),
    { port: 0 },
  ).handle({ pay: (cents) => paid += cents });
  const client = today.createClient(
    today.protocol({
      name: "bank",
      server: { pay: today.unary<number, number>({ once: true }) },
    }),
    { port: server.addr.port! },
  );
  const { code, processed } = await codeOf(client.remote.pay(1));
  assertEquals([code, processed, paid], ["unimplemented", "no", 0]);
  await client.close();
  await server.shutdown();
});
