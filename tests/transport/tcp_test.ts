import {
  connect,
  listen,
  readExactly,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { checkTcpOptions } from "../../lib/transport/tcp.ts";

async function freePort(): Promise<number> {
  await using listener = await listen({ port: 0 });
  return listener.addr.port ?? 0;
}

Deno.test("listen() binds 127.0.0.1 and any free port by default", async () => {
  await using listener = await listen({ port: 0 });
  assertEquals(listener.addr.hostname, "127.0.0.1");
  assert((listener.addr.port ?? 0) > 0);
});

Deno.test("listen() on TCP is dual stack on '::'", async () => {
  await using listener = await listen({ hostname: "::", port: 0 });
  const { port = 0 } = listener.addr;
  for (const hostname of ["127.0.0.1", "::1"]) {
    using client = await connect({ hostname, port });
    using server = await listener.accept();
    await writeAll(client, new Uint8Array(1));
    assertEquals(await server.read(new Uint8Array(2)), 1);
  }
});

Deno.test("connect() looks up host names", async () => {
  await using listener = await listen({ port: 0 });
  const { port = 0 } = listener.addr;
  using client = await connect({ hostname: "localhost", port });
  assertEquals(client.remoteAddr.hostname, "127.0.0.1");
  (await listener.accept()).close();
});

Deno.test("connect() passes its Happy Eyeballs options to Deno", async () => {
  await using listener = await listen({ port: 0 });
  const real = Deno.connect;
  const seen: unknown[] = [];
  Object.assign(Deno, {
    connect(options: Deno.ConnectOptions) {
      const { autoSelectFamily, autoSelectFamilyAttemptDelay } = options;
      seen.push([autoSelectFamily, autoSelectFamilyAttemptDelay]);
      return real(options);
    },
  });
  try {
    using _plain = await connect(listener.addr);
    using _tuned = await connect(listener.addr, {
      autoSelectFamily: false,
      autoSelectFamilyAttemptDelay: 50,
    });
  } finally {
    Object.assign(Deno, { connect: real });
  }
  assertEquals(seen, [[undefined, undefined], [false, 50]]);
});

Deno.test("connect() and listen() disable Nagle's algorithm before the first write", async () => {
  const calls = await withSpy(async () => {
    await using listener = await listen({ port: 0 });
    using client = await connect(listener.addr);
    using server = await listener.accept();
    await writeAll(client, new Uint8Array(1));
    await writeAll(server, new Uint8Array(1));
  });
  assertEquals(calls, [
    "noDelay true",
    "keepAlive true",
    "noDelay true",
    "keepAlive true",
    "write",
    "write",
  ]);
});

Deno.test("a peer that disconnects before its socket is configured leaks nothing and ends nothing", async () => {
  const prototype = await tcpPrototype();
  const { setNoDelay } = prototype;
  let fails = 1;
  prototype.setNoDelay = function (this: Deno.TcpConn, on) {
    if (fails-- > 0) throw new Error("Invalid argument (os error 22)");
    setNoDelay.call(this, on);
  };
  try {
    await using listener = await listen({ port: 0 });
    const error = await assertRejects(
      () => connect(listener.addr),
      TransportError,
      "the peer has disconnected",
    );
    assertEquals(error.code, "reset");
    (await listener.accept()).close();
    using _first = await Deno.connect({ port: listener.addr.port ?? 0 });
    using _second = await Deno.connect({ port: listener.addr.port ?? 0 });
    fails = 1;
    (await listener.accept()).close(); // the second client
    assertEquals([fails, listener.connections], [-1, 0]);
  } finally {
    prototype.setNoDelay = setNoDelay;
  }
});

Deno.test("connect() and listen() set no socket options that are disabled", async () => {
  const options = { noDelay: false, keepAlive: false };
  const calls = await withSpy(async () => {
    await using listener = await listen({ port: 0 }, options);
    using _client = await connect(listener.addr, options);
    using _server = await listener.accept();
  });
  assertEquals(calls, []);
});

Deno.test("listen() rejects a port in use and names it", async () => {
  await using listener = await listen({ port: 0 });
  const error = await assertRejects(
    () => listen(listener.addr),
    TransportError,
    "the address is in use",
  );
  assertEquals(error.code, "address-in-use");
  assertEquals(error.address, `tcp://127.0.0.1:${listener.addr.port}`);
  assertInstanceOf(error.cause, Deno.errors.AddrInUse);
});

Deno.test("listen() and connect() reject invalid socket options", async () => {
  for (const value of [-1, 0, 1.5, NaN, 1e12]) {
    await assertRejects(
      () => listen({ port: 0 }, { backlog: value }),
      RangeError,
      "'backlog' must be an integer from 1",
    );
    await assertRejects(
      () => connect({ port: 1 }, { autoSelectFamilyAttemptDelay: value }),
      RangeError,
      "'autoSelectFamilyAttemptDelay' must be an integer from 1",
    );
  }
  checkTcpOptions({ autoSelectFamilyAttemptDelay: 1 });
  checkTcpOptions({ autoSelectFamilyAttemptDelay: 60_000 });
  assertThrows(
    () => checkTcpOptions({ autoSelectFamilyAttemptDelay: 60_001 }),
    RangeError,
  );
});

Deno.test("listen() frees its port when disposed", async () => {
  let addr;
  {
    await using listener = await listen({ port: 0 });
    addr = listener.addr;
    listener.accept().catch(() => {});
  }
  await using again = await listen(addr);
  assertEquals(again.addr.port, addr.port);
});

Deno.test("listen() rejects an address of another machine", async () => {
  // TEST-NET-1 (RFC 5737) is never assigned; binding sends nothing.
  const error = await assertRejects(
    () => listen({ hostname: "192.0.2.1", port: 0 }),
    TransportError,
  );
  assertEquals(error.code, "address-invalid");
});

Deno.test("connect() is refused if nothing listens", async () => {
  const port = await freePort();
  const error = await assertRejects(() => connect({ port }), TransportError);
  assertEquals(error.code, "refused");
  assertEquals(error.address, `tcp://127.0.0.1:${port}`);
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
});

Deno.test("connect() reports a missing route", async () => {
  // TCP does not support broadcast: the kernel fails without sending anything.
  const error = await assertRejects(
    () => connect({ hostname: "255.255.255.255", port: 9 }),
    TransportError,
  );
  assertEquals(error.code, "unreachable");
});

Deno.test("connect() reports a name that cannot be found", async () => {
  // A label of more than 63 characters (RFC 1035, 2.3.4) is not even looked up.
  const hostname = "a".repeat(64);
  const error = await assertRejects(
    () => connect({ hostname, port: 9 }),
    TransportError,
  );
  assertEquals(error.code, "not-found");
  assertEquals(error.address, `tcp://${hostname}:9`);
});

Deno.test("connect() rejects port 0 and ports out of range", async () => {
  for (const port of [0, -1, 65536, 1.5]) {
    const error = await assertRejects(() => connect({ port }), TransportError);
    assertEquals(error.code, "address-invalid");
    assertStringIncludes(error.message, "65535");
  }
});

Deno.test("listen() with a small backlog serves every client", async () => {
  await using listener = await listen({ port: 0 }, { backlog: 1 });
  for (let round = 0; round < 3; round++) {
    using _client = await connect(listener.addr);
    (await listener.accept()).close();
  }
});

Deno.test({
  name: "connect() and listen() pass NotCapable through with what to grant",
  permissions: { net: false },
  async fn() {
    const port = 4_321;
    for (const call of [dial, bind]) {
      const error = await assertRejects(
        () => call({ port }),
        Deno.errors.NotCapable,
      );
      assertStringIncludes(error.message, `--allow-net=127.0.0.1:${port}`);
      assertInstanceOf(error.cause, Deno.errors.NotCapable);
      assertEquals(error.message.match(/Cannot/g)?.length, 1, error.message);
    }
  },
});

Deno.test("listen() with reusePort names the flag it needs and shares the port with it", async () => {
  const error = await assertRejects(
    () => listen({ port: 0 }, { reusePort: true }),
    TransportError,
    "--unstable-net",
  );
  assertEquals(error.code, "unsupported");

  const script = `
    import { listen } from "@lengthwise/lengthwise/transport";
    await using first = await listen({ port: 0 }, { reusePort: true });
    await using second = await listen(first.addr, { reusePort: true });
    console.log(first.addr.port === second.addr.port);
  `;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-check",
      "--unstable-net",
      "--allow-net=127.0.0.1",
      "--config",
      new URL("../../deno.json", import.meta.url).pathname,
      `data:application/typescript,${encodeURIComponent(script)}`,
    ],
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "true\n"]);
});

