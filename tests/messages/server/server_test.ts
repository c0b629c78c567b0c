import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import {
  CallError,
  SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import type {
  ClientInfo,
  ServerSession,
} from "../../../lib/messages/server/server_types.ts";
import type {
  Connection,
  Listener,
} from "../../../lib/transport/connection.ts";
import { listen } from "../../../lib/transport/listen.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import {
  aborted,
  all,
  dial,
  endOf,
  failureOf,
  incidents,
  thrownBy,
  turns,
} from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Echo = protocol({
  name: "echo",
  server: {
    echo: unary<string, string>(),
    wait: unary<void, string>(),
    tick: serverStream<void, number>(),
    talk: duplex<string, string>(),
    log: notification<string>(),
  },
});

/** Waits for the end of its call and records the reason. */
async function wait(_: unknown, { signal }: { signal: AbortSignal }) {
  const reason = await aborted(signal);
  return reason instanceof CallError ? reason.code : "no CallError";
}

const handlers = {
  echo: (text: string) => text,
  wait,
  async *tick() {
    for (let i = 0;; i++) yield i;
  },
  async *talk(lines: AsyncIterable<string>) {
    for await (const line of lines) yield line;
  },
  log() {},
};

Deno.test("serve() serves every kind of address with the same handlers", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const addresses = [
    { port: 0 },
    "tcp://127.0.0.1:0",
    { path },
    { memory: "echo" },
  ];
  for (const address of addresses) {
    await using server = await serve(Echo, address).handle(handlers);
    await using session = await connect(Echo, server.addr);
    assertEquals(await session.remote.echo("hello"), "hello");
    assertEquals(await all(session.remote.talk(["a", "b"])), ["a", "b"]);
    assertEquals(session.remoteAddr, server.addr);
  }
});

Deno.test("serve() returns a server with addr, sessions, finished and shutdown()", async () => {
  const heard: unknown[] = [];
  const opened = Promise.withResolvers<ServerSession<typeof Echo>>();
  const server = await serve(Echo, { port: 0 }, {
    onListen: (addr) => heard.push(addr),
    onSession: opened.resolve,
  }).handle(handlers);
  assertEquals(heard, [server.addr]);
  const session = await connect(Echo, server.addr);
  const served = await opened.promise;
  assertEquals([...server.sessions], [served]);
  assertEquals(served.remoteAddr, session.localAddr);
  assertEquals(served.localAddr, session.remoteAddr);
  assertEquals(served.peerCertificate, undefined);
  assertEquals(served.server, server);
  const shutdown = server.shutdown();
  await server.finished;
  await shutdown;
  assertEquals(server.sessions.size, 0);
  assertEquals((await session.finished).code, "closed");
  await assertRejects(
    () => server.listen({ port: 0 }),
    TypeError,
    "Cannot listen: the server has been shut down",
  );
  await server.shutdown(); // has no effect
});

Deno.test("serve() rejects when its signal is aborted before, and shuts down when it is aborted later", async () => {
  const reason = new Error("no more");
  await assertRejects(
    () =>
      serve(Echo, { port: 0 }, { signal: AbortSignal.abort(reason) }).handle(
        handlers,
      ),
    Error,
    "no more",
  );
  const controller = new AbortController();
  const server = await serve(Echo, { port: 0 }, {
    signal: controller.signal,
  }).handle(handlers);
  const session = await connect(Echo, server.addr);
  const pending = failureOf(session.remote.wait());
  await session.remote.echo("the call before has come");
  controller.abort(reason);
  await server.finished;
  assertEquals((await pending).code, "disconnected");
  await session.close();
});

Deno.test("serve() releases everything when onListen throws", async () => {
  let port = 0;
  await assertRejects(
    () =>
      serve(Echo, { port: 0 }, {
        onListen: (addr) => {
          port = addr.port ?? 0;
          throw new Error("not here");
        },
      }).handle(handlers),
    Error,
    "not here",
  );
  const again = await listen({ port });
  again.close();
});

