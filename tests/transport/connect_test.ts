import {
  connect,
  type ConnectOptions,
  connectWebSocket,
  listen,
  readExactly,
  type SocketConnection,
  TransportError,
  upgradeWebSocket,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { SocketConnectionImpl } from "../../lib/transport/socket_connection_impl.ts";
import { WebSocketConnectionImpl } from "../../lib/transport/websocket/websocket_connection_impl.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";

/** A TCP address that neither accepts nor refuses, because its backlog is full. */
async function withSilentAddress(
  body: (address: { port: number }) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen({
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 1,
  });
  const { port } = listener.addr;
  const abort = new AbortController();
  const { signal } = abort;
  // The kernel queues a few more clients than its limit and ignores the others.
  const fillers = Array.from(
    { length: 8 },
    () => Deno.connect({ port, signal }).catch(() => undefined),
  );
  // Wait for the first two, which connect immediately, so that the backlog is full.
  await Promise.all(fillers.slice(0, 2));
  try {
    await body({ port });
  } finally {
    abort.abort();
    for (const conn of await Promise.all(fillers)) conn?.close();
  }
}

Deno.test("connect() rejects after its timeout", () =>
  withSilentAddress(async (address) => {
    const error = await assertRejects(
      () => connect(address, { timeout: 50 }),
      TransportError,
      "no connection within 50 ms",
    );
    assertEquals(error.code, "timeout");
    assertEquals(error.address, `tcp://127.0.0.1:${address.port}`);
  }));

Deno.test("connect() rejects with the signal's reason", () =>
  withSilentAddress(async (address) => {
    const abort = new AbortController();
    const reason = { not: "even an error" };
    const connecting = connect(address, { signal: abort.signal, timeout: 0 });
    setTimeout(() => abort.abort(reason), 20);
    const caught = await connecting.catch((error) => error);
    assertStrictEquals(caught, reason);
  }));

Deno.test("connect() accepts AbortSignal.timeout()", () =>
  withSilentAddress(async (address) => {
    const signal = AbortSignal.timeout(20);
    const error = await assertRejects(
      () => connect(address, { signal }),
      DOMException,
    );
    assertEquals(error.name, "TimeoutError");
  }));

Deno.test("connect() opens no socket if the signal is already aborted", async () => {
  await using listener = await listen({ memory: "before" });
  const reason = new Error("before");
  for (const retry of [{}, undefined]) {
    const error = await assertRejects(() =>
      connect(listener.addr, {
        signal: AbortSignal.abort(reason),
        ...(retry && { retry }),
      })
    );
    assertStrictEquals(error, reason);
  }
  assertEquals(listener.connections, 0);
});

Deno.test("connect() ignores an abort after it has resolved", async () => {
  await using listener = await listen({ port: 0 });
  const abort = new AbortController();
  using client = await connect(listener.addr, { signal: abort.signal });
  using server = await listener.accept();
  abort.abort();
  await writeAll(client, new Uint8Array(1));
  assertEquals(await readExactly(server, new Uint8Array(1)), true);
});

Deno.test("connect() closes a connection that arrives after the abort", async () => {
  for (const address of [{ memory: "late" }, { path: await socketPath() }]) {
    await using listener = await listen(address);
    const abort = new AbortController();
    const connecting = connect(listener.addr, { signal: abort.signal });
    abort.abort(new Error("too late"));
    await assertRejects(() => connecting, Error, "too late");
    using server = await listener.accept();
    assertEquals(await server.read(new Uint8Array(1)), null);
  }
});

Deno.test("connect() closes a TCP connection that arrives at the moment of the abort", async () => {
  await using listener = await listen({ port: 0 });
  const { port = 0 } = listener.addr;
  const abort = new AbortController();
  const real = Deno.connect;
  // Like Deno, check the signal once more before returning the connection.
  const lateAbort = async ({ signal }: Deno.ConnectOptions) => {
    const conn = await real({ port });
    abort.abort(new Error("just now"));
    signal?.throwIfAborted();
    return conn;
  };
  Object.assign(Deno, { connect: lateAbort });
  try {
    await assertRejects(
      () => connect({ port }, { signal: abort.signal }),
      Error,
      "just now",
    );
  } finally {
    Object.assign(Deno, { connect: real });
  }
  using server = await listener.accept();
  assertEquals(await server.read(new Uint8Array(1)), null);
});

Deno.test("connect() tries several addresses in order", async () => {
  await using first = await listen({ memory: "first" });
  await using second = await listen({ memory: "second" });
  using _third = await connect([
    "memory:unknown",
    { memory: "second" },
    "memory:first",
  ]);
  assertEquals(first.connections + second.connections, 0);
  (await second.accept()).close();
});

Deno.test("connect() reports the errors of all addresses", async () => {
  const error = await assertRejects(
    () => connect([{ memory: "one" }, { path: "/missing/two" }]),
    TransportError,
    "Cannot connect to any of 2 addresses",
  );
  assertEquals([error.code, error.address], ["not-found", "unix:/missing/two"]);
  assertInstanceOf(error.cause, AggregateError);
  assertEquals(
    error.cause.errors.map((each: TransportError) => each.code),
    ["refused", "not-found"],
  );
});

Deno.test("connect() does not try the next address after an abort", () =>
  withSilentAddress(async (address) => {
    await using listener = await listen({ memory: "next" });
    const signal = AbortSignal.timeout(20);
    await assertRejects(
      () => connect([address, "memory:next"], { signal }),
      DOMException,
    );
    let accepted = false;
    listener.accept().then(() => accepted = true, () => {});
    await Promise.resolve();
    assertEquals(accepted, false);
  }));

Deno.test("connect() tries the next address after a timeout", () =>
  withSilentAddress(async (address) => {
    await using listener = await listen({ memory: "fallback" });
    using client = await connect([address, "memory:fallback"], { timeout: 20 });
    assertEquals(client.remoteAddr.transport, "memory");
    (await listener.accept()).close();
  }));

Deno.test("connect() retries until a server listens", async () => {
  const { addr } = await (async () => {
    await using listener = await listen({ port: 0 });
    return listener;
  })();
  const real = Deno.connect;
  let dials = 0;
  const counting = (options: Deno.ConnectOptions) => {
    dials++;
    return real(options);
  };
  Object.assign(Deno, { connect: counting });
  let listener;
  try {
    const connecting = connect(addr, {
      retry: { maxAttempts: 100, minTimeout: 1, maxTimeout: 5 },
    });
    while (dials < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    listener = await listen(addr);
    using _client = await connecting;
    (await listener.accept()).close();
  } finally {
    Object.assign(Deno, { connect: real });
    listener?.close();
  }
  assert(dials >= 3);
});

Deno.test("connect() waits for random times below a bound that doubles", async () => {
  const waits: number[] = [];
  const realTimeout = globalThis.setTimeout;
  const realRandom = Math.random;
  // The upper end of the jitter, and timers that fire immediately.
  Math.random = () => 0;
  globalThis.setTimeout = Object.assign((run: () => void, wait: number) => {
    waits.push(wait);
    return realTimeout(run, 0);
  }, realTimeout);
  try {
    const error = await assertRejects(
      () =>
        connect("memory:unknown", {
          timeout: 0,
          retry: { maxAttempts: 5, minTimeout: 100, maxTimeout: 500 },
        }),
      TransportError,
    );
    assertEquals(error.code, "refused");
  } finally {
    globalThis.setTimeout = realTimeout;
    Math.random = realRandom;
  }
  assertEquals(waits, [100, 200, 400, 500]);
});

Deno.test("connect() does not retry permanent failures", async () => {
  const error = await assertRejects(
    () => connect({ port: 0 }, { retry: { minTimeout: 1 } }),
    TransportError,
  );
  assertEquals(error.code, "address-invalid");
});

Deno.test("connect() stops its retries when the signal is aborted", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  const connecting = connect("memory:unknown", {
    signal: abort.signal,
    retry: { minTimeout: 60_000, maxTimeout: 60_000 },
  });
  setTimeout(() => abort.abort(reason), 5);
  assertStrictEquals(await assertRejects(() => connecting), reason);
});

Deno.test("connect() rejects invalid limits", async () => {
  for (const timeout of [-1, NaN, Infinity]) {
    await assertRejects(
      () => connect({ port: 1 }, { timeout }),
      RangeError,
      "'timeout'",
    );
  }
  await assertRejects(() => connect([]), RangeError, "empty");
  await assertRejects(
    () => connect("memory:x", { retry: { maxAttempts: 0 } }),
    RangeError,
    "maxAttempts",
  );
});

Deno.test("connect() names the transports that work outside Deno", async () => {
  const deno = globalThis.Deno;
  Reflect.deleteProperty(globalThis, "Deno");
  let error;
  try {
    error = await connect({ port: 1 }).catch((error) => error);
  } finally {
    Object.assign(globalThis, { Deno: deno });
  }
  assertInstanceOf(error, TransportError);
  assertEquals(error.code, "unsupported");
  assertStringIncludes(error.message, "memory and WebSocket");
});

Deno.test("connect() connects to WebSockets by URL", async () => {
  const { promise, resolve } = Promise.withResolvers<SocketConnection>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { connection, response } = upgradeWebSocket(request);
      resolve(connection);
      return response;
    },
  );
  const client = await connect([
    "memory:unknown",
    `ws://127.0.0.1:${server.addr.port}/`,
  ], { timeout: 5_000 });
  assertInstanceOf(client, WebSocketConnectionImpl);
  const accepted = await promise;
  await writeAll(client, new Uint8Array(3));
  assertEquals(await accepted.read(new Uint8Array(9)), 3);
  client.close();
  accepted.close();
  await client.finished;
});

