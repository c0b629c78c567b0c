import {
  type Middleware,
  notification,
  protocol,
  SessionError,
  unary,
  use,
} from "@lengthwise/lengthwise";
import { testPair } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects } from "@std/assert";

const none = { permissions: "none" } as const;

const Shop = protocol({
  name: "shop",
  server: { price: unary<{ sku: string }, number>() },
});

const Chat = protocol({
  name: "chat",
  server: { say: unary<string, void>() },
  client: { heard: notification<string>() },
});

Deno.test("testPair() connects a client to a server", none, async () => {
  await using pair = await testPair(Shop).handle({
    price: ({ sku }) => sku.length,
  });
  assertEquals(await pair.session.remote.price({ sku: "A-1" }), 3);
  assertEquals(pair.server.sessions.size, 1);
});

Deno.test("testPair() closes the session before the server", none, async () => {
  const pair = await testPair(Shop).handle({ price: () => 1 });
  const order: string[] = [];
  void pair.session.finished.then(() => order.push("session"));
  const { server } = pair;
  const dispose = server[Symbol.asyncDispose].bind(server);
  Object.defineProperty(server, Symbol.asyncDispose, {
    value() {
      order.push("server");
      return dispose();
    },
  });
  await pair[Symbol.asyncDispose]();
  assertEquals(order, ["session", "server"]);
});

Deno.test("testPair() passes options to both ends", none, async () => {
  const heard = Promise.withResolvers<string>();
  const asked: unknown[] = [];
  await using pair = await testPair(Chat, {
    server: {
      authenticate: (credentials: unknown) => {
        asked.push(credentials);
        return "ada";
      },
    },
    client: { handlers: { heard: heard.resolve }, credentials: "secret" },
    connection: { readSize: 1 },
  }).handle({
    say: async (text, { session }) => {
      await session.remote.heard(`${session.auth}: ${text}`);
    },
  });
  await pair.session.remote.say("hello");
  assertEquals([asked, await heard.promise], [["secret"], "ada: hello"]);
});

Deno.test(
  "testPair() infers what authenticate returns for other options",
  none,
  async () => {
    const principals: string[] = [];
    await using plain = await testPair(Shop, {
      server: {
        authenticate: (name) => ({ user: `${name}` }),
        onSession: (session) => void principals.push(session.auth.user),
      },
      client: { credentials: "ada" },
    }).handle({ price: (_, { session }) => session.auth.user.length });
    await using chat = await testPair(Chat, {
      server: {
        authenticate: (name) => ({ user: `${name}` }),
        principal: ({ user }) => user,
        onSession: (session) => void principals.push(session.auth.user),
      },
      client: { credentials: "ben", handlers: { heard() {} } },
    }).handle({ say() {} });
    assertEquals(await plain.session.remote.price({ sku: "A-1" }), 3);
    await chat.session.remote.say("hello");
    assertEquals(principals, ["ada", "ben"]);
  },
);

Deno.test(
  "testPair() rejects and leaks nothing if the client is refused",
  none,
  async () => {
    const error = await assertRejects(
      () =>
        testPair(Shop, {
          server: {
            authenticate: () => {
              throw new Error("no");
            },
            onError() {},
          },
        }).handle({ price: () => 1 }),
      SessionError,
    );
    assertEquals(error.code, "unauthenticated");
  },
);

Deno.test("testPair() accepts middleware that adds members", none, async () => {
  const tenant: Middleware<{ tenant: string }> = (_context, next) =>
    next({ tenant: "acme" });
  await using pair = await testPair(Shop).handle(
    use(tenant, { price: (_, { tenant }) => tenant.length }),
  );
  assertEquals(await pair.session.remote.price({ sku: "A-1" }), 4);

  const heard = Promise.withResolvers<string>();
  await using chat = await testPair(Chat, {
    client: {
      handlers: use(tenant, {
        heard: (text, context) => heard.resolve(context.tenant + text),
      }),
    },
  }).handle({
    say: (text, { session }) => session.remote.heard(text),
  });
  await chat.session.remote.say("!");
  assertEquals(await heard.promise, "acme!");
});

Deno.test(
  "testPair() requires the client's handlers by type",
  none,
  async () => {
    await assertRejects(
      // @ts-expect-error `client.handlers` is missing
      () => testPair(Chat).handle({ say: () => {} }),
      TypeError,
    );
  },
);
