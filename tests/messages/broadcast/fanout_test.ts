import { assertEquals, assertThrows } from "@std/assert";
import { json } from "../../../lib/messages/codec/json.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";
import {
  Backlog,
  type BroadcastTarget,
  Fanout,
  lazyPublishers,
  publishedMethods,
  resolveSlowOptions,
  type SlowOptions,
} from "../../../lib/messages/broadcast/fanout.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, incidents, turns, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const DEFAULTS = resolveSlowOptions({}, "these tests");

/** A codec that counts how often it encodes. */
function counting(): MessageCodec & { encoded: number } {
  const inner = msgpack();
  return {
    name: inner.name,
    encoded: 0,
    encode(value) {
      this.encoded++;
      return inner.encode(value);
    },
    encodeInto: (value, target, offset) =>
      inner.encodeInto(value, target, offset),
    decode: (body) => inner.decode(body),
  };
}

interface FakeClient extends BroadcastTarget {
  ready: boolean;
  received: unknown[];
  expelled: string[];
}

function fakeClient(codec: MessageCodec): FakeClient {
  const client: FakeClient = {
    backlog: new Backlog(),
    codec,
    ready: true,
    received: [],
    expelled: [],
    send: (method, body) =>
      void client.received.push([method, codec.decode(body)]),
    disconnect: (message) => void client.expelled.push(message),
  };
  return client;
}

Deno.test(
  "Fanout.publish() encodes once for all subscribers of a codec",
  none,
  () => {
    const codec = counting();
    const fanout = new Fanout<FakeClient>();
    const clients = Array.from({ length: 100 }, () => fakeClient(codec));
    for (const client of clients) fanout.add(client, client, DEFAULTS);
    assertEquals(fanout.publish(3, { price: 7 }, undefined), 100);
    assertEquals(codec.encoded, 1);
    for (const client of clients) {
      assertEquals(client.received, [[3, {
        price: 7,
      }]]);
    }
    assertEquals(fanout.stats, {
      published: 1,
      delivered: 100,
      dropped: 0,
      conflated: 0,
      disconnected: 0,
    });
  },
);

Deno.test(
  "Fanout.publish() does not wait for a slow subscriber, which receives the rest later",
  none,
  () => {
    const codec = msgpack();
    const fanout = new Fanout<FakeClient>();
    const [fast, slow] = [fakeClient(codec), fakeClient(codec)];
    for (const client of [fast, slow]) {
      fanout.add(client, client, {
        ...DEFAULTS,
        maxQueued: 2,
      });
    }
    slow.ready = false;
    for (const n of [1, 2, 3, 4]) fanout.publish(0, n, undefined);
    assertEquals(fast.received.length, 4);
    assertEquals(slow.received, []);
    slow.ready = true;
    slow.backlog.drain(slow);
    assertEquals(slow.received, [[0, 3], [0, 4]]);
    assertEquals(fanout.stats.dropped, 2);
  },
);

Deno.test(
  "Fanout.publish() keeps the order when messages are queued",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const client = fakeClient(msgpack());
    fanout.add(client, client, DEFAULTS);
    client.ready = false;
    fanout.publish(0, 1, undefined);
    client.ready = true;
    fanout.publish(0, 2, undefined);
    assertEquals(client.received, []);
    client.backlog.drain(client);
    assertEquals(client.received, [[0, 1], [0, 2]]);
  },
);

Deno.test(
  "Fanout.publish() conflates messages of one key for a slow subscriber",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const client = fakeClient(msgpack());
    fanout.add(client, client, DEFAULTS);
    client.ready = false;
    for (const [key, price] of [["a", 1], ["b", 2], ["a", 3]] as const) {
      fanout
        .publish(0, { key, price }, key);
    }
    client.ready = true;
    client.backlog.drain(client);
    assertEquals(client.received, [[0, { key: "a", price: 3 }], [0, {
      key: "b",
      price: 2,
    }]]);
    assertEquals(fanout.stats.conflated, 1);
  },
);

Deno.test(
  "Fanout.publish() disconnects a slow subscriber when that is the policy",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const client = fakeClient(msgpack());
    fanout.add(client, client, {
      ...DEFAULTS,
      slow: "disconnect",
      maxQueued: 1,
    });
    client.ready = false;
    fanout.publish(0, 1, undefined);
    assertEquals(client.expelled, []);
    fanout.publish(0, 2, undefined);
    assertEquals(client.expelled.length, 1);
    assertEquals(fanout.stats.disconnected, 1);
  },
);

