#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The demo's server. With `--once` it exits when its first client has left;
 * otherwise it serves until interrupted.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  createServer,
  type Handlers,
  type ServerContext,
} from "@lengthwise/lengthwise";
import { listen } from "@lengthwise/lengthwise/transport";
import { Shop } from "./shop.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    hostname: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    once: { type: "boolean", default: false },
  },
});

const PRICES: ReadonlyMap<string, number> = new Map([["A-1", 1250], [
  "B-2",
  80,
]]);

const handlers: Handlers<typeof Shop, "server", ServerContext<typeof Shop>> = {
  price({ sku }) {
    console.log(`messages   price({ sku: "${sku}" }) is called`);
    return { cents: priceOf(sku) };
  },
  order({ sku, count }, context) {
    console.log(
      `messages   order({ sku: "${sku}", count: ${count} }) is called`,
    );
    if (count > 3) throw context.error("outOfStock", { left: 3 });
    return { total: priceOf(sku) * count };
  },
  async *watch({ sku }) {
    console.log(`messages   watch({ sku: "${sku}" }) begins to stream`);
    for (let step = 0; step < 3; step++) {
      yield { sku, cents: priceOf(sku) + step };
    }
  },
  async log(text, { session }) {
    console.log(
      `messages   log(${
        JSON.stringify(text)
      }) has arrived; the client is alerted in turn`,
    );
    await session.remote.alert(`read: ${text}`);
  },
};

function priceOf(sku: string): number {
  return PRICES.get(sku) ?? 0;
}

async function main(): Promise<void> {
  const { hostname } = values;
  const listener = await listen({
    hostname,
    port: Number(values.port),
  });
  const { port = 0 } = listener.addr;
  console.log("transport  a server socket is created");
  console.log(`transport  it is bound to ${hostname}:${port}`);
  console.log("transport  it listens");
  if (values.once) console.log(`@port ${port}`);
  else howToCall(port);

  await using server = createServer(Shop).handle(handlers);
  if (!values.once) onInterrupt(() => listener.close());
  for await (const connection of listener) {
    const { port } = connection.remoteAddr;
    console.log(
      `transport  it accepts a client: a new socket to ${hostname}:${port}`,
    );
    const closed = server.accept(connection)
      .then(() =>
        console.log(`transport  the socket to ${hostname}:${port} is closed`)
      );
    if (values.once) {
      await closed;
      break;
    }
  }
  listener.close();
  console.log("transport  the server socket is closed");
}

function howToCall(port: number): void {
  console.log(`
Call it from a second terminal:

  deno run --allow-net=${values.hostname} examples/demo/client.ts --hostname ${values.hostname} --port ${port}

Press Ctrl+C to stop the server.
`);
}

function onInterrupt(act: () => void): void {
  const handler = () => {
    Deno.removeSignalListener("SIGINT", handler);
    act();
  };
  Deno.addSignalListener("SIGINT", handler);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
