import { assertEquals } from "@std/assert";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { serverStream } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { all } from "../kit.ts";

const Clock = protocol({
  name: "clock",
  server: { ticks: serverStream<number, number>({ idempotent: true }) },
});

/** Short pauses, so that tests take little time. */
const QUICK = { reconnect: { minDelay: 5, maxDelay: 20, spread: 0 } };

Deno.test("the metadata of a stream that is sent again is that of its last attempt", async () => {
  const address = { memory: crypto.randomUUID() };
  const limited = limit({ rate: 50, burst: 1, key: () => "all" });
  await using _server = await serve(Clock, address).handle({
    ticks: use(limited, async function* (upTo, context) {
      context.respondWith({ clock: "main" });
      for (let tick = 0; tick < upTo; tick++) yield tick;
    }),
  });
  const responses: { metadata: object }[] = [];
  const watched: Interceptor = async (request, next) => {
    const response = await next(request);
    responses.push(response);
    return response;
  };
  await using client = createClient(Clock, address, {
    ...QUICK,
    interceptors: [watched],
  });
  assertEquals(await all(client.remote.ticks(2)), [0, 1]);
  assertEquals(await all(client.remote.ticks(3)), [0, 1, 2]); // refused once
  assertEquals(
    responses.map(({ metadata }) => ({ ...metadata })),
    [{ clock: "main" }, { clock: "main" }],
  );
});

Deno.test("a stream that the caller leaves while it waits is not sent", async () => {
  const address = { memory: crypto.randomUUID() };
  let entered = 0;
  await using client = createClient(Clock, address, QUICK);
  const left = client.remote.ticks(1);
  const disposed = client.remote.ticks(1);
  await left[Symbol.asyncIterator]().return?.();
  await disposed[Symbol.asyncDispose]();
  await using _server = await serve(Clock, address).handle({
    async *ticks(upTo) {
      entered++;
      for (let tick = 0; tick < upTo; tick++) yield tick;
    },
  });
  assertEquals(await all(client.remote.ticks(1)), [0]);
  assertEquals(entered, 1);
});

Deno.test("a stream of an idempotent method begins again if it is cut before its first item", async () => {
  const address = { memory: crypto.randomUUID() };
  const entered = Promise.withResolvers<void>();
  const first = await serve(Clock, address).handle({
    async *ticks() {
      entered.resolve();
      await new Promise(() => {});
      yield 0;
    },
  });
  await using client = createClient(Clock, address, QUICK);
  const items = all(client.remote.ticks(3));
  await entered.promise;
  await first.abort();
  await using _second = await serve(Clock, address).handle({
    async *ticks(upTo) {
      for (let tick = 0; tick < upTo; tick++) yield tick;
    },
  });
  assertEquals(await items, [0, 1, 2]);
});
