/**
 * Shared sources whose items are stored by JetStream, in a real nats-server.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  createClient,
  protocol,
  serve,
  serverStream,
  type Source,
  source,
} from "@lengthwise/lengthwise";
import {
  natsAddress,
  natsBus,
  natsListener,
} from "@lengthwise/lengthwise/nats";
import { checkBus } from "@lengthwise/lengthwise/testing";
import { type Client, connectNats, NatsServer } from "./nats_server.ts";

const subject = "lw.news";
const News = protocol({
  name: "news",
  server: { read: serverStream<void, number>() },
});

/** Creates the stream, as `nats stream add` does. */
async function createStream(client: Client, limits: object = {}) {
  const config = {
    name: "items",
    subjects: ["lw.s.>"],
    storage: "file",
    allow_direct: true,
    ...limits,
  };
  const reply = await client.request(
    "$JS.API.STREAM.CREATE.items",
    JSON.stringify(config),
  );
  const { error } = reply.json<{ error?: { description: string } }>();
  if (error !== undefined) throw new Error(error.description);
}

Deno.test("natsBus() with a history passes checkBus()", async (t) => {
  await using nats = await NatsServer.start(
    'jetstream { store_dir: "FOLDER" }',
  );
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  await createStream(near, { subjects: ["check.>"] });
  const pair = [near, far].map((client) =>
    natsBus(client, { history: "items" })
  );
  const [one, two] = pair;
  await checkBus(() => [one!, two!], {
    step: (name, check) => t.step(name, check),
  });
  await Promise.all([near.close(), far.close()]);
});

/** Returns a source that keeps ten items itself. */
function shared(client: Client): Source<number> {
  const bus = natsBus(client, { history: "items" });
  return source<number>({
    shared: { bus, name: "news" },
    history: { items: 10 },
  });
}

/** Starts a server that is reached by NATS. */
async function start(client: Client, items: Source<number>) {
  const listener = await natsListener(client, { subject });
  return serve(News, listener).handle({
    read: (_, context) => items.items(context),
  });
}

Deno.test("a reader that returns to a new server gets what JetStream has stored, also when nats-server was killed", async () => {
  await using nats = await NatsServer.start(
    'jetstream { store_dir: "FOLDER" }',
  );
  const [one, two] = [await connectNats(nats), await connectNats(nats)];
  await createStream(one);
  const published = shared(one);
  const here = shared(two);
  const first = await start(two, here);
  const client = createClient(News, natsAddress(one, { subject }));
  const received: number[] = [];
  const gaps: unknown[] = [];
  const reading = (async () => {
    const onGap = (gap: unknown) => void gaps.push(gap);
    for await (const n of client.remote.read(undefined, { onGap })) {
      received.push(n);
      if (n === 3_000) break;
    }
  })();
  const until = async (count: number) => {
    for (let n = 0; received.length < count; n++) {
      if (n === 2_000) throw new Error(`${received.length} items of ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const { epoch } = published.position;
  published.publish(1);
  // The reader joins with the first item that is published after it.
  while (received.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    published.publish(published.position.number + 1);
  }
  await until(1);
  await first.shutdown({ grace: 0 });
  here.end();
  while (published.position.number < 2_000) {
    published.publish(published.position.number + 1);
  }
  await one.flush();
  await nats.end("SIGKILL");
  await nats.start();
  const again = await connectNats(nats);
  for (;;) {
    try {
      await one.flush();
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const there = shared(again); // keeps nothing of it
  const second = await start(again, there);
  while (published.position.number < 3_000) {
    published.publish(published.position.number + 1);
  }
  await reading;
  const from = received[0]!;
  assertEquals(
    received,
    Array.from({ length: 3_001 - from }, (_, n) => from + n),
  );
  assertEquals([gaps, published.position.epoch], [[], epoch]);
  await client.close();
  await second.shutdown();
  published.end();
  there.end();
  await Promise.all([one.close(), two.close(), again.close()]);
});

Deno.test("what JetStream has dropped, or a stream that is missing, is a gap", async () => {
  await using nats = await NatsServer.start(
    'jetstream { store_dir: "FOLDER" }',
  );
  const client = await connectNats(nats);
  const missing = natsBus(client, { history: "items" });
  await assertRejects(async () => await missing.history?.newest("lw.s.news"));
  await createStream(client, { max_msgs_per_subject: 100 });
  assertEquals(await missing.history?.newest("lw.s.news"), undefined);
  const published = shared(client);
  for (let n = 1; n <= 1_000; n++) published.publish(n);
  await client.flush();
  const { epoch } = published.position;
  const fresh = shared(client);
  for (let n = 0; fresh.position.number < 1_000; n++) {
    if (n === 2_000) throw new Error("The numbering was not found");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const items = fresh.items({ resumeFrom: { epoch, number: 500 } });
  const error = await assertRejects(async () => {
    for await (const _ of items) throw new Error("an item before the gap");
  });
  assertEquals(String(error).includes("501"), true, String(error));
  published.end();
  fresh.end();
  await client.close();
});