Deno.test("connect() names the URL of an unreachable WebSocket", async () => {
  const { port } = await (async () => {
    await using listener = await listen({ port: 0 });
    return { port: listener.addr.port ?? 0 };
  })();
  const url = `ws://127.0.0.1:${port}/`;
  const error = await assertRejects(() => connect(url), TransportError);
  assertEquals(error.address, url);
});

Deno.test("connect() returns a SocketConnection on every transport", async () => {
  const addresses = [{ port: 0 }, { memory: "each" }, {
    path: await socketPath(),
  }];
  for (const address of addresses) {
    await using listener = await listen(address);
    using client = await connect(listener.addr);
    using server = await listener.accept();
    assertInstanceOf(client, SocketConnectionImpl);
    assertInstanceOf(server, SocketConnectionImpl);
  }
});

async function socketPath(): Promise<string> {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  return path;
}

Deno.test("connect() rejects unknown options", async () => {
  await using listener = await listen({ memory: "options" });
  const wrong: [options: object, name: string][] = [
    [{ tsl: {} }, "tsl"],
    [{ timeOut: 5 }, "timeOut"],
    [{ tls: { caCert: [] } }, "caCert"],
    [{ retry: { attempts: 3 } }, "attempts"],
  ];
  for (const [options, name] of wrong) {
    const error = await assertRejects(
      async () => (await connect({ port: 1 }, options)).close(),
      TypeError,
    );
    assertStringIncludes(error.message, `Unknown option "${name}"`);
  }
  using _client = await connect(listener.addr, {
    tls: undefined,
    retry: undefined,
    timeout: undefined,
  });
  (await listener.accept()).close();
});