Deno.test("serve() reports the rejection of an asynchronous onListen, and serves", async () => {
  const { list, onError } = incidents();
  await using server = await serve(Echo, { port: 0 }, {
    onListen: () => Promise.reject(new Error("no address to report")),
    onError,
  }).handle(handlers);
  await using session = await connect(Echo, server.addr);
  assertEquals(await session.remote.echo("x"), "x");
  assertEquals(list.map(({ error }) => String(error)), [
    "Error: no address to report",
  ]);
});

Deno.test(
  "createServer() throws for invalid handlers and options",
  none,
  () => {
    assertThrows(
      () =>
        createServer(
          Echo,
        ).handle(
          { ...handlers, echo: undefined } as unknown as typeof handlers,
        ),
      TypeError,
      "missing echo",
    );
    assertThrows(
      () => createServer(Echo, { maxSessions: 0 }).handle(handlers),
      RangeError,
      "maxSessions 0",
    );
    assertThrows(
      () => createServer(Echo, { limits: { maxCalls: 1 } }).handle(handlers),
      RangeError,
      'limit "maxCalls"',
    );
    const server = createServer(Echo).handle(handlers);
    assertThrows(() => server.addr, TypeError, "is not listening");
  },
);

Deno.test(
  "server.accept() serves any connection, and never rejects",
  none,
  async () => {
    const { list, onError } = incidents();
    const server = createServer(Echo, { onError }).handle(handlers);
    await using session = await connect(Echo, dial(server));
    assertEquals(await session.remote.echo("x"), "x");

    // A connection whose addresses cannot be read.
    const [near, far] = memoryPair();
    const broken: Connection = Object.create(far, {
      [Symbol.dispose]: { value: () => far.close() },
      remoteAddr: {
        get() {
          throw new Error("no address");
        },
      },
    });
    await server.accept(broken);
    assertEquals(list.map(({ error }) => String(error)), ["Error: no address"]);
    assertEquals(await near.read(new Uint8Array(1)), null, "it was closed");
    near.close();

    // A connection that is closed.
    const [, gone] = memoryPair();
    gone.close();
    await server.accept(gone);

    // A connection that fails to close.
    const [other, stubborn] = memoryPair();
    const closing: Connection = Object.create(stubborn, {
      [Symbol.dispose]: {
        value: () => {
          stubborn.close();
          throw new Error("stuck");
        },
      },
      read: { value: stubborn.read.bind(stubborn) },
      write: { value: stubborn.write.bind(stubborn) },
      closeWrite: { value: stubborn.closeWrite.bind(stubborn) },
      localAddr: { value: stubborn.localAddr },
      remoteAddr: { value: stubborn.remoteAddr },
    });
    const served = server.accept(closing);
    other.close();
    await served;
    assertEquals(String(list.at(-1)?.error), "Error: stuck");

    assertEquals(await session.remote.echo("still"), "still");
    await server.shutdown();
    const [late, tooLate] = memoryPair();
    await server.accept(tooLate); // closed immediately
    assertEquals(await late.read(new Uint8Array(1)), null);
    late.close();
  },
);

Deno.test(
  "server.accept() rejects clients above maxSessions, and serves again when a session has ended",
  none,
  async () => {
    const server = createServer(Echo, { maxSessions: 1 }).handle(handlers);
    const first = await connect(Echo, dial(server));
    const refused = await endOf(connect(Echo, dial(server)));
    assertEquals([refused.code, refused.remote, refused.retryAfter > 0], [
      "refused-busy",
      true,
      true,
    ]);
    // Silent clients receive no rejection; beyond 64 of them, connections are closed immediately.
    const silent = Array.from({ length: 64 }, () => dial(server));
    const cut = await endOf(connect(Echo, dial(server)));
    assertEquals(cut.code, "disconnected");
    for (const connection of silent) connection.close();
    await turns(2);
    const told = await endOf(connect(Echo, dial(server)));
    assertEquals([told.code, server.sessions.size], ["refused-busy", 1]);
    await first.close();
    await turns(2);
    await using third = await connect(Echo, dial(server));
    assertEquals(await third.remote.echo("x"), "x");
    await server.shutdown();
  },
);

