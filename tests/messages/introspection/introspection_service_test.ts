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
  client: { alert: notification<string>() },
});

function shop() {
  return createServer(mergeProtocols(Shop, Introspection), {
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
    assertEquals(session.differences.map(({ text }) => text), [
      "client lacks notification alert",
    ]);
    await server.shutdown();
  },
);

const PRICE =
  "price: input field size is known to the client only, which requires it";

Deno.test(
  "compareWithServer() finds the same differences as the handshake",
  none,
  async () => {
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
    });
    const server = shop();
    const session = await connect(
      mergeProtocols(Newer, Introspection),
      dial(server),
    );
    assertEquals(session.differences, [
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
        text: PRICE,
      },
      {
        side: "client",
        name: "alert",
        kind: "missing",
        incompatible: true,
        text: "client lacks notification alert",
      },
    ]);
    const compared = await compareWithServer(session, Newer);
    assertEquals(compared, session.differences.slice(0, 2));
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
    const server = createServer(Shop, { price: () => 1, async *watch() {} });
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
