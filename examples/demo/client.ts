#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The demo's client: calls the server and shows every frame.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connect, isDeclared } from "@lengthwise/lengthwise";
import { connect as dial } from "@lengthwise/lengthwise/transport";
import { Shop } from "./shop.ts";
import { tap } from "./tap.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    hostname: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "7000" },
  },
});

function log(text: string): void {
  console.log(`messages   ${text}`);
}

async function main(): Promise<void> {
  const { hostname } = values;
  console.log("transport  a client socket is created");
  const connection = await dial({
    hostname,
    port: Number(values.port),
  });
  const { localAddr, remoteAddr } = connection;
  console.log(
    `transport  it is connected: ${hostname}:${localAddr.port} to ${hostname}:${remoteAddr.port}`,
  );
  console.log("framing    every frame: length prefix [ kind flags id ] body");

  const alerted = Promise.withResolvers<string>();
  const session = await connect(Shop, tap(connection), {
    handlers: { alert: alerted.resolve },
  });
  log("the handshake is complete");
  const { remote } = session;

  const price = await remote.price({ sku: "A-1" });
  log(`price({ sku: "A-1" }) returned ${Deno.inspect(price)}`);

  const order = await remote.order({ sku: "A-1", count: 2 });
  log(`order({ sku: "A-1", count: 2 }) returned ${Deno.inspect(order)}`);

  log(await orderTooMany());

  const quotes: number[] = [];
  for await (const { cents } of remote.watch({ sku: "B-2" })) {
    quotes.push(cents);
  }
  log(`watch({ sku: "B-2" }) streamed ${quotes.join(", ")} cents`);

  await remote.log("hello");
  log(
    `log("hello") was sent, and the server alerted: ${
      Deno.inspect(await alerted.promise)
    }`,
  );

  await session.close();
  const reason = await session.finished;
  if (reason.code !== "closed") throw reason;
  console.log(
    "transport  both ends have closed their stream; the socket is closed",
  );

  async function orderTooMany(): Promise<string> {
    try {
      await remote.order({ sku: "A-1", count: 9 });
    } catch (error) {
      if (!isDeclared(Shop.server.order, error, "outOfStock")) throw error;
      return `order({ sku: "A-1", count: 9 }) failed as declared: outOfStock, ${error.data.left} left`;
    }
    throw new Error("The server sold nine items although it has three");
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
