/**
 * An upload that is read does not wait for others that are not.
 *
 * @module
 */
import {
  clientStream,
  connect,
  createServer,
  protocol,
} from "@lengthwise/lengthwise";
import { assertEquals } from "@std/assert";
import { dial } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const ITEM = 100_000;

const P = protocol({
  name: "p",
  server: {
    ignored: clientStream<Uint8Array, number>(),
    read: clientStream<Uint8Array, number>(),
  },
});

Deno.test("an upload is read while many large ones are not", none, async () => {
  const release = Promise.withResolvers<number>();
  await using server = createServer(P).handle({
    ignored: () => release.promise,
    async read(items) {
      let count = 0;
      for await (const _ of items) count++;
      return count;
    },
  });
  await using session = await connect(P, dial(server));
  const { remote } = session;
  async function* endless() {
    for (;;) yield new Uint8Array(ITEM);
  }
  const others = Array.from({ length: 60 }, () => remote.ignored(endless()));
  const items = Array.from({ length: 100 }, () => new Uint8Array(ITEM));
  assertEquals(await remote.read(items).result, 100);
  release.resolve(0);
  assertEquals(
    await Promise.all(others.map(({ result }) => result)),
    Array(60).fill(0),
  );
});
