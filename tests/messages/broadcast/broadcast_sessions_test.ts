/** How often `broadcast` and topics encode for sessions with different codecs. */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

interface Price {
  sku: string;
  cents: number;
}

const Quotes = protocol({
  name: "quotes",
  server: { watch: unary<string, void>() },
  client: { price: notification<Price>() },
});

/** A codec that counts how often it encodes a value, by either method. */
class Counting implements MessageCodec {
  encoded = 0;
  readonly name: string;
  readonly #inner: MessageCodec;

  constructor(inner: MessageCodec) {
    this.name = inner.name;
    this.#inner = inner;
  }

  encode(value: unknown): Uint8Array {
    this.encoded++;
    return this.#inner.encode(value);
  }

  encodeInto(value: unknown, target: Uint8Array, offset: number) {
    this.encoded++;
    return this.#inner.encodeInto(value, target, offset);
  }

  decode(body: Uint8Array): unknown {
    return this.#inner.decode(body);
  }
}

const EACH = 5;

/** A server with counting codecs, and five clients of each codec. */
async function quotes() {
  const codecs = [new Counting(msgpack()), new Counting(json())] as const;
  const server = createServer(Quotes, {
    codecs: [...codecs],
  }).handle({
    watch(sku, { session }) {
      session.server.topic(sku).subscribe(session);
    },
  });
  const prices: Price[][] = [];
  const clients = await Promise.all(
    codecs.flatMap(({ name }) =>
      Array.from({ length: EACH }, () => {
        const heard: Price[] = [];
        prices.push(heard);
        return connect(Quotes, dial(server), {
          codecs: [name === "json" ? json() : msgpack()],
          handlers: { price: (price) => void heard.push(price) },
        });
      })
    ),
  );
  return {
    server,
    prices,
    clients,
    /** How often each codec of the server has encoded since the last call. */
    encoded: () =>
      codecs.map((codec) => {
        const { encoded } = codec;
        codec.encoded = 0;
        return encoded;
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await server.shutdown();
    },
  };
}

/** Waits until the given number of clients has received the given number of prices. */
async function heard(prices: Price[][], count: number, each: number) {
  await until(() =>
    prices.filter(({ length }) => length === each).length >= count
  );
}

Deno.test(
  "broadcast encodes a body once per codec, however many sessions use it",
  none,
  async () => {
    await using all = await quotes();
    const { server, prices, encoded } = all;
    encoded();
    const first = { sku: "A-1", cents: 100 };
    assertEquals(server.broadcast.price(first), 2 * EACH);
    assertEquals(encoded(), [1, 1]);
    const second = { sku: "A-1", cents: 101 };
    assertEquals(server.broadcast.price(second), 2 * EACH);
    assertEquals(encoded(), [1, 1]);
    await heard(prices, 2 * EACH, 2);
    assertEquals(
      prices,
      Array.from({ length: 2 * EACH }, () => [first, second]),
    );
    assertEquals(encoded(), [0, 0], "nor later, as it leaves");
  },
);

Deno.test(
  "publish() of a topic encodes only for the codecs of its subscribers",
  none,
  async () => {
    await using all = await quotes();
    const { server, prices, encoded, clients } = all;
    const speakMsgpack = clients.slice(0, EACH);
    for (const { remote } of speakMsgpack) await remote.watch("A-1");
    const topic = server.topic("A-1");
    encoded();
    const price = { sku: "A-1", cents: 100 };
    assertEquals(topic.publish.price(price), EACH);
    assertEquals(encoded(), [1, 0]);
    await heard(prices, EACH, 1);
    assertEquals(prices.flat(), Array.from({ length: EACH }, () => price));
    // A call's response is encoded too, and counted.
    await clients.at(-1)?.remote.watch("A-1");
    assertEquals(encoded(), [0, 1]);
    assertEquals(topic.publish.price(price), EACH + 1);
    assertEquals(encoded(), [1, 1]);
  },
);
