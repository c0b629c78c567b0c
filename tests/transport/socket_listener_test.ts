import {
  connect,
  listen,
  type SocketConnection,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import {
  SocketConnectionImpl,
  type SocketConnectionOptions,
} from "../../lib/transport/socket_connection_impl.ts";
import {
  type AcceptSource,
  SocketListenerImpl,
} from "../../lib/transport/socket_listener_impl.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";

/** A source with a script of errors to throw and connections to return. */
class ScriptedSource implements AcceptSource {
  readonly addr = { transport: "tcp", hostname: "127.0.0.1", port: 9 };
  closed = false;
  accepts = 0;
  #script: (Error | "client")[];
  #waiting = Promise.withResolvers<never>();

  constructor(...script: (Error | "client")[]) {
    this.#script = script;
    this.#waiting.promise.catch(() => {});
  }

  accept(options: SocketConnectionOptions): Promise<SocketConnection> {
    this.accepts++;
    const next = this.#script.shift();
    if (next === undefined) return this.#waiting.promise;
    if (next !== "client") return Promise.reject(next);
    return Promise.resolve(new SocketConnectionImpl(memoryPair()[0], options));
  }

  close(): void {
    this.closed = true;
    this.#waiting.reject(new Deno.errors.BadResource("closed"));
  }
}

const outOfDescriptors = () =>
  Object.assign(new Error("Too many open files"), { code: "EMFILE" });

Deno.test("accept() skips peers that have disconnected", async () => {
  const errors: TransportError[] = [];
  const source = new ScriptedSource(
    new Deno.errors.NotConnected("gone"),
    new Deno.errors.ConnectionReset("gone"),
    new Deno.errors.ConnectionAborted("gone"),
    "client",
  );
  using listener = new SocketListenerImpl(source, {
    onError: (error) => errors.push(error),
  });
  using _connection = await listener.accept();
  assertEquals([source.accepts, errors.length], [4, 0]);
});

Deno.test("accept() pauses at the descriptor limit, longer each time, and reports it", async () => {
  const waits: number[] = [];
  const real = globalThis.setTimeout;
  // The timers fire immediately, so that the test does not wait.
  globalThis.setTimeout = Object.assign((run: () => void, wait: number) => {
    waits.push(wait);
    return real(run, 0);
  }, real);
  const errors: TransportError[] = [];
  const failures = Array.from({ length: 10 }, outOfDescriptors);
  const source = new ScriptedSource(
    ...failures,
    "client",
    outOfDescriptors(),
    "client",
  );
  using listener = new SocketListenerImpl(source, {
    onError: (error) => errors.push(error),
  });
  try {
    (await listener.accept()).close();
    (await listener.accept()).close();
  } finally {
    globalThis.setTimeout = real;
  }
  assertEquals(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 5]);
  assertEquals(errors.length, 11);
  assert(errors.every((error) => error.code === "limit"));
  assertEquals(errors[0]?.address, "tcp://127.0.0.1:9");
  assertEquals(errors[0]?.cause, failures[0]);
});

Deno.test("accept() continues after onError throws", async () => {
  const source = new ScriptedSource(new Error("odd"), "client");
  using listener = new SocketListenerImpl(source, {
    onError: () => {
      throw new Error("the reporter is broken");
    },
  });
  using _connection = await listener.accept();
});

Deno.test("close() ends a pause immediately and leaves no timer", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const source = new ScriptedSource(
    ...Array.from({ length: 99 }, outOfDescriptors),
  );
  const listener = new SocketListenerImpl(source, { onError: () => resolve() });
  const pending = assertRejects(() => listener.accept(), TransportError);
  await promise;
  listener.close();
  assertEquals((await pending).code, "closed");
});

Deno.test("accept() rejects when the socket was closed directly", async () => {
  const source = new ScriptedSource(new Deno.errors.BadResource("gone"));
  const listener = new SocketListenerImpl(source);
  const error = await assertRejects(() => listener.accept(), TransportError);
  assertEquals([error.code, listener.closed], ["closed", true]);
});

Deno.test("accept() serves concurrent calls in order", async () => {
  await using listener = await listen({ port: 0 });
  const order: number[] = [];
  const accepts = [0, 1, 2].map(async (at) => {
    using _connection = await listener.accept();
    order.push(at);
  });
  for (let count = 0; count < 3; count++) {
    (await connect(listener.addr)).close();
  }
  await Promise.all(accepts);
  assertEquals(order, [0, 1, 2]);
});

Deno.test("close() ends accept() and iteration but keeps accepted connections open", async () => {
  const listener = await listen({ port: 0 });
  using client = await connect(listener.addr);
  const served: SocketConnection[] = [];
  const iterating = (async () => {
    for await (const connection of listener) {
      served.push(connection);
      setTimeout(() => listener.close());
    }
  })();
  await iterating;
  listener.close();
  const error = await assertRejects(() => listener.accept(), TransportError);
  assertEquals(error.code, "closed");
  assertEquals(served.length, 1);
  await writeAll(client, new Uint8Array(1));
  assertEquals(await served[0]?.read(new Uint8Array(2)), 1);
  served[0]?.close();
});