Deno.test(
  "Fanout.publish() skips and counts a subscriber that cannot send the message, also from its queue",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const codec = msgpack();
    const clients = [fakeClient(codec), fakeClient(codec), fakeClient(codec)];
    const [first, small] = clients;
    small!.send = () => {
      throw new CallError("x", { code: "too-large" });
    };
    for (const client of clients) fanout.add(client, client, DEFAULTS);
    assertEquals(fanout.publish(0, 1, undefined), 3);
    assertEquals(clients.map(({ received }) => received.length), [1, 0, 1]);
    assertEquals([fanout.stats.delivered, fanout.stats.dropped], [2, 1]);
    small!.ready = first!.ready = false;
    fanout.publish(0, 2, undefined);
    fanout.publish(0, 3, undefined);
    small!.ready = first!.ready = true;
    for (const client of clients) client.backlog.drain(client);
    assertEquals(clients.map(({ received }) => received.length), [3, 0, 3]);
    assertEquals([fanout.stats.delivered, fanout.stats.dropped], [6, 3]);
  },
);

Deno.test(
  "Fanout.publish() serves every codec that can encode the input, then throws the error of the others",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const [texts, values] = [json(), msgpack()];
    const clients = [texts, values, texts, values].map(fakeClient);
    for (const client of clients) fanout.add(client, client, DEFAULTS);
    assertThrows(() => fanout.publish(0, 5n, undefined), CodecError, "json");
    assertEquals(clients.map(({ received }) => received), [
      [],
      [[0, 5n]],
      [],
      [[0, 5n]],
    ]);
    assertEquals([fanout.stats.delivered, fanout.stats.dropped], [2, 2]);
    assertEquals(fanout.publish(0, "x", undefined), 4, "it continues");
  },
);

Deno.test(
  "broadcast reaches all other clients when one accepts only small messages",
  none,
  async () => {
    const Pictures = protocol({
      name: "pictures",
      server: { ping: unary<void, string>() },
      client: { show: notification<Uint8Array>() },
    });
    const { list, onError } = incidents();
    const server = createServer(Pictures, { onError }).handle({
      ping: () => "pong",
    });
    const printable: Record<string, number[]> = { small: [], large: [] };
    const client = (name: "small" | "large", maxMessage: number) =>
      connect(Pictures, dial(server, { toClient: { capacity: 4096 } }), {
        handlers: { show: (bytes) => void printable[name]!.push(bytes.length) },
        limits: { maxMessage },
      });
    const small = await client("small", 65_536);
    const large = await client("large", 1_000_000);
    await small.remote.ping();
    await large.remote.ping();
    // The first ones are sent immediately, the last ones are queued.
    for (let round = 0; round < 3; round++) {
      server.broadcast.show(new Uint8Array(60_000));
      server.broadcast.show(new Uint8Array(70_000));
    }
    const { published } = server.broadcastStats;
    while (
      server.broadcastStats.delivered + server.broadcastStats.dropped <
        2 * published
    ) await turns();
    assertEquals(await small.remote.ping(), "pong");
    assertEquals(await large.remote.ping(), "pong");
    assertEquals(printable, {
      small: [60_000, 60_000, 60_000],
      large: [60_000, 70_000, 60_000, 70_000, 60_000, 70_000],
    });
    assertEquals(server.broadcastStats.dropped, 3);
    assertEquals(list, []);
    await small.close();
    await large.close();
    await server.shutdown();
  },
);

Deno.test(
  "Fanout.add() keeps queued messages when called again, and counts the ones it drops",
  none,
  () => {
    const fanout = new Fanout<FakeClient>();
    const client = fakeClient(msgpack());
    fanout.add(client, client, { ...DEFAULTS, maxQueued: 8 });
    client.ready = false;
    for (const n of [1, 2, 3, 4]) {
      fanout.publish(0, n, n === 4 ? "k" : undefined);
    }
    fanout.add(client, client, { ...DEFAULTS, maxQueued: 2 });
    assertEquals(fanout.stats.dropped, 2);
    fanout.publish(0, 5, "k");
    assertEquals(fanout.stats.conflated, 1);
    client.ready = true;
    client.backlog.drain(client);
    assertEquals(client.received, [[0, 3], [0, 5]]);
    const { published, delivered, dropped, conflated } = fanout.stats;
    assertEquals(published, delivered + dropped + conflated);
  },
);