Deno.test(
  "server.listen() serves an existing listener, and continues after its end",
  none,
  async () => {
    const { list, onError } = incidents();
    const server = createServer(Echo, { onError }).handle(handlers);
    const waiting: ((connection: Connection) => void)[] = [];
    let fail = (_error: Error) => {};
    const listener: Listener = {
      addr: { transport: "test" },
      accept: () =>
        new Promise((resolve, reject) => {
          waiting.push(resolve);
          fail = reject;
        }),
      close: () => fail(new Error("closed")),
      [Symbol.dispose]() {},
      async *[Symbol.asyncIterator]() {
        while (true) yield await this.accept();
      },
    };
    assertEquals(await server.listen(listener), { transport: "test" });
    const [near, far] = memoryPair();
    await turns();
    waiting.shift()?.(far);
    await using session = await connect(Echo, near);
    assertEquals(await session.remote.echo("x"), "x");
    fail(new Error("the listener broke"));
    await turns(2);
    assertEquals(list.map(({ error }) => String(error)), [
      "Error: the listener broke",
    ]);
    assertEquals(await session.remote.echo("y"), "y");
    await server.shutdown();
  },
);

Deno.test("server.listen() closes its listener when the server shuts down meanwhile", async () => {
  const server = createServer(Echo).handle(handlers);
  const listening = thrownBy(server.listen({ port: 0 }));
  await server.shutdown();
  assert(await listening instanceof TypeError);
});

Deno.test(
  "server.shutdown() waits for calls in flight, and cancels them after the grace period",
  none,
  async () => {
    const release = Promise.withResolvers<void>();
    const codes: string[] = [];
    const P = protocol({
      name: "p",
      server: { slow: unary<void, string>(), endless: unary<void, string>() },
    });
    const server = createServer(P, { limits: { drainGrace: 60 } }).handle({
      slow: async () => {
        await release.promise;
        return "done";
      },
      endless: async (_, context) => {
        const code = await wait(_, context);
        codes.push(code);
        return code;
      },
    });
    const session = await connect(P, dial(server));
    const slow = session.remote.slow();
    const endless = failureOf(session.remote.endless());
    const drained = aborted(session.draining);
    await turns(2);
    const shutdown = server.shutdown();
    await drained;
    const late = await failureOf(session.remote.slow());
    assertEquals([late.code, late.processed, late.retry], [
      "unavailable",
      "no",
      "now",
    ]);
    release.resolve();
    assertEquals(await slow, "done");
    await shutdown;
    assertEquals((await endless).code, "unavailable");
    assertEquals(codes, ["unavailable"]);
    await session.close();
  },
);

Deno.test(
  "server.shutdown() and drain() take a grace period and notify the peer of the rest",
  none,
  async () => {
    const notice = {
      code: "age",
      retryAfter: 1_000,
      spread: 10_000,
    } as const;
    for (const how of ["shutdown", "server", "client"] as const) {
      const server = createServer(Echo).handle(handlers);
      const session = await connect(Echo, dial(server));
      const [accepted] = server.sessions;
      const endless = failureOf(session.remote.wait());
      await session.remote.echo("the server has the call");
      const options = { ...notice, grace: 0 };
      if (how === "shutdown") await server.shutdown(options);
      else if (how === "server") await accepted!.drain(options);
      else await session.drain(options);
      const near = how === "client" ? session : accepted!;
      const far = how === "client" ? accepted! : session;
      for (const [end, remote] of [[near, false], [far, true]] as const) {
        const { reason } = end.draining;
        assert(reason instanceof SessionError);
        const { code, retryAfter, spread } = reason;
        assertEquals({ code, retryAfter, spread }, notice, how);
        assertEquals(reason.remote, remote, how);
        assertEquals((await end.finished).code, "closed");
      }
      assertEquals((await endless).code, "unavailable");
      await session.drain({ grace: 5 }); // has no effect
      await server.shutdown();
    }
  },
);