Deno.test("leaving the loop closes the listener", async () => {
  const listener = await listen({ port: 0 });
  using _client = await connect(listener.addr);
  for await (using _connection of listener) break;
  assert(listener.closed);
});

Deno.test("the signal ends accept() with its reason and iteration without an error", async () => {
  for (const address of [{ port: 0 }, { memory: "signalled" }]) {
    const abort = new AbortController();
    const reason = new Error("going home");
    const listener = await listen(address, { signal: abort.signal });
    const pending = listener.accept();
    const iterating = (async () => {
      for await (using _connection of listener);
    })();
    abort.abort(reason);
    assertStrictEquals(await assertRejects(() => pending), reason);
    await iterating;
    assert(listener.closed);
  }
});

Deno.test("listen() binds nothing if the signal is already aborted", async () => {
  const signal = AbortSignal.abort(new Error("before"));
  await assertRejects(
    () => listen({ memory: "x" }, { signal }),
    Error,
    "before",
  );
  (await listen({ memory: "x" })).close();
});

Deno.test("maxConnections keeps clients waiting until a connection closes", async () => {
  await using listener = await listen({ port: 0 }, { maxConnections: 2 });
  const clients = await Promise.all(
    [1, 2, 3].map(() => connect(listener.addr)),
  );
  const first = await listener.accept();
  using _second = await listener.accept();
  assertEquals(listener.connections, 2);
  let accepted = false;
  const third = listener.accept().then((connection) => {
    accepted = true;
    return connection;
  });
  // Several turns of the event loop, in which it could have been accepted.
  for (let turn = 0; turn < 20; turn++) await first.write(new Uint8Array(1));
  assertEquals(accepted, false);
  first.close();
  (await third).close();
  assertEquals(listener.connections, 1);
  clients.forEach((client) => client.close());
});

Deno.test("maxConnections closes further clients with overflow 'refuse'", async () => {
  await using listener = await listen({ port: 0 }, {
    maxConnections: 1,
    overflow: "refuse",
  });
  using _held = await connect(listener.addr);
  const first = await listener.accept();
  const next = listener.accept();
  for (let count = 0; count < 3; count++) {
    using refused = await connect(listener.addr);
    assertEquals(await refused.read(new Uint8Array(1)), null);
  }
  assertEquals(listener.connections, 1);
  first.close();
  using _taken = await connect(listener.addr);
  (await next).close();
});

Deno.test("close() ends an accept() that waits for room", async () => {
  await using listener = await listen({ memory: "full" }, {
    maxConnections: 1,
  });
  using _client = await connect(listener.addr);
  using held = await listener.accept();
  const waiting = assertRejects(() => listener.accept(), TransportError);
  await Promise.resolve();
  listener.close();
  assertEquals((await waiting).code, "closed");
  assertEquals([held.closed, listener.connections], [false, 1]);
});

Deno.test("maxConnections must be at least 1", () => {
  for (const maxConnections of [0, -1, NaN]) {
    assertThrows(
      () => new SocketListenerImpl(new ScriptedSource(), { maxConnections }),
      RangeError,
      "'maxConnections' must be at least 1",
    );
  }
});

Deno.test("listen() rejects a count and a callback of another type", async () => {
  const wrong = [{ maxConnections: "5" }, { onError: "log" }];
  for (const options of wrong as never[]) { // a JavaScript program's
    const [name = ""] = Object.keys(options);
    const rejected = () => listen({ memory: "typed" }, options);
    assert((await assertRejects(rejected, Error)).message.includes(name));
    // The address is free again.
    (await listen({ memory: "typed" })).close();
  }
});

Deno.test("iteration continues after peers that reset before accept", async () => {
  const errors: TransportError[] = [];
  await using listener = await listen({ port: 0 }, {
    onError: (error) => errors.push(error),
  });
  const { port = 0 } = listener.addr;
  for (let count = 0; count < 20; count++) {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    socket.resetAndDestroy();
    await once(socket, "close");
  }
  using client = await connect(listener.addr);
  await writeAll(client, new Uint8Array([42]));
  let served = 0;
  for await (using connection of listener) {
    const byte = new Uint8Array(1);
    // A reset that arrives between accept and read affects only this connection.
    const count = await connection.read(byte).catch(() => 0);
    if (count !== 1) continue;
    served++;
    assertEquals(byte[0], 42);
    break;
  }
  assertEquals([served, errors.length, listener.connections], [1, 0, 0]);
});

Deno.test("ref() and unref() reach a source that supports them", () => {
  const calls: string[] = [];
  const counted = new ScriptedSource();
  const listener = new SocketListenerImpl(Object.assign(counted, {
    ref: () => void calls.push("ref"),
    unref: () => void calls.push("unref"),
  }));
  listener.unref();
  listener.ref();
  assertEquals(calls, ["unref", "ref"]);
  listener.close();
  const plain = new SocketListenerImpl(new ScriptedSource());
  plain.unref();
  plain.ref();
  plain.close();
});