Deno.test(
  "slow options are checked when a server is created and when a session subscribes",
  none,
  async () => {
    const Empty = protocol({ name: "empty" });
    await using server = createServer(Empty).handle({});
    const session = await connect(Empty, dial(server));
    await until(() => server.sessions.size !== 0);
    const [accepted] = server.sessions;
    await session.close();
    await accepted!.finished;
    function refuses(options: SlowOptions, message: string) {
      for (
        const use of [
          () => createServer(Empty, { broadcast: options }).handle({}),
          // Even though the session has ended.
          () => server.topic("a").subscribe(accepted!, options),
        ]
      ) assertThrows(use, RangeError, message);
    }
    for (const value of [0, 1.5, -1, NaN, "7" as never]) {
      for (const name of ["maxQueued", "maxQueuedBytes"]) {
        refuses(
          { [name]: value },
          `Cannot serve slow subscribers with ${name} ${value}: `,
        );
      }
    }
    for (const slow of ["zzz", 1, null] as never[]) {
      refuses(
        { slow },
        `Unknown policy "${slow}" for slow subscribers; expected "drop-oldest", "drop-newest" or "disconnect"`,
      );
    }
  },
);

Deno.test(
  "topic().sessions can be iterated again and reflects the current subscribers",
  none,
  async () => {
    const Empty = protocol({ name: "empty" });
    await using server = createServer(Empty).handle({});
    const { sessions } = server.topic("a");
    assertEquals([...sessions], []);
    const clients = [
      await connect(Empty, dial(server)),
      await connect(Empty, dial(server)),
    ];
    await until(() => server.sessions.size >= 2);
    for (const session of server.sessions) server.topic("a").subscribe(session);
    for (let loop = 0; loop < 2; loop++) {
      assertEquals(new Set(sessions), new Set(server.sessions));
    }
    for (const session of sessions) server.topic("a").unsubscribe(session);
    assertEquals([...sessions], []);
    for (const client of clients) await client.close();
  },
);

Deno.test(
  "lazyPublishers() has functions for notifications only",
  none,
  () => {
    const chat = protocol({
      name: "chat",
      client: {
        heard: notification<string>(),
        ask: unary<string, string>(),
        room: { left: notification<string>() },
      },
    });
    const client = fakeClient(msgpack());
    const fanout = new Fanout<FakeClient>();
    fanout.add(client, client, DEFAULTS);
    const publishers = lazyPublishers(
      publishedMethods(chat.methods.client),
      ({ index }, input, key) => fanout.publish(index, input, key),
    );
    assertEquals(Object.keys(publishers).sort(), ["heard", "room"]);
    const { heard } = publishers as { heard: (text: string) => number }; // as declared above
    assertEquals(heard("x"), 1);
    const index = chat.methods.client.findIndex(({ name }) => name === "heard");
    assertEquals(client.received, [[index, "x"]]);
  },
);

Deno.test(
  "Backlog.drain() looks only at topics that have messages",
  none,
  () => {
    const looks = [1, 1000].map((count) => {
      const client = fakeClient(msgpack());
      const topics = Array.from({ length: count }, () => {
        const fanout = new Fanout<FakeClient>();
        fanout.add(client, client, DEFAULTS);
        return fanout;
      });
      client.ready = false;
      topics[0]!.publish(0, "waits", undefined);
      let looked = 0;
      Object.defineProperty(client, "ready", {
        get() {
          looked++;
          return true;
        },
      });
      for (let write = 0; write < 10; write++) client.backlog.drain(client);
      assertEquals(client.received.length, 1);
      return looked;
    });
    assertEquals(looks, [1, 1]);
  },
);

Deno.test("Backlog.drain() sends a message of each topic in turn", none, () => {
  const client = fakeClient(msgpack());
  client.ready = false;
  for (let method = 0; method < 3; method++) {
    const fanout = new Fanout<FakeClient>();
    fanout.add(client, client, DEFAULTS);
    for (let i = 0; i < 3; i++) fanout.publish(method, i, undefined);
  }
  client.ready = true;
  client.backlog.drain(client);
  assertEquals(client.received, [
    ...[[0, 0], [1, 0], [2, 0]],
    ...[[0, 1], [1, 1], [2, 1]],
    ...[[0, 2], [1, 2], [2, 2]],
  ]);
  assertEquals(client.backlog.size, 0);
});

Deno.test(
  "Fanout.delete() drops the messages queued for the session",
  none,
  () => {
    const client = fakeClient(msgpack());
    const fanout = new Fanout<FakeClient>();
    fanout.add(client, client, DEFAULTS);
    client.ready = false;
    fanout.publish(0, "waits", undefined);
    assertEquals(client.backlog.size, 1);
    fanout.delete(client);
    assertEquals(client.backlog.size, 0);
    client.ready = true;
    client.backlog.drain(client);
    assertEquals(client.received, []);
  },
);