Deno.test(
  "session.draining is aborted with the error that ends the session",
  none,
  async () => {
    const server = createServer(Echo).handle(handlers);
    const session = await connect(Echo, dial(server));
    const [accepted] = server.sessions;
    const { draining } = accepted!;
    await session.close();
    assertEquals((await accepted!.finished).code, "closed");
    for (
      const [{ reason }, remote] of [
        [draining, true],
        [session.draining, false],
      ] as const
    ) {
      assert(reason instanceof SessionError);
      assertEquals([reason.code, reason.remote], ["closed", remote]);
    }
    await server.shutdown();
  },
);

Deno.test(
  "drain() and shutdown() reject options that they cannot use",
  none,
  async () => {
    const server = createServer(Echo).handle(handlers);
    const session = await connect(Echo, dial(server));
    const [accepted] = server.sessions;
    for (
      const drain of [
        // deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
        (options: any) => server.shutdown(options),
        // deno-lint-ignore no-explicit-any -- as above
        (options: any) => accepted!.drain(options),
        // deno-lint-ignore no-explicit-any -- as above
        (options: any) => session.drain(options),
      ]
    ) {
      await assertRejects(
        () => drain({ graze: 5 }),
        TypeError,
        '(did you mean "grace"?)',
      );
      for (const name of ["grace", "retryAfter", "spread"]) {
        for (const value of [-1, 0.5, 2 ** 31, Infinity, "5"]) {
          await assertRejects(
            () => drain({ [name]: value }),
            RangeError,
            `Cannot drain with ${name} ${value}: it must be an integer from 0 to 2147483647 ms`,
          );
        }
      }
      await assertRejects(
        () => drain({ code: "closed" }),
        RangeError,
        'Cannot drain with code "closed": expected "drain" or "age"',
      );
    }
    assertEquals(await session.remote.echo("still open"), "still open");
    await session.close();
    await server.shutdown({ grace: 2 ** 31 - 1, spread: undefined });
  },
);

Deno.test(
  "context.signal has a different reason for each way in which a call ends",
  none,
  async () => {
    const seen: Record<string, string> = {};
    const P = protocol({
      name: "p",
      server: { wait: unary<string>(), list: unary<void, string[]>() },
    });
    const server = createServer(P).handle({
      wait: async (name, context) => {
        seen[name] = await wait(undefined, context);
        assertEquals(context.signal.aborted, true);
      },
      list: () => Object.keys(seen),
    });
    const session = await connect(P, dial(server));
    const controller = new AbortController();
    const calls = [
      failureOf(session.remote.wait("cancel", { signal: controller.signal })),
      failureOf(session.remote.wait("deadline", { timeout: 20 })),
      failureOf(session.remote.wait("disconnect")),
    ];
    await turns(2);
    controller.abort();
    assertEquals((await calls[0])?.code, "cancelled");
    assertEquals((await calls[1])?.code, "deadline");
    while ((await session.remote.list()).length < 2);
    await session.close();
    assertEquals((await calls[2])?.code, "disconnected");
    await server.shutdown();
    assertEquals(seen, {
      cancel: "cancelled",
      deadline: "deadline",
      disconnect: "disconnected",
    });
  },
);

Deno.test(
  "authenticate() accepts or refuses clients, and its errors are not disclosed",
  none,
  async () => {
    const { list, onError } = incidents();
    const P = protocol({ name: "p", server: { who: unary<void, string>() } });
    const server = createServer(P, {
      authenticate: async (credentials: unknown, client: ClientInfo) => {
        await turns();
        if (credentials === "bug") throw new Error("secret detail");
        if (typeof credentials !== "string") {
          throw new CallError("Name yourself", { code: "unauthenticated" });
        }
        return { user: `${credentials}@${client.protocol}` };
      },
      state: () => ({ count: 1 }),
      onError,
    }).handle({
      who: (_, { session }) => `${session.auth.user} ${session.state.count++}`,
    });
    const refused = await endOf(connect(P, dial(server)));
    assertEquals(refused.code, "unauthenticated");
    assertEquals(refused.remote, true);
    assert(refused.message.endsWith("Name yourself"), refused.message);
    const buggy = await endOf(connect(P, dial(server), { credentials: "bug" }));
    assertEquals(buggy.code, "unauthenticated");
    assert(!buggy.message.includes("secret"), buggy.message);
    assert(buggy.message.includes(list[0]?.id ?? "?"), buggy.message);

    const session = await connect(P, dial(server), { credentials: "ada" });
    assertEquals(await session.remote.who(), "ada@p 1");
    await session.refresh("bob");
    assertEquals(await session.remote.who(), "bob@p 2", "the state stays");
    await server.shutdown();
  },
);

