/**
 * Both ends of {@linkcode Texts}: a server, and a client that uses each method.
 *
 * @module
 */
import { connect, createServer, type Server } from "@lengthwise/lengthwise";
import type {
  Connection,
  SocketAddress,
} from "@lengthwise/lengthwise/transport";
import { expect } from "./programs/expectations.ts";
import { Texts } from "./programs/texts.ts";

/** Serves on a free port of this machine. */
export async function serveTexts(): Promise<Server<typeof Texts>> {
  const server = createTexts();
  await server.listen({ port: 0 });
  return server;
}

/** Returns a server that does not listen. */
export function createTexts(): Server<typeof Texts> {
  return createServer(Texts).handle({
    upper: (text) => text.toUpperCase(),
    async *count(most) {
      for (let n = 0; n < most; n++) yield n;
    },
    async sum(items) {
      let total = 0;
      for await (const item of items) total += item;
      return total;
    },
    askBack: (text, { remote }) => remote.reverse(text),
  });
}

/** Calls each method of a server, which also calls back. */
export async function callTexts(
  address: SocketAddress | Connection | string,
): Promise<void> {
  const session = await connect(Texts, address, {
    handlers: { reverse: (text) => [...text].reverse().join("") },
  });
  const { remote } = session;
  expect("a call", await remote.upper("hello"), "HELLO");
  expect("a call back", await remote.askBack("abc"), "cba");
  let sum = 0;
  for await (const n of remote.count(5_000)) sum += n;
  expect("a server stream", sum, 12_497_500);
  const numbers = Array.from({ length: 5_000 }, (_, n) => n);
  expect("a client stream", await remote.sum(numbers).result, 12_497_500);
  await session.close();
}
