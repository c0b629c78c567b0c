/** Handlers that return the items of a source. */
import { assertEquals, assertRejects } from "@std/assert";
import * as z from "zod";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  CallError,
  SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import { StreamMove } from "../../../lib/messages/handlers/positioned_stream.ts";
import {
  duplex,
  serverStream,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { source } from "../../../lib/messages/sources/source.ts";
import { all, turns, until } from "../kit.ts";

const Feed = protocol({
  name: "feed",
  server: {
    bytes: serverStream<void, Uint8Array>(),
    checked: serverStream({ output: z.string().transform(Number) }),
    talk: duplex<void, number>(),
  },
});

/** A server of three sources, each item 8 KiB long. */
function newFeed() {
  const bytes = source<Uint8Array>();
  const checked = source<string>();
  const numbers = source<number>();
  return {
    ...{ bytes, checked, numbers },
    serving: serve(Feed, { port: 0 }, { onError() {} }).handle({
      bytes: (_, context) => bytes.items(context),
      checked: (_, context) => checked.items(context) as AsyncIterable<never>, // its schema converts them
      talk: (_, context) => numbers.items(context, { replay: 9 }),
    }),
  };
}

Deno.test("a draining server moves a stream whose reader is slow at once", async () => {
  const { bytes, serving } = newFeed();
  await using server = await serving;
  await using session = await connect(Feed, server.addr);
  const items = session.remote.bytes()[Symbol.asyncIterator]();
  const first = items.next();
  await until(() => bytes.publish(new Uint8Array(8_192)) >= 20); // more than its credit
  await first;
  const [served] = server.sessions;
  // Nothing is read meanwhile; without a move, the test would time out.
  await served!.drain({ grace: 600_000 });
  let received = 1;
  const error = await assertRejects(async () => {
    while (!(await items.next()).done) received++;
  }, CallError);
  assertEquals([error.code, error.processed, error.retry], [
    "moving",
    "yes",
    "now",
  ]);
  assertEquals(received > 1 && received < 20, true);
});

Deno.test("a client that drains does not end its own streams", async () => {
  const { bytes, serving } = newFeed();
  await using server = await serving;
  await using session = await connect(Feed, server.addr);
  const items = session.remote.bytes()[Symbol.asyncIterator]();
  const first = items.next();
  await publishUntil(first, () => bytes.publish(new Uint8Array(1)));
  const drained = session.drain();
  await turns(5);
  bytes.publish(Uint8Array.of(7));
  bytes.end();
  const rest = await all({ [Symbol.asyncIterator]: () => items });
  assertEquals(rest.at(-1), Uint8Array.of(7));
  await drained;
});

/** Publishes items until the first read has one. */
async function publishUntil<Item>(
  first: Promise<Item>,
  publish: () => void,
): Promise<Item> {
  let settled = false;
  first.then(() => settled = true);
  await until(() => settled, () => {
    publish();
    return turns();
  });
  return await first;
}

Deno.test("the items of a source are validated, and end the stream if they are not valid", async () => {
  const { checked, serving } = newFeed();
  await using server = await serving;
  await using session = await connect(Feed, server.addr);
  const items = session.remote.checked()[Symbol.asyncIterator]();
  const first = items.next();
  const { value } = await publishUntil(first, () => checked.publish("42"));
  assertEquals(value, 42);
  checked.publish(7 as never);
  const error = await assertRejects(async () => {
    while (!(await items.next()).done);
  }, CallError);
  assertEquals(error.code, "internal");
});

Deno.test("a duplex call receives the items of a source without positions", async () => {
  const { numbers, serving } = newFeed();
  for (const number of [1, 2, 3]) numbers.publish(number);
  numbers.end();
  await using server = await serving;
  await using session = await connect(Feed, server.addr);
  assertEquals(await all(session.remote.talk([])), [1, 2, 3]);
});

Deno.test("a reader that leaves is removed from its source", async () => {
  const { bytes, serving } = newFeed();
  await using server = await serving;
  await using session = await connect(Feed, server.addr);
  const items = session.remote.bytes()[Symbol.asyncIterator]();
  const first = items.next();
  await publishUntil(first, () => bytes.publish(new Uint8Array(1)));
  await items.return?.();
  await turns(5);
  // Its source wakes nothing: the call has ended at the server as well.
  const [served] = server.sessions;
  await served!.drain({ grace: 600_000 }); // the test would time out
});

Deno.test("StreamMove ends streams during a drain of this side only, and not after their end", async () => {
  let ended = 0;
  const move = () => new StreamMove(() => ended++);
  const drain = { code: "drain", spread: 0 } as const;
  for (
    const reason of [
      { ...drain, remote: true },
      { code: "closed" } as const,
      { code: "disconnected" } as const,
    ]
  ) move().onDraining(new SessionError("", reason), 1_000);
  const cleared = move();
  cleared.onDraining(new SessionError("", drain), 1_000);
  cleared.clear();
  await turns(5);
  assertEquals(ended, 0);
  for (const code of ["drain", "age"] as const) {
    move().onDraining(new SessionError("", { code, spread: 60_000 }), 0);
  }
  await turns(5);
  assertEquals(ended, 2);
});