Deno.test("connect() rejects options without effect", async () => {
  const link = { latency: 1 };
  const cases: readonly [
    Parameters<typeof connect>[0],
    ConnectOptions,
    string,
  ][] = [
    ["memory:connect_test", { noDelay: true }, "only TCP addresses have it"],
    [{ path: "/connect_test" }, { keepAlive: true }, "only TCP addresses"],
    ["ws://127.0.0.1:1", { noDelay: false }, "only TCP addresses have it"],
    ["tcp://127.0.0.1:1", { link }, "only memory addresses have it"],
    [
      ["ws://127.0.0.1:1", "memory:connect_test"],
      { autoSelectFamily: true },
      "for ws://127.0.0.1:1, memory:connect_test: only TCP addresses have it",
    ],
  ];
  for (const [address, options, message] of cases) {
    await assertRejects(() => connect(address, options), TypeError, message);
  }
  await assertRejects( // one of the addresses has it
    () => connect(["memory:connect_test", "tcp://127.0.0.1:1"], { link }),
    TransportError,
  );
});

Deno.test("the stack of a failure has the code that connects", async () => {
  const addresses = [
    { port: 1 },
    "tls://127.0.0.1:1",
    "ws://127.0.0.1:1/",
    "unix:missing/connect_test",
    "memory:connect_test",
  ];
  async function caller(open: () => Promise<unknown>): Promise<unknown> {
    return await open();
  }
  for (
    const open of [
      ...addresses.map((address) => () => connect(address)),
      () => connect(addresses),
      () => connectWebSocket("ws://127.0.0.1:1/"),
    ]
  ) {
    const error = await assertRejects(() => caller(open), TransportError);
    assertStringIncludes(error.stack ?? "", "at async caller");
  }
});
