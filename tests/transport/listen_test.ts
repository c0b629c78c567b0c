import {
  connect,
  listen,
  type ListenAddress,
  type ListenOptions,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { SocketListenerImpl } from "../../lib/transport/socket_listener_impl.ts";
import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";

Deno.test("listen() accepts objects, URLs and the address of another listener", async () => {
  await using first = await listen({ memory: "forms" });
  first.close();
  const url = new URL("memory:forms");
  for (const address of ["memory:forms", url, first.addr]) {
    await using listener = await listen(address);
    assertInstanceOf(listener, SocketListenerImpl);
    assertEquals(listener.addr, { transport: "memory", name: "forms" });
    using _client = await connect(listener.addr);
    (await listener.accept()).close();
  }
});

Deno.test("listen() on a tls: URL requires a certificate", async () => {
  const error = await assertRejects(
    () => listen("tls://127.0.0.1:0"),
    TransportError,
  );
  assertEquals([error.code, error.address], ["tls", "tls://127.0.0.1:0"]);
  assertStringIncludes(error.message, "{ tls: { cert, key } }");
});

Deno.test("listen() with a tls option never falls back to plain text", async () => {
  const tls = { cert: "none", key: "none" };
  for (const address of ["tcp://127.0.0.1:0", { port: 0 }]) {
    const error = await assertRejects(
      () => listen(address, { tls }),
      TransportError,
    );
    assertEquals(error.code, "tls");
  }
});

Deno.test("listen() rejects ports out of range", async () => {
  for (const port of [-1, 65_536, 0.5, NaN]) {
    const error = await assertRejects(() => listen({ port }), TransportError);
    assertEquals(error.code, "address-invalid");
  }
});

Deno.test("listen() leaves nothing bound if it is aborted while binding", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const abort = new AbortController();
  const { signal } = abort;
  const listening = listen({ path }, { mode: 0o600, signal });
  abort.abort(new Error("enough"));
  await assertRejects(() => listening, Error, "enough");
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("listen() leaves nothing bound if its options are invalid", async () => {
  const options = { maxConnections: 0 };
  await assertRejects(() => listen({ memory: "wrong" }, options), RangeError);
  (await listen({ memory: "wrong" })).close();
  await using listener = await listen({ port: 0 });
  const { addr } = listener;
  await listener[Symbol.asyncDispose]();
  await assertRejects(() => listen(addr, options), RangeError);
  (await listen(addr)).close();
});

Deno.test("listen() rejects unknown options, which would mean plain text or any client", async () => {
  const certificate = { cert: "none", key: "none" };
  const wrong: [options: object, name: string][] = [
    [{ tsl: certificate }, "tsl"],
    [{ backLog: 5 }, "backLog"],
    [{ tls: { ...certificate, clientCAs: [] } }, "clientCAs"],
  ];
  for (const [options, name] of wrong) {
    const error = await assertRejects(
      async () => (await listen({ port: 0 }, options)).close(),
      TypeError,
    );
    assertStringIncludes(error.message, `Unknown option "${name}"`);
  }
});

Deno.test("listen() rejects options without effect at its address", async () => {
  const path = "missing/listen.sock"; // is never bound
  const tcp = [
    { noDelay: false },
    { keepAlive: true },
    { backlog: 5 },
    { reusePort: false },
  ];
  const wrong: [ListenAddress, ListenOptions[], string][] = [
    [{ port: 0 }, [{ mode: 0o600 }], "only Unix sockets have it"],
    ["memory:listen_test", [{ mode: 0o600 }], "only Unix sockets have it"],
    [{ path }, tcp, "only TCP sockets have it"],
    ["memory:listen_test", tcp, "only TCP sockets have it"],
  ];
  for (const [address, each, expected] of wrong) {
    for (const options of each) {
      const [name] = Object.keys(options);
      const error = await assertRejects(
        async () => (await listen(address, options)).close(),
        TypeError,
      );
      assertStringIncludes(error.message, `"${name}" of listen()`);
      assertStringIncludes(error.message, expected);
    }
  }
});

Deno.test("listen() takes undefined options as omitted", async () => {
  const options = { tls: undefined, signal: undefined, backlog: undefined };
  await using listener = await listen({ port: 0, tls: undefined }, options);
  assertEquals(listener.addr.transport, "tcp");
  const tls = { cert: "none", key: "none" };
  const error = await assertRejects(
    () => listen({ port: 0, tls: undefined }, { tls }),
    TransportError,
  );
  assertEquals(error.code, "tls");
});

Deno.test("listen() rejects values of options that have no effect", async () => {
  const overflow = JSON.parse('"drop"'); // as in JavaScript
  await assertRejects(
    () => listen({ memory: "overflow" }, { overflow }),
    TypeError,
    'Unknown overflow "drop" of listen(); expected one of wait, refuse',
  );
  await assertRejects(
    () => listen({ path: "\0mode" }, { mode: 0o600 }),
    TypeError,
    "an abstract socket has no file",
  );
});
