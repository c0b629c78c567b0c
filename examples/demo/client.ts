#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The client of the demonstration: calls the server, and shows every frame
 * that passes.
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

function said(text: string): void {
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
  said("the handshake is done");
  const { remote } = session;

  const price = await remote.price({ sku: "A-1" });
  said(`price({ sku: "A-1" }) gave ${Deno.inspect(price)}`);

  const order = await remote.order({ sku: "A-1", count: 2 });
  said(`order({ sku: "A-1", count: 2 }) gave ${Deno.inspect(order)}`);

  said(await orderTooMany());

  const quotes: number[] = [];
  for await (const { cents } of remote.watch({ sku: "B-2" })) {
    quotes.push(cents);
  }
  said(`watch({ sku: "B-2" }) streamed ${quotes.join(", ")} cents`);

  await remote.log("hello");
  said(
    `log("hello") was sent, and the server alerted: ${
      Deno.inspect(await alerted.promise)
    }`,
  );

  await session.close();
  const error = await session.finished;
  if (error !== undefined) throw error;
  console.log(
    "transport  both sides have ended their stream; the socket is closed",
  );

  async function orderTooMany(): Promise<string> {
    try {
      await remote.order({ sku: "A-1", count: 9 });
    } catch (error) {
      if (!isDeclared(Shop.server.order, error, "outOfStock")) throw error;
      return `order({ sku: "A-1", count: 9 }) failed as declared: outOfStock, ${error.data.left} left`;
    }
    throw new Error("Nine were sold of three");
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
