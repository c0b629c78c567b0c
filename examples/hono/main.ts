#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Typed messages beside Hono: a login that sets a cookie, sessions over WebSocket
 * that the cookie authenticates, and calls over plain HTTP with the same cookie.
 *
 * @module
 */
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import {
  CallError,
  connect,
  createServer,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { fetchHandler } from "@lengthwise/lengthwise/http";
import {
  connectWebSocket,
  upgradeWebSocket,
} from "@lengthwise/lengthwise/transport";

const Notes = protocol({
  name: "notes",
  server: {
    add: unary<string, number>(),
    list: unary<void, string[]>(),
  },
});

/** Names of users by the id in their cookie. */
const users = new Map<string, string>();
const notes = new Map<string, string[]>();

const server = createServer(Notes, {
  authenticate(_credentials, { request }) {
    const cookies = request?.headers.get("cookie") ?? "";
    const id = /(?:^|; )id=([\w-]+)/.exec(cookies)?.[1] ?? "";
    const user = users.get(id);
    if (user !== undefined) return user;
    throw new CallError("log in first", { code: "unauthenticated" });
  },
  onError() {}, // a refused client is printed below
}).handle({
  add(text, { session }) {
    const own = notes.get(session.auth) ?? [];
    notes.set(session.auth, [...own, text]);
    return own.length + 1;
  },
  list: (_, { session }) => notes.get(session.auth) ?? [],
});

const calls = fetchHandler(Notes, server, { path: "/api/" });
// The environment has the client's address, by which clients share the places.
const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>()
  .post("/login", async (context) => {
    const { name } = await context.req.json();
    const id = crypto.randomUUID();
    users.set(id, String(name));
    // `secure: true` as well if the site has TLS.
    setCookie(context, "id", id, { httpOnly: true, sameSite: "Strict" });
    return context.text("welcome");
  })
  .get("/", (context) => {
    const user = users.get(getCookie(context, "id") ?? "");
    return context.text(user === undefined ? "Log in" : `Hello, ${user}`);
  })
  .post("/api/*", (context) => calls(context.req.raw, context.env))
  .get("/session", (context) => {
    // Pages of other sites would bring the cookie along.
    const origins = [new URL(context.req.url).origin];
    const { response, connection } = upgradeWebSocket(context.req.raw, {
      origins,
    });
    server.accept(connection);
    return response;
  });

await using http = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  app.fetch,
);
const site = `127.0.0.1:${http.addr.port}`;
const headers = { "content-type": "application/json" };

{
  const refused = connect(Notes, `ws://${site}/session`);
  console.log("without a cookie:", await refused.catch(({ code }) => code));

  const login = await fetch(`http://${site}/login`, {
    method: "POST",
    headers,
    body: '{"name":"Ada"}',
  });
  const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  console.log("login:", await login.text());
  const page = await fetch(`http://${site}/`, { headers: { cookie } });
  console.log("page:", await page.text());

  const connection = await connectWebSocket(`ws://${site}/session`, {
    headers: { cookie, origin: `http://${site}` },
  });
  await using session = await connect(Notes, connection);
  console.log("over WebSocket:", await session.remote.add("feed the cat"));

  const added = await fetch(`http://${site}/api/add`, {
    method: "POST",
    headers: { ...headers, cookie },
    body: '"buy milk"',
  });
  console.log("over HTTP:", await added.json());
  console.log("notes:", (await session.remote.list()).join(", "));
}
await server.shutdown();
