/** Mismatches that each side can see after the handshake. */
import { assertEquals } from "@std/assert";
import * as z from "zod";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import type { ServerSession } from "../../../lib/messages/server/server_types.ts";
import { all, dial, failureOf, turns } from "../kit.ts";

const none = { permissions: "none" } as const;

const Served = protocol({
  name: "shop",
  server: {
    order: unary({
      input: z.object({ sku: z.string(), note: z.string() }),
      output: z.object({ id: z.string() }),
    }),
    price: unary<string, number>(),
    watch: unary<string, number>(),
  },
  client: {
    alert: notification({ input: z.object({ text: z.string() }) }),
    ask: unary<string, string>(),
  },
});

/** The same protocol as an older client declares it. */
const Known = protocol({
  name: "shop",
  server: {
    order: unary({
      input: z.object({ sku: z.string() }),
      output: z.object({ id: z.number() }),
    }),
    price: unary<string, number>(),
    quote: unary<string, number>(),
    watch: serverStream<string, number>(),
  },
  client: { alert: notification({ input: z.object({ line: z.string() }) }) },
});

function shop(
  onSession: (session: ServerSession<typeof Served>) => void = () => {},
) {
  return createServer(Served, { onSession }).handle({
    order: () => ({ id: "7" }),
    price: (sku) => sku.length,
    watch: () => 1,
  });
}

const ears = { handlers: { alert() {} } };

Deno.test(
  "mismatches of a client name methods of both sides, without introspection",
  none,
  async () => {
    const server = shop();
    await using session = await connect(Known, dial(server), ears);
    assertEquals(session.sameProtocol, false);
    assertEquals(session.mismatches, [
      { method: "order", side: "server", reason: "schema" },
      { method: "quote", side: "server", reason: "missing" },
      { method: "watch", side: "server", reason: "shape" },
      { method: "alert", side: "client", reason: "schema" },
      { method: "ask", side: "client", reason: "missing" },
    ]);
    // Only calls of missing methods and other shapes fail.
    for (
      const call of [session.remote.quote("x"), all(session.remote.watch("x"))]
    ) {
      const { code, processed } = await failureOf(call);
      assertEquals([code, processed], ["unimplemented", "no"]);
    }
    assertEquals(await session.remote.price("abc"), 3);
    await server.shutdown();
  },
);

Deno.test(
  "mismatches of a server's session name its methods that the client declares differently",
  none,
  async () => {
    const sessions: ServerSession<typeof Served>[] = [];
    const server = shop((session) => void sessions.push(session));
    const older = await connect(Known, dial(server), ears);
    const equal = await connect(Served, dial(server), {
      handlers: { alert() {}, ask: () => "" },
    });
    await turns();
    assertEquals(
      sessions.map(({ sameProtocol, mismatches }) => [
        sameProtocol,
        mismatches.map(({ side, method, reason }) =>
          `${side} ${method}: ${reason}`
        ),
      ]),
      [
        [false, [
          "server order: schema",
          "server quote: missing",
          "server watch: shape",
        ]],
        [true, []],
      ],
    );
    assertEquals([equal.sameProtocol, equal.mismatches], [true, []]);
    await older.close();
    await equal.close();
    await server.shutdown();
  },
);

Deno.test(
  "sameProtocol is false when only the client's methods differ, which mismatches of a server do not show",
  none,
  async () => {
    const More = protocol({
      name: "shop",
      server: {},
      client: { alert: notification<string>(), other: notification<string>() },
    });
    const Less = protocol({
      name: "shop",
      server: {},
      client: { alert: notification<string>() },
    });
    const sessions: ServerSession<typeof More>[] = [];
    const server = createServer(More, {
      onSession: (session) => void sessions.push(session),
    }).handle({});
    await using session = await connect(Less, dial(server), ears);
    await turns();
    const [seen] = sessions;
    assertEquals([seen?.sameProtocol, seen?.mismatches], [false, []]);
    assertEquals(session.mismatches, [
      { method: "other", side: "client", reason: "missing" },
    ]);
    await server.shutdown();
  },
);

Deno.test(
  "mismatches of an early session are empty until the handshake is complete",
  none,
  async () => {
    const server = shop();
    await using early = await connect(Known, dial(server), {
      ...ears,
      early: true,
    });
    assertEquals([early.mismatches, early.sameProtocol], [[], false]);
    await early.remote.price("x");
    assertEquals(early.mismatches.length, 5);
    await server.shutdown();
  },
);
