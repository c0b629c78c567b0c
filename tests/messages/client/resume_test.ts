/**
 * Sessions that continue on another connection, over real sockets.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { all } from "../kit.ts";
import { CuttingProxy } from "./cutting_proxy.ts";

const P = protocol({
  name: "p",
  server: {
    echo: unary<string, string>(),
    slow: unary<number, number>(),
    down: serverStream<{ count: number; size: number }, Uint8Array>(),
    up: clientStream<Uint8Array, number>(),
  },
  client: { told: notification<number>() },
});

/** Handlers that count how often they were entered. */
function handlers() {
  const entered: string[] = [];
  const aborted: string[] = [];
  return {
    entered,
    aborted,
    handlers: {
      echo(text: string) {
        entered.push(text);
        return text;
      },
      async slow(n: number, { signal }: { signal: AbortSignal }) {
        entered.push(`slow ${n}`);
        signal.addEventListener("abort", () => aborted.push(`slow ${n}`));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return n;
      },
      async *down({ count, size }: { count: number; size: number }) {
        for (let n = 0; n < count; n++) yield new Uint8Array(size).fill(n);
      },
      async up(items: AsyncIterable<Uint8Array>) {
        let sum = 0;
        for await (const item of items) sum += item.length * (1 + item[0]!);
        return sum;
      },
    },
  };
}

Deno.test("calls, streams and uploads survive cuts of the connection", async () => {
  const { entered, aborted, handlers: handled } = handlers();
  const opened: number[] = [];
  await using server = await serve(P, { port: 0 }, {
    resume: { grace: 30_000 },
    onSession: () => void opened.push(1),
  }).handle(handled);
  await using proxy = new CuttingProxy(server.addr as Deno.NetAddr);
  const told: number[] = [];
  const events: string[] = [];
  await using client = createClient(P, proxy.addr, {
    handlers: { told: (n) => void told.push(n) },
    onSession: () => void opened.push(2),
  });
  const logging = (async () => {
    for await (const { kind } of client.events()) events.push(kind);
  })();
  await client.ready();
  const session = client.session;

  let cuts = 0;
  let next = 200_000;
  proxy.onBytes = () => {
    if (proxy.bytes < next || cuts === 5) return;
    next += 300_000;
    cuts++;
    proxy.cut(cuts === 3 ? 200 : 0);
  };
  const chunk = (n: number) => new Uint8Array(16_000).fill(n % 200);
  async function* chunks() {
    for (let n = 0; n < 100; n++) yield chunk(n);
  }
  const calls = Array.from({ length: 64 }, (_, n) => client.remote.slow(n));
  const streams = Array.from(
    { length: 8 },
    () => all(client.remote.down({ count: 30, size: 3_000 })),
  );
  for (let n = 0; n < 50; n++) server.broadcast.told(n);
  const sum = await client.remote.up(chunks()).result;
  let expected = 0;
  for (let n = 0; n < 100; n++) expected += 16_000 * (1 + n % 200);
  assertEquals(sum, expected);
  assertEquals(await Promise.all(calls), calls.map((_, n) => n));
  for (const items of await Promise.all(streams)) {
    assertEquals(items.map((item) => item[0]), [...Array(30).keys()]);
  }
  for (let n = 0; n < 5; n++) {
    assertEquals(await client.remote.echo(`${n}`), `${n}`);
  }
  assertEquals(told, [...Array(50).keys()]);
  assertEquals(entered.length, new Set(entered).size);
  assertEquals(entered.length, 64 + 5);
  assertEquals(aborted, []);
  assert(cuts >= 3, `${cuts} cuts`);
  assertEquals(opened, [1, 2]);
  assertEquals(client.session, session);
  await client.close();
  await logging;
  const resumed = events.filter((kind) => kind === "resumed").length;
  assert(resumed >= 3, events.join());
  assertEquals(
    new Set(events),
    new Set(["connected", "resuming", "resumed", "closed"]),
  );
});
