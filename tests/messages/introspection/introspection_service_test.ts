import { assertEquals } from "@std/assert";
import * as z from "zod";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  describeProtocol,
  type ProtocolDescription,
} from "../../../lib/messages/introspection/describe_protocol.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import {
  compareWithServer,
  introspect,
  Introspection,
} from "../../../lib/messages/introspection/introspection_service.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, failureOf } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: {
    price: unary({
      input: z.object({ sku: z.string() }),
      output: z.number(),
      errors: { closed: null },
      timeout: 500,
    }),
    watch: serverStream<string, number>(),
  },
  client: {
    alert: notification<string>(),
    ask: unary<string, string>(),
    warn: notification({ input: z.string() }),
  },
});

function shop() {
  return createServer(mergeProtocols(Shop, Introspection)).handle({
    price: () => 1,
    async *watch() {},
    ...introspect(Shop),
  });
}

Deno.test(
  "introspect() sends the result of describeProtocol() to any client",
  none,
  async () => {
    const server = shop();
    const session = await connect(Introspection, dial(server));
    const described = await session.remote.introspection.describe();
    assertEquals(
      JSON.parse(JSON.stringify(described)),
      JSON.parse(JSON.stringify(describeProtocol(Shop))),
    );
    await server.shutdown();
  },
);

/** The shop as a newer client declares it. */
const Newer = protocol({
  name: "shop",
  server: {
    price: unary({
      input: z.object({ sku: z.string(), size: z.string() }),
      output: z.number(),
      errors: { closed: null },
    }),
    watch: serverStream<string, number>(),
    order: unary<string>(),
  },
  client: {
    alert: notification<string>(),
    warn: notification({ input: z.number() }),
  },
});

Deno.test(
  "compareWithServer() finds the differences of both sides, and fields",
  none,
  async () => {
    const server = shop();
    const session = await connect(
      mergeProtocols(Newer, Introspection),
      dial(server),
      { handlers: { alert() {}, warn() {} } },
    );
    const compared = await compareWithServer(session, Newer);
    assertEquals(compared, [
      {
        side: "server",
        name: "order",
        kind: "missing",
        incompatible: true,
        text: "server lacks unary order",
      },
      {
        side: "server",
        name: "price",
        kind: "schema",
        incompatible: false,
        text:
          "price: input field size is known to the client only, which requires it",
      },
      {
        side: "client",
        name: "ask",
        kind: "missing",
        incompatible: true,
        text: "client lacks unary ask",
      },
      {
        side: "client",
        name: "warn",
        kind: "schema",
        incompatible: false,
        text: "warn: input changed: string on the server, number on the client",
      },
    ]);
    // The handshake has the same methods, without fields.
    assertEquals(
      session.mismatches.map((one) => [one.side, one.method, one.reason]),
      compared.map((one) => [one.side, one.name, one.kind]),
    );
    // Only calls of incompatible methods fail.
    assertEquals(
      (await failureOf(session.remote.order("x"))).code,
      "unimplemented",
    );
    assertEquals(await session.remote.price({ sku: "a", size: "b" }), 1);
    await server.shutdown();
  },
);

Deno.test(
  "compareWithServer() fails if the server does not serve introspection",
  none,
  async () => {
    const server = createServer(Shop).handle({
      price: () => 1,
      async *watch() {},
    });
    const session = await connect(Introspection, dial(server));
    const error = await failureOf(compareWithServer(session, Introspection));
    assertEquals([error.code, error.processed], ["unimplemented", "no"]);
    await server.shutdown();
  },
);

Deno.test(
  "compareWithServer() ignores invalid descriptions from a server",
  none,
  async () => {
    const entry = { name: "price", shape: "unary", hash: 1, schemas: {} };
    for (
      const server of [
        undefined,
        "x",
        [null, 7, { name: "price" }, entry],
        [{ ...entry, shape: "\u001b[2J" }],
      ]
    ) {
      const session = {
        remote: {
          introspection: {
            describe: () =>
              Promise.resolve({ server } as unknown as ProtocolDescription),
          },
        },
      };
      const texts = await compareWithServer(session, Shop);
      assertEquals(texts.map(({ text }) => text), [
        "server lacks unary price",
        "server lacks serverStream watch",
      ]);
    }
  },
);

Deno.test(
  "compareWithServer() escapes and limits what a server sends",
  none,
  async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`f${index}\n`, {}]),
    );
    const schemas = {
      ...{ input: null, output: null, opening: null, errors: {} },
    };
    const description: ProtocolDescription = {
      name: "shop",
      hash: 1,
      server: [{
        ...describeProtocol(Shop).server[0]!, // price
        hash: 1,
        schemas: {
          ...schemas,
          input: { type: [{ toString: 1 }], properties },
        },
      }],
      client: [{
        ...{ name: "evil\u001b[31m", shape: "unary", hash: 0, schemas },
        ...{ timeout: null, idempotent: false, once: false, description: "" },
      }],
    };
    const session = {
      remote: {
        introspection: { describe: () => Promise.resolve(description) },
      },
    };
    const texts = (await compareWithServer(session, Shop))
      .map(({ text }) => text);
    assertEquals(texts.length, 3);
    assertEquals(texts[0]?.endsWith(", and 27 more"), true, texts[0]);
    assertEquals(texts[0]?.includes("f0\\u{a}"), true, texts[0]);
    assertEquals(texts.slice(1), [
      "server lacks serverStream watch",
      "client lacks unary evil\\u{1b}[31m",
    ]);
  },
);