Deno.test("a TLS hello on a plain port arrives as ordinary bytes", async () => {
  await using listener = await listen({ port: 0 });
  const { port = 0 } = listener.addr;
  const raw = await Deno.connect({ port });
  const tls = await Deno.startTls(raw, { hostname: "localhost" });
  const handshake = tls.handshake().catch((error) => error);
  using server = await listener.accept();
  const record = new Uint8Array(3);
  assert(await readExactly(server, record));
  // RFC 8446, 5.1: a handshake record, version 3.1 or 3.3.
  assertEquals([record[0], record[1]], [0x16, 3]);
  server.close();
  assertInstanceOf(await handshake, Error);
  tls.close();
  using next = await connect(listener.addr);
  (await listener.accept()).close();
  assertEquals(await next.read(new Uint8Array(1)), null);
});

/** Records the calls on TCP sockets while `body` runs. */
async function withSpy(body: () => Promise<void>): Promise<string[]> {
  const calls: string[] = [];
  const prototype = await tcpPrototype();
  const { setNoDelay, setKeepAlive, write } = prototype;
  const own = Object.hasOwn(prototype, "write");
  Object.assign(prototype, {
    setNoDelay(this: Deno.TcpConn, on: boolean) {
      calls.push(`noDelay ${on}`);
      setNoDelay.call(this, on);
    },
    setKeepAlive(this: Deno.TcpConn, on: boolean) {
      calls.push(`keepAlive ${on}`);
      setKeepAlive.call(this, on);
    },
    write(this: Deno.TcpConn, data: Uint8Array) {
      calls.push("write");
      return write.call(this, data);
    },
  });
  try {
    await body();
  } finally {
    Object.assign(prototype, { setNoDelay, setKeepAlive, write });
    if (!own) Reflect.deleteProperty(prototype, "write");
  }
  return calls;
}

async function tcpPrototype(): Promise<Deno.TcpConn> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using client = await Deno.connect({ port: listener.addr.port });
  (await listener.accept()).close();
  return Object.getPrototypeOf(client);
}

function dial(address: { port: number }): Promise<unknown> {
  return connect(address);
}

function bind(address: { port: number }): Promise<unknown> {
  return listen(address);
}

const linkLocal = Deno.networkInterfaces()
  .find(({ address }) => address.startsWith("fe80:"));

Deno.test({
  name: "listen() and connect() accept an IPv6 address with a zone",
  ignore: linkLocal === undefined,
  async fn() {
    const { address = "", name = "" } = linkLocal ?? {};
    const hostname = `${address}%${name}`;
    await using listener = await listen(`tcp://[${address}%25${name}]:0`);
    const { port = 0 } = listener.addr;
    assertEquals(listener.addr, { transport: "tcp", hostname, port });
    for (
      const target of [listener.addr, `tcp://[${address}%25${name}]:${port}`]
    ) {
      using client = await connect(target);
      using server = await listener.accept();
      assertEquals(client.localAddr.port, server.remoteAddr.port);
    }
  },
});