Deno.test(
  "session.refresh() runs one refresh after the other, and ends the session when refused",
  none,
  async () => {
    let atOnce = 0, most = 0;
    const P = protocol({ name: "p", server: { who: unary<void, string>() } });
    const server = createServer(P, {
      authenticate: async (credentials: unknown) => {
        most = Math.max(most, ++atOnce);
        await turns();
        atOnce--;
        if (credentials === "no") {
          throw new CallError("Not you", { code: "forbidden" });
        }
        return String(credentials);
      },
    }).handle({ who: (_, { session }) => session.auth });
    const session = await connect(P, dial(server), { credentials: "0" });
    await Promise.all(["1", "2", "3"].map((name) => session.refresh(name)));
    assertEquals(await session.remote.who(), "3");
    assertEquals(most, 1);
    await assertRejects(
      async () => await session.refresh(() => {}),
      Error,
      "Cannot encode",
    );
    const error = await endOf(session.refresh("no"));
    assertEquals(error.code, "unauthenticated");
    assertEquals((await session.finished)?.code, "unauthenticated");
    assertEquals((await endOf(session.refresh("4"))).code, "unauthenticated");
    await server.shutdown();
  },
);

Deno.test(
  "a failure of state(), onSession() or onError() does not affect other sessions",
  none,
  async () => {
    let broken = true;
    const { list, onError } = incidents();
    const server = createServer(Echo, {
      state: () => {
        if (broken) throw new Error("no state");
      },
      onSession: async () => {
        await turns();
        throw new Error("no session");
      },
      onError: (incident) => {
        onError(incident);
        throw new Error("no reporter");
      },
    }).handle(handlers);
    const refused = await endOf(connect(Echo, dial(server)));
    assertEquals([refused.code, refused.remote], ["internal", true]);
    broken = false;
    await using session = await connect(Echo, dial(server));
    assertEquals(await session.remote.echo("x"), "x");
    await turns(3);
    assertEquals(list.map(({ error }) => String(error)), [
      "Error: no state",
      "Error: no session",
    ]);
    await server.shutdown();
  },
);

Deno.test(
  "state() may be asynchronous: its value or its failure decides about the client",
  none,
  async () => {
    const { list, onError } = incidents();
    const Counter = protocol({
      name: "counter",
      server: { next: unary<void, number>() },
    });
    let broken = true;
    const server = createServer(Counter, {
      state: async () => {
        await turns();
        if (broken) throw new Error("no state");
        return { count: 0 };
      },
      onError,
    }).handle({
      next: (_, { session }) => ++session.state.count,
    });
    const refused = await endOf(connect(Counter, dial(server)));
    assertEquals([refused.code, refused.remote], ["internal", true]);
    assertEquals(list.map(({ error }) => String(error)), ["Error: no state"]);
    broken = false;
    const session = await connect(Counter, dial(server));
    assertEquals([await session.remote.next(), await session.remote.next()], [
      1,
      2,
    ]);
    await session.close();
    // A client that has disconnected meanwhile has no session.
    const gone = connect(Counter, dial(server));
    await Promise.all([thrownBy(gone), server.shutdown()]);
    assertEquals(server.sessions.size, 0);
    assertEquals(list.length, 1);
  },
);

