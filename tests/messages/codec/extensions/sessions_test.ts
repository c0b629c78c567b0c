/**
 * Sessions whose codecs have extensions.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CodecError,
  connect,
  json,
  type MessageCodec,
  msgpack,
  protocol,
  serve,
  serverStream,
  SessionError,
  unary,
} from "../../../../mod.ts";
import {
  extendCodec,
  maps,
  sets,
  urls,
} from "../../../../lib/messages/codec/extensions/mod.ts";
import { Money, money } from "./extended_values.ts";

const Shop = protocol({
  name: "shop",
  server: {
    prices: unary<Set<string>, Map<string, Money>>(),
    links: serverStream<{ to: URL }, URL>(),
  },
});

const extensions = [maps, sets, urls, money];

function serveShop(codecs: readonly [MessageCodec, ...MessageCodec[]]) {
  return serve(Shop, { port: 0 }, { codecs }).handle({
    prices: (skus) =>
      new Map([...skus].map((sku) => [sku, new Money(sku.length, "EUR")])),
    async *links({ to }) {
      yield new URL("a", to);
      yield new URL("b", to);
    },
  });
}

Deno.test("handlers and calls have values of extensions, without casts", async () => {
  for (const plain of [json(), msgpack()]) {
    const codecs = [extendCodec(plain, extensions)] as const;
    await using server = await serveShop(codecs);
    await using session = await connect(Shop, server.addr, { codecs });
    const prices = await session.remote.prices(new Set(["A-1", "B-22"]));
    const price: Money | undefined = prices.get("B-22");
    assertInstanceOf(price, Money);
    assertEquals(price, new Money(4, "EUR"));
    const links: string[] = [];
    const to = new URL("https://a.example/");
    for await (const link of session.remote.links({ to })) {
      links.push(link.href);
    }
    assertEquals(links, ["https://a.example/a", "https://a.example/b"]);
    const error = await assertRejects(
      // @ts-expect-error: an array is not a set
      () => session.remote.prices([/x/]),
      CodecError,
    );
    assertEquals(error.path, [0]);
  }
});

Deno.test("a session does not open if the extensions differ", async () => {
  const ours = extendCodec(json(), extensions);
  const theirs = extendCodec(json(), [maps, sets]);
  await using server = await serveShop([ours, json()]);
  const error = await assertRejects(
    () => connect(Shop, server.addr, { codecs: [theirs] }),
    SessionError,
    'codec "json-map-set" is not supported; expected "json-map-money-set-url" or "json"',
  );
  assertEquals(error.code, "codec");
  await using session = await connect(Shop, server.addr, {
    codecs: [theirs, json()],
  });
  await assertRejects(
    () => session.remote.prices(new Set()),
    CodecError,
    "Cannot encode a Set (send it as an array: [...set]) as json",
  );
});
