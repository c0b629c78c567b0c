/**
 * `ref()` and `unref()` of sessions, clients and servers reach their connections
 * and listeners, also later ones.
 *
 * @module
 */
import {
  connect,
  createClient,
  createServer,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import { type Connection, listen } from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>() },
});

/** Records the calls of `ref()` and `unref()` of an object. */
function recorded<T extends object>(object: T, calls: string[]): T {
  return Object.assign(object, {
    ref: () => void calls.push("ref"),
    unref: () => void calls.push("unref"),
  });
}

function shop() {
  return createServer(Shop).handle({ price: ({ length }) => length });
}

Deno.test("ref() and unref() of a session reach its connection", async () => {
  const calls: string[] = [];
  const server = shop();
  const [near, far] = memoryPair();
  const accepted = server.accept(far);
  const session = await connect(Shop, recorded(near, calls));
  calls.length = 0;
  session.unref();
  session.ref();
  assertEquals(calls, ["unref", "ref"]);
  await session.close();
  await accepted;
});

Deno.test("ref() and unref() of a client reach each of its connections", async () => {
  const server = shop();
  const connections: { calls: string[]; far: Connection }[] = [];
  const accepted: Promise<void>[] = [];
  const again = Promise.withResolvers<void>();
  const client = createClient(Shop, {
    name: "memory:shop",
    connect() {
      const [near, far] = memoryPair();
      const calls: string[] = [];
      if (connections.push({ calls, far }) === 2) again.resolve();
      accepted.push(server.accept(far));
      return Promise.resolve(recorded(near, calls));
    },
  }, { reconnect: { minDelay: 1, maxDelay: 2, spread: 0 } });
  await client.ready();
  client.unref();
  client.ref();
  client.unref();
  const alive = setInterval(() => {}, 1000); // nothing else keeps the test alive
  connections[0]!.far.close();
  await again.promise;
  await client.ready();
  client.ref();
  clearInterval(alive);
  assertEquals(connections.map(({ calls }) => calls), [
    ["unref", "ref", "unref"],
    ["unref", "ref"],
  ]);
  await client.close();
  await Promise.all(accepted);
});

Deno.test("ref() and unref() of a server reach each of its listeners", async () => {
  const server = shop();
  const calls: [string[], string[]] = [[], []];
  const open = async (index: 0 | 1) =>
    recorded(await listen({ memory: crypto.randomUUID() }), calls[index]);
  const first = server.listen(await open(0));
  server.unref();
  server.ref();
  server.unref();
  const second = server.listen(await open(1)); // it is not kept alive, either
  await Promise.all([first, second]);
  server.ref();
  assertEquals(calls, [["unref", "ref", "unref", "ref"], ["unref", "ref"]]);
  await server.shutdown();
});