Deno.test(
  "authenticate() refuses the client immediately when reading its error throws",
  none,
  async () => {
    const { list, onError } = incidents();
    const thrown = [
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
      ...(["message", "method"] as const).map((member) => () =>
        Object.defineProperty(
          new CallError("x", { code: "forbidden" }),
          member,
          {
            get() {
              throw new Error("not readable");
            },
          },
        )
      ),
      () =>
        Object.assign(new CallError("x", { code: "forbidden" }), {
          message: 5,
        }),
    ];
    const server = createServer(Echo, {
      authenticate(which: unknown) {
        throw thrown[Number(which)]!();
      },
      // Longer than the test runs.
      limits: { handshakeTimeout: 600_000 },
      onError,
    }).handle(handlers);
    for (let credentials = 0; credentials < thrown.length; credentials++) {
      const error = await endOf(connect(Echo, dial(server), { credentials }));
      assertEquals(error.code, "unauthenticated");
      assert(error.message.includes(list[credentials]!.id), error.message);
    }
    await server.shutdown();
  },
);

Deno.test("a session stays open when onError() rejects", none, async () => {
  const server = createServer(Echo, {
    onError: () => Promise.reject(new Error("y")),
  }).handle({
    ...handlers,
    echo() {
      throw new Error("x");
    },
  });
  await using session = await connect(Echo, dial(server));
  assertEquals((await failureOf(session.remote.echo("x"))).code, "internal");
  await turns(2);
  await server.shutdown();
});

for (
  const [name, text] of [["server", "listening"], ["session", "open"]] as const
) {
  Deno.test(`${name}.unref() lets the process exit while the ${name} is open`, async () => {
    const program = new URL(`programs/unref_${name}.ts`, import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--frozen", "--allow-net=127.0.0.1", program.href],
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stdout), decoder.decode(stderr)], [
      0,
      `${text}\n`,
      "",
    ]);
  });
}

Deno.test(
  "server.ref() and unref() call the methods of listeners that have them",
  none,
  async () => {
    const told: string[] = [];
    const server = createServer(Echo).handle(handlers);
    const listener = (name: string): Listener => {
      const end = Promise.withResolvers<void>();
      return {
        addr: { transport: name },
        accept: () => Promise.reject(new Error("not asked")),
        close: end.resolve,
        ref: () => void told.push(`ref ${name}`),
        unref: () => void told.push(`unref ${name}`),
        [Symbol.dispose]() {},
        async *[Symbol.asyncIterator]() {
          await end.promise;
          yield* [];
        },
      };
    };
    await server.listen(listener("a"));
    server.unref();
    await server.listen(listener("b"));
    server.ref();
    assertEquals(told, ["unref a", "unref b", "ref a", "ref b"]);
    await server.shutdown();
  },
);

Deno.test("handlers and authenticate() receive the client's certificate over mutual TLS", async () => {
  const { authority, client, server: identity } = await import(
    "../../transport/tls/certificates.ts"
  );
  const P = protocol({ name: "p", server: { who: unary<void, string>() } });
  const server = await serve(
    P,
    { port: 0, tls: { ...identity, clientCaCerts: [authority.cert] } },
    {
      authenticate: (_: unknown, client: ClientInfo) =>
        String(client.peerCertificate?.subject["CN"]),
    },
  ).handle({
    who: (_, { session }) =>
      `${session.auth} ${session.peerCertificate?.subject["CN"]}`,
  });
  const { port = 0 } = server.addr;
  const session = await connect(P, {
    port,
    tls: { ...client, caCerts: [authority.cert] },
  });
  assertEquals(await session.remote.who(), "alice alice");
  assert(session.peerCertificate !== undefined, "the server's");
  await session.close();
  await server.shutdown();
});

Deno.test("a printed server or session shows no options", none, async () => {
  const server = createServer(Echo, {
    authenticate: () => Promise.resolve(undefined),
    state: () => undefined,
    onError: Object.assign(() => {}, { key: "SECRET" }),
    limits: { drainGrace: 4711 },
  }).handle(handlers);
  const session = await connect(Echo, dial(server), { credentials: "SECRET" });
  for (const object of [server, session]) {
    const shown = Deno.inspect(object, { depth: 10 });
    assertEquals([shown.includes("SECRET"), shown.includes("4711")], [
      false,
      false,
    ]);
  }
  await session.close();
  await server.shutdown();
});
