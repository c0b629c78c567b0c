/**
 * Calls over HTTP: outputs, failures by status, limits, and what a server sees.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CallError,
  createServer,
  json,
  notification,
  protocol,
  type ServerOptions,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { ClientShares, networkOf } from "../../lib/http/client_shares.ts";
import { fetchHandler, type FetchHandlerOptions } from "../../lib/http/mod.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, { cents: number }>(),
    orders: {
      cancel: unary<{ id: string }>(),
      limited: unary<void, void, { soldOut: { left: number } }>(),
    },
    fail: unary<string, unknown>(),
    slow: unary<void, string>({ timeout: 50 }),
    whoAmI: unary<void, unknown>(),
    seen: notification<string>(),
    watch: serverStream<void, number>(),
  },
  client: { alert: notification<string>() },
});

interface Seen {
  cancelled: number;
  notes: string[];
}

function shop(
  options: ServerOptions<typeof Shop, string> & FetchHandlerOptions = {},
) {
  const seen: Seen = { cancelled: 0, notes: [] };
  const { path, maxBody, bodyTimeout, maxRequests, ...others } = options;
  const { credentials, callOptions, client, ...own } = others;
  const server = createServer(Shop, {
    authenticate: (given, { request, remoteAddr }) =>
      `${given ?? request?.headers.get("cookie") ?? "unknown"} from ${
        remoteAddr.hostname ?? "memory"
      }`,
    onError() {},
    ...own,
  }).handle({
    price: ({ sku }) => ({ cents: sku.length * 100 }),
    orders: {
      cancel() {},
      limited(_, context) {
        throw context.error("soldOut", { left: 0 });
      },
    },
    fail(code) {
      if (code === "internal") throw new Error("secret");
      throw new CallError(`failed with ${code}`, {
        code: code as CallError["code"], // the tests pass codes
        retryAfter: code === "overloaded" ? 1_500 : 0,
        retry: code === "overloaded" ? "later" : "never",
      });
    },
    async slow(_, { signal }) {
      await new Promise((resolve) =>
        signal.addEventListener("abort", resolve, { once: true })
      );
      seen.cancelled++;
      return "late";
    },
    whoAmI: (_, { session, metadata }) => [session.auth, metadata],
    seen: (note) => void seen.notes.push(note),
    async *watch() {},
  });
  const handler = fetchHandler(Shop, server, {
    path,
    maxBody,
    bodyTimeout,
    maxRequests,
    client,
    credentials,
    callOptions,
  });
  return { server, handler, seen };
}

function post(
  method: string,
  body: BodyInit | null = null,
  init: RequestInit = {},
): Request {
  return new Request(`http://shop.example/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...init.headers },
    body,
    ...(init.signal && { signal: init.signal }),
  });
}

Deno.test("fetchHandler() answers with the output as JSON", async () => {
  const { server, handler } = shop({ path: "/api/" });
  const response = await handler(post("api/price", '{"sku":"book"}'));
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), { cents: 400 });
  const nothing = await handler(post("api/orders.cancel", '{"id":"a"}'));
  assertEquals([nothing.status, await nothing.text()], [204, ""]);
  const elsewhere = await handler(post("price", '{"sku":"book"}'));
  assertEquals(elsewhere.status, 404);
  await elsewhere.body?.cancel();
  assertEquals(server.sessions.size, 0);
  await server.shutdown();
});

Deno.test("fetchHandler() calls a server that has only JSON", async () => {
  const { server, handler } = shop({ codecs: [json()] });
  const response = await handler(post("price", '{"sku":"book"}'));
  assertEquals(await response.json(), { cents: 400 });
  await server.shutdown();
});

Deno.test("fetchHandler() answers 500 if JSON cannot represent an output", async () => {
  const Clock = protocol({
    name: "clock",
    server: { now: unary<void, Date>() },
  });
  const server = createServer(Clock).handle({ now: () => new Date(0) });
  const response = await fetchHandler(Clock, server)(post("now"));
  assertEquals(response.status, 500);
  const { error } = await response.json();
  assertEquals([error.code, error.processed], ["internal", "yes"]);
  await server.shutdown();
});

Deno.test("fetchHandler() sends notifications", async () => {
  const { server, handler, seen } = shop();
  assertEquals((await handler(post("seen", '"a"'))).status, 204);
  await server.shutdown();
  assertEquals(seen.notes, ["a"]);
});

Deno.test("fetchHandler() says how a method of a group is named", async () => {
  const { server, handler } = shop();
  const response = await handler(post("orders/limited"));
  const { error } = await response.json();
  assertEquals(response.status, 404);
  assertStringIncludes(error.message, "with dots for groups");
  await server.shutdown();
});

Deno.test("fetchHandler() answers each failure with its status and code", async () => {
  const { server, handler } = shop({ limits: { maxMessage: 1_000_000 } });
  const cases: [Request, number, string][] = [
    [post("fail", '"invalid"'), 400, "invalid"],
    [post("fail", '"unauthenticated"'), 401, "unauthenticated"],
    [post("fail", '"forbidden"'), 403, "forbidden"],
    [post("fail", '"overloaded"'), 429, "overloaded"],
    [post("fail", '"unavailable"'), 503, "unavailable"],
    [post("fail", '"internal"'), 500, "internal"],
    [post("orders.limited"), 422, "declared"],
    [post("slow"), 504, "deadline"],
    [post("watch"), 404, "unimplemented"],
    [post("alert", '"x"'), 404, "unimplemented"],
    [post("orders"), 404, "unimplemented"],
    [post("__proto__"), 404, "unimplemented"],
    [post("%E0%A4%A"), 404, "unimplemented"],
    [post("price", "{"), 400, "invalid"],
    [post("price", new Uint8Array([0x22, 0xff, 0x22])), 400, "invalid"],
    [
      new Request("http://shop.example/price", { method: "POST", body: "{}" }),
      415,
      "invalid",
    ],
    [new Request("http://shop.example/price"), 405, "invalid"],
  ];
  for (const [request, status, code] of cases) {
    const response = await handler(request);
    const { error } = await response.json();
    assertEquals([response.status, error.code], [status, code], request.url);
    assert(!JSON.stringify(error).includes("secret"));
    if (code === "overloaded") {
      assertEquals(response.headers.get("retry-after"), "2");
      assertEquals([error.retry, error.retryAfter], ["later", 1_500]);
    }
    if (code === "declared") {
      assertEquals([error.declared, error.data], ["soldOut", { left: 0 }]);
    }
    if (status === 405) assertEquals(response.headers.get("allow"), "POST");
  }
  await server.shutdown();
});

Deno.test("fetchHandler() answers 400 if the URL is not valid", async () => {
  const { server, handler } = shop();
  const request = post("price", '{"sku":"book"}');
  // As Deno.serve() makes it of the header `Host: [`.
  Object.defineProperty(request, "url", { value: "http://[/price" });
  const response = await handler(request);
  assertEquals(response.status, 400);
  assertEquals((await response.json()).error.code, "invalid");
  await server.shutdown();
});

Deno.test("fetchHandler() passes the request to authenticate()", async () => {
  const { server, handler } = shop();
  const remoteAddr = { transport: "tcp", hostname: "192.0.2.7", port: 9 };
  const own = post("whoAmI", null, { headers: { cookie: "user=ada" } });
  const response = await handler(own, { remoteAddr });
  assertEquals(await response.json(), ["user=ada from 192.0.2.7", {}]);
  await server.shutdown();
});

Deno.test("fetchHandler() takes credentials and options of calls from a request", async () => {
  const { server, handler } = shop({
    credentials: (request) => request.headers.get("authorization"),
    callOptions: (request) => ({
      metadata: { page: request.headers.get("referer") ?? "" },
    }),
  });
  const headers = { authorization: "Bearer x", referer: "/home" };
  const response = await handler(post("whoAmI", null, { headers }));
  assertEquals(await response.json(), ["Bearer x from memory", {
    page: "/home",
  }]);
  await server.shutdown();
});

Deno.test("fetchHandler() begins no session if a function of its options throws", async () => {
  const fail = () => {
    throw new Error("no such login");
  };
  for (const name of ["callOptions", "credentials"]) {
    let accepted = 0;
    const accept = () => Promise.resolve(void accepted++);
    const handler = fetchHandler(Shop, { accept }, { [name]: fail });
    await assertRejects(() => handler(post("whoAmI")), Error, "no such login");
    assertEquals(accepted, 0);
  }
});

Deno.test("fetchHandler() answers 401 if authenticate() refuses", async () => {
  const { server, handler } = shop({
    authenticate() {
      throw new CallError("no", { code: "unauthenticated" });
    },
  });
  const response = await handler(post("price", '{"sku":"a"}'));
  const { error } = await response.json();
  assertEquals([response.status, error.code], [401, "unauthenticated"]);
  assertEquals(error.message, "The peer closed the session: no");
  assertEquals([error.processed, error.retry], ["no", "never"]);
  await server.shutdown();
});

Deno.test("fetchHandler() answers 503 once the server has shut down", async () => {
  const { server, handler } = shop();
  await server.shutdown();
  const response = await handler(post("price", '{"sku":"a"}'));
  const { error } = await response.json();
  assertEquals(
    [response.status, error.message],
    [503, "The server accepts no calls"],
  );
});

Deno.test("fetchHandler() limits the size of a body, exactly", async () => {
  const { server, handler } = shop({ maxBody: 10 });
  const fits = await handler(post("price", '{"sku":""}')); // 10 bytes
  assertEquals(await fits.json(), { cents: 0 });
  const large = await handler(post("price", '{"sku":"a"}'));
  assertEquals([large.status, (await large.json()).error.code], [
    413,
    "too-large",
  ]);
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(4));
    },
  }, { highWaterMark: 0 });
  const stopped = await handler(post("price", endless));
  await stopped.body?.cancel();
  assertEquals([stopped.status, pulled], [413, 3]);
  await server.shutdown();
});

Deno.test("fetchHandler() reads no body that is announced to be too large", async () => {
  const { server, handler } = shop({ maxBody: 10 });
  for (const [announced, status] of [["10", 200], ["11", 413]] as const) {
    const { readable, writable } = new TransformStream<Uint8Array>();
    const headers = { "content-length": announced };
    const pending = handler(post("price", readable, { headers }));
    if (status === 200) {
      const writer = writable.getWriter();
      await writer.write(new TextEncoder().encode('{"sku":""}'));
      await writer.close();
    }
    const response = await pending;
    await response.body?.cancel();
    assertEquals(response.status, status);
  }
  await server.shutdown();
});

Deno.test("fetchHandler() answers 408 if a body does not arrive in time", async () => {
  const { server, handler } = shop({ bodyTimeout: 10 });
  let cancelled = 0;
  const stalled = new ReadableStream({ cancel: () => void cancelled++ });
  const response = await handler(post("price", stalled));
  await response.body?.cancel();
  // Deno never frees the buffer of a read that is cancelled.
  assertEquals([response.status, cancelled], [408, 0]);
  await server.shutdown();
});

Deno.test("fetchHandler() answers 499 if a client disconnects within a body", async () => {
  const { server, handler } = shop({ maxRequests: 1 });
  for (let n = 0; n < 2; n++) { // the second needs the place of the first
    const cut = new ReadableStream({
      pull: (controller) => controller.error(new Error("disconnected")),
    });
    const response = await handler(post("price", cut));
    assertEquals([response.status, (await response.json()).error.code], [
      499,
      "cancelled",
    ]);
  }
  await server.shutdown();
});

Deno.test("fetchHandler() answers 415 to a compressed body", async () => {
  const { server, handler } = shop();
  for (const [coding, status] of [["gzip", 415], ["Identity", 200]] as const) {
    const headers = { "content-encoding": coding };
    const response = await handler(post("price", '{"sku":"a"}', { headers }));
    await response.body?.cancel();
    const accepted = response.headers.get("accept-encoding");
    assertEquals([response.status, accepted], [
      status,
      status === 415 ? "identity" : null,
    ]);
  }
  await server.shutdown();
});

Deno.test("fetchHandler() handles at most maxRequests at a time", async () => {
  const { server, handler } = shop({ maxRequests: 2 });
  const bodies = [new TransformStream(), new TransformStream()];
  const pending = bodies.map(({ readable }) =>
    handler(post("price", readable))
  );
  let read = 0;
  const unread = new ReadableStream({ pull: () => void read++ }, {
    highWaterMark: 0,
  });
  const third = await handler(post("price", unread));
  assertEquals([third.status, third.headers.get("retry-after"), read], [
    503,
    "1",
    0,
  ]);
  const { error } = await third.json();
  assertEquals([error.code, error.processed, error.retry, error.retryAfter], [
    "unavailable",
    "no",
    "later",
    1_000,
  ]);
  await bodies[0]!.writable.close(); // frees one place
  await (await pending[0]!).body?.cancel();
  const fourth = await handler(post("price", '{"sku":"a"}'));
  assertEquals(await fourth.json(), { cents: 100 });
  await bodies[1]!.writable.close();
  await (await pending[1]!).body?.cancel();
  await server.shutdown();
});

Deno.test("fetchHandler() answers 429 to a client that fills its share", async () => {
  const { server, handler } = shop({ maxRequests: 8 });
  const from = (hostname: string) => ({
    remoteAddr: { transport: "tcp", hostname, port: 9 },
  });
  const attacker = from("192.0.2.66");
  const bodies = Array.from({ length: 9 }, () => new TransformStream());
  const flood = bodies.map(({ readable }) =>
    handler(post("price", readable), attacker)
  );
  const refused = await Promise.all(flood.slice(4));
  for (const response of refused) {
    const { error } = await response.json();
    assertEquals([response.status, response.headers.get("retry-after")], [
      429,
      "1",
    ]);
    assertEquals([error.code, error.processed, error.retry], [
      "overloaded",
      "no",
      "later",
    ]);
  }
  // Others are served, as many of them as there are, one after the other.
  for (let n = 1; n <= 5; n++) {
    const own = from(`192.0.2.${n}`);
    const response = await handler(post("price", '{"sku":"a"}'), own);
    assertEquals(await response.json(), { cents: 100 });
  }
  for (const { writable } of bodies.slice(0, 4)) await writable.close();
  for (const response of await Promise.all(flood.slice(0, 4))) {
    await response.body?.cancel();
  }
  const again = await handler(post("price", '{"sku":"a"}'), attacker);
  assertEquals(await again.json(), { cents: 100 });
  await server.shutdown();
});

Deno.test("fetchHandler() distinguishes clients by the option client", async () => {
  const { server, handler } = shop({
    maxRequests: 2,
    client: ({ headers }) => headers.get("x-real-ip") ?? undefined,
  });
  const proxy = { remoteAddr: { transport: "tcp", hostname: "10.0.0.1" } };
  const ask = (name: string, body: BodyInit) =>
    handler(post("price", body, { headers: { "x-real-ip": name } }), proxy);
  const { readable, writable } = new TransformStream();
  const first = ask("ada", readable);
  const statuses = [];
  for (const name of ["ada", "ben"]) {
    const response = await ask(name, '{"sku":"a"}');
    statuses.push(response.status);
    await response.body?.cancel();
  }
  assertEquals(statuses, [429, 200]);
  await writable.close();
  await (await first).body?.cancel();
  await server.shutdown();
});

Deno.test("ClientShares leaves places for further clients", () => {
  const shares = new ClientShares(16);
  const taken = ["a", "b", "c", "d", "e", "f"].map((client) => {
    let count = 0;
    while (shares.begin(client) === "begun") count++;
    return count;
  });
  assertEquals(taken, [8, 4, 2, 1, 1, 0]);
  assertEquals(shares.begin("f"), "full");
  shares.end("a");
  assertEquals(shares.begin("a"), "client-full"); // the place is for another
  assertEquals(shares.begin("f"), "begun");
  assertEquals(shares.begin(undefined), "full");
});

Deno.test("networkOf() takes addresses of one IPv6 network as one", () => {
  assertEquals(networkOf("192.0.2.1"), "192.0.2.1");
  assertEquals(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
  for (
    const [one, network] of [
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
      ["2001:db8::9", "2001:db8:0:0::/64"],
      ["::1", "0:0:0:0::/64"],
      ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ] as const
  ) assertEquals(networkOf(one), network);
});

Deno.test("fetchHandler() answers 503 if the server has maxSessions sessions", async () => {
  const { server, handler } = shop({ maxSessions: 1 });
  const calls = Array.from({ length: 80 }, () => handler(post("slow")));
  const [first, ...others] = await Promise.all(calls);
  assertEquals(first!.status, 504); // its own deadline
  await first!.body?.cancel();
  for (const response of others) { // the server refuses 64 by GOAWAY
    const { error } = await response.json();
    assertEquals([response.status, response.headers.get("retry-after")], [
      503,
      "1",
    ]);
    assertEquals([error.code, error.processed, error.retry], [
      "unavailable",
      "no",
      "later",
    ]);
    assert(!error.message.includes("memory:"), error.message);
  }
  await server.shutdown();
});

Deno.test("fetchHandler() cancels the call of an aborted request", async () => {
  const { server, handler, seen } = shop({
    callOptions: ({ signal }) => ({ signal }),
  });
  const abort = new AbortController();
  const pending = handler(post("slow", null, { signal: abort.signal }));
  setTimeout(() => abort.abort(), 10);
  const response = await pending;
  await response.body?.cancel();
  assertEquals(response.status, 499);
  await server.shutdown();
  assertEquals(seen.cancelled, 1);
});

Deno.test("fetchHandler() rejects options that cannot work", () => {
  const { server } = shop();
  for (const path of ["", "api/", "/api"]) {
    assertThrows(() => fetchHandler(Shop, server, { path }), TypeError);
  }
  for (const limit of [0, 1.5, NaN, Infinity, -1]) {
    const wrong = { maxBody: limit };
    assertThrows(() => fetchHandler(Shop, server, wrong), RangeError);
    const late = { bodyTimeout: limit };
    assertThrows(() => fetchHandler(Shop, server, late), RangeError);
    const many = { maxRequests: limit };
    assertThrows(() => fetchHandler(Shop, server, many), RangeError);
  }
  const unknown = { maxBodi: 1 } as FetchHandlerOptions; // a misspelled option
  assertThrows(() => fetchHandler(Shop, server, unknown), TypeError, "maxBody");
});
