/** Differences that each side can see after the handshake. */
import { assertEquals } from "@std/assert";
import * as z from "zod";
import { connect } from "../../../lib/messages/client/connect.ts";
import { differencesOfClient } from "../../../lib/messages/connection/handshake_differences.ts";
import { sideTables } from "../../../lib/messages/connection/side_tables.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import type {
  ServerOptions,
  ServerSession,
} from "../../../lib/messages/server/server_types.ts";
import { decodeHello } from "../../../lib/messages/session/wire/hello.ts";
import { dial, failureOf, incidents, turns } from "../kit.ts";
import { hello } from "../session/lone_session.ts";

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
  options: Pick<
    ServerOptions<typeof Served>,
    "discloseSchemas" | "onSession"
  > = {},
) {
  return createServer(Served, {
    order: () => ({ id: "7" }),
    price: (sku) => sku.length,
    watch: () => 1,
  }, options);
}

const ears = { handlers: { alert() {} } };

Deno.test(
  "differences of a client name methods of both sides, and fields",
  none,
  async () => {
    const server = shop();
    await using session = await connect(Known, dial(server), ears);
    assertEquals(session.sameProtocol, false);
    assertEquals(
      session.differences.map(({ side, text, incompatible }) =>
        `${side}: ${text}${incompatible ? " (fails)" : ""}`
      ),
      [
        "server: order: input field note is known to the server only, which requires it, " +
        "output field id changed: number on the client, string on the server",
        "server: server lacks unary quote (fails)",
        "server: watch is serverStream on the client, unary on the server (fails)",
        "client: alert: input field text is known to the server only, which requires it, " +
        "input field line is known to the client only, which requires it",
        "client: client lacks unary ask (fails)",
      ],
    );
    // Only calls of incompatible methods fail.
    assertEquals(
      (await failureOf(session.remote.quote("x"))).code,
      "unimplemented",
    );
    assertEquals(await session.remote.price("abc"), 3);
    await server.shutdown();
  },
);

Deno.test(
  "differences of a client name no fields when the server does not disclose its schemas",
  none,
  async () => {
    const server = shop({ discloseSchemas: false });
    await using session = await connect(Known, dial(server), ears);
    assertEquals(session.differences.map(({ text }) => text), [
      "order: schemas differ",
      "server lacks unary quote",
      "watch is serverStream on the client, of another shape on the server",
      "alert: schemas differ",
      "client lacks unary ask",
    ]);
    await server.shutdown();
  },
);

Deno.test(
  "differences of a server's session name the methods that its client cannot call",
  none,
  async () => {
    const sessions: ServerSession<typeof Served>[] = [];
    const server = shop({
      onSession: (session) => void sessions.push(session),
    });
    const older = await connect(Known, dial(server), ears);
    const equal = await connect(Served, dial(server), {
      handlers: { alert() {}, ask: () => "" },
    });
    await turns();
    assertEquals(
      sessions.map(({ sameProtocol, differences }) => [
        sameProtocol,
        differences.map(({ text }) => text),
      ]),
      [
        [false, [
          "order: schemas differ",
          "server lacks unary quote",
          "watch is serverStream on the client, unary on the server",
        ]],
        [true, []],
      ],
    );
    assertEquals([equal.sameProtocol, equal.differences], [true, []]);
    await older.close();
    await equal.close();
    await server.shutdown();
  },
);

Deno.test(
  "sameProtocol is false when only the client's methods differ, which differences of a server do not show",
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
    const server = createServer(More, {}, {
      onSession: (session) => void sessions.push(session),
    });
    await using session = await connect(Less, dial(server), ears);
    await turns();
    const [seen] = sessions;
    assertEquals([seen?.sameProtocol, seen?.differences], [false, []]);
    assertEquals(session.differences.map(({ text }) => text), [
      "client lacks notification other",
    ]);
    await server.shutdown();
  },
);

Deno.test(
  "onDifferences is called once if there are differences, also for an early session",
  none,
  async () => {
    const server = shop();
    const told: number[] = [];
    const { list, onError } = incidents();
    const tell = (differences: readonly unknown[]) =>
      void told.push(differences.length);
    const early = await connect(Known, dial(server), {
      ...ears,
      early: true,
      onDifferences: tell,
    });
    assertEquals([told, early.differences, early.sameProtocol], [
      [],
      [],
      false,
    ]);
    await early.remote.price("x");
    const equal = await connect(Served, dial(server), {
      handlers: { alert() {}, ask: () => "" },
      onDifferences: tell,
    });
    assertEquals(told, [5]);
    const angry = await connect(Known, dial(server), {
      ...ears,
      onError,
      onDifferences: () => Promise.reject(new Error("mine")),
    });
    assertEquals(await angry.remote.price("x"), 1);
    assertEquals(list.map(({ error }) => String(error)), ["Error: mine"]);
    for (const session of [early, equal, angry]) await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "differences name fields as far as they fit into the handshake, which never fails because of them",
  none,
  async () => {
    const many = z.enum(Array.from({ length: 5_000 }, (_, n) => `value${n}`));
    const methods = (text: z.ZodType) => ({
      a: unary({ input: z.object({ text, many }) }),
      b: unary({ input: z.object({ text }) }),
    });
    const Newer = protocol({ name: "x", server: methods(z.string()) });
    const Older = protocol({ name: "x", server: methods(z.number()) });
    const server = createServer(Newer, { a() {}, b() {} });
    await using session = await connect(Older, dial(server));
    assertEquals(session.differences.map(({ text }) => text), [
      "a: schemas differ",
      "b: input field text changed: number on the client, string on the server",
    ]);
    await server.shutdown();
  },
);

Deno.test(
  "differencesOfClient() escapes the names that a server sends",
  none,
  () => {
    const tables = sideTables(Known, "client", { alert() {} });
    const schemas = (text: string) => new TextEncoder().encode(text);
    const properties = JSON.stringify(
      Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`f${index}\n`, {}]),
      ),
    );
    const read = decodeHello(
      hello("server", {
        protocol: "shop",
        methods: [
          { name: "evil\u001b[31m", shape: "unary", hash: 0 },
          { name: "alert", shape: "notification", hash: 1 },
        ],
        mismatches: [
          { method: 0, reason: "schema" },
          { method: 0, reason: "schema" },
          { method: 9, reason: "missing" },
        ],
        described: [{
          caller: "client",
          method: 0,
          shape: "unary",
          schemas: schemas(
            `{"input":{"type":[{"toString":1}],"properties":${properties}}}`,
          ),
        }, {
          caller: "server",
          method: 1,
          shape: "notification",
          schemas: schemas('{"input":{"items":'.repeat(3000)),
        }],
      }),
      9,
    );
    const texts = differencesOfClient(read, tables).map(({ text }) => text);
    assertEquals(texts.length, 3);
    assertEquals(texts[0]?.endsWith(", and 26 more"), true, texts[0]);
    assertEquals(texts[0]?.includes("f0\\u{a}"), true, texts[0]);
    assertEquals(texts.slice(1), [
      "alert: schemas differ",
      "client lacks unary evil\\u{1b}[31m",
    ]);
  },
);
