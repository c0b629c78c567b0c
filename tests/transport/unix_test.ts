import {
  connect,
  formatAddress,
  listen,
  type SocketConnection,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";

async function inDirectory(
  body: (path: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(`${directory}/socket`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** Leaves a stale socket file, as a killed process does. */
async function leaveStale(path: string): Promise<void> {
  const script = `
    Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });
    Deno.kill(Deno.pid, "SIGKILL");
  `;
  await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-config",
      `data:text/javascript,${encodeURIComponent(script)}`,
    ],
    stderr: "null",
  }).output();
  assert((await Deno.lstat(path)).isSocket, "a stale socket file");
}

Deno.test("listen() reports its path and removes the file on close", () =>
  inDirectory(async (path) => {
    const listener = await listen({ path });
    assertEquals(listener.addr.path, path);
    assert(await exists(path));
    await listener[Symbol.asyncDispose]();
    assertEquals(await exists(path), false);
  }));

Deno.test("listen() replaces a stale socket file", () =>
  inDirectory(async (path) => {
    await leaveStale(path);
    const stale = await assertRejects(() => connect({ path }), TransportError);
    assertEquals(stale.code, "refused");
    await using listener = await listen({ path });
    using client = await connect({ path });
    using server = await listener.accept();
    await writeAll(client, new Uint8Array(3));
    assertEquals(await server.read(new Uint8Array(9)), 3);
  }));

Deno.test("listen() rejects a path in use and leaves its listener working", () =>
  inDirectory(async (path) => {
    await using listener = await listen({ path });
    const error = await assertRejects(() => listen({ path }), TransportError);
    assertEquals(error.code, "address-in-use");
    assertEquals(error.address, `unix:${path}`);
    assertInstanceOf(error.cause, Deno.errors.AddrInUse);
    (await listener.accept()).close(); // the probe of the other listen()
    using _client = await connect({ path });
    (await listener.accept()).close();
  }));

Deno.test("listen() does not replace a file that is not a socket", () =>
  inDirectory(async (path) => {
    await Deno.writeTextFile(path, "precious");
    const error = await assertRejects(() => listen({ path }), TransportError);
    assertEquals(error.code, "address-in-use");
    assertEquals(await Deno.readTextFile(path), "precious");
  }));

Deno.test("listen() sets the mode of the socket file", () =>
  inDirectory(async (path) => {
    await using _listener = await listen({ path }, { mode: 0o600 });
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

Deno.test("listen() reports a directory that does not exist", () =>
  inDirectory(async (path) => {
    const error = await assertRejects(
      () => listen({ path: `${path}/missing/socket` }),
      TransportError,
    );
    assertEquals(error.code, "not-found");
  }));

Deno.test("connect() reports a path that does not exist", () =>
  inDirectory(async (path) => {
    const error = await assertRejects(() => connect({ path }), TransportError);
    assertEquals([error.code, error.address], ["not-found", `unix:${path}`]);
    assertInstanceOf(error.cause, Deno.errors.NotFound);
  }));

Deno.test("connect() rejects a path that is too long for the system", () =>
  inDirectory(async (path) => {
    const long = path + "x".repeat(200);
    for (const call of [dial, bind]) {
      const error = await assertRejects(
        () => call({ path: long }),
        TransportError,
      );
      assertEquals(error.code, "address-invalid");
      assertStringIncludes(error.message, "bytes here");
    }
  }));

Deno.test({
  name: "listen() and connect() accept abstract names",
  // Only Linux supports them.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const path = `\0lengthwise-${crypto.randomUUID()}`;
    await using listener = await listen({ path });
    assert(formatAddress(listener.addr).startsWith("unix:@lengthwise-"));
    using client = await connect(formatAddress(listener.addr));
    using server = await listener.accept();
    await writeAll(client, new Uint8Array(3));
    assertEquals(await server.read(new Uint8Array(9)), 3);
    const error = await assertRejects(() => listen({ path }), TransportError);
    assertEquals(error.code, "address-in-use");
  },
});

Deno.test("a path may have characters that URLs escape", () =>
  inDirectory(async (path) => {
    const odd = `${path} ?#%é`;
    await using listener = await listen({ path: odd });
    using _client = await connect(formatAddress(listener.addr));
    (await listener.accept()).close();
  }));

Deno.test({
  name:
    "listen() and connect() on a path pass NotCapable through with what to grant",
  permissions: { net: false, read: false, write: false },
  async fn() {
    for (const call of [dial, bind]) {
      const error = await assertRejects(
        () => call({ path: "/run/x.sock" }),
        Deno.errors.NotCapable,
      );
      assertStringIncludes(
        error.message,
        "--allow-net=unix:/run/x.sock --allow-read=/run/x.sock --allow-write=/run/x.sock",
      );
    }
  },
});

Deno.test("connect() fails with code 'limit' if the backlog is full", () =>
  inDirectory(async (path) => {
    await using _listener = await listen({ path });
    const clients: SocketConnection[] = [];
    try {
      // Deno's backlog for Unix sockets is 1,024 on Linux; others wait or refuse.
      const error = await assertRejects(async () => {
        for (let count = 0; count < 5_000; count++) {
          clients.push(await connect({ path }));
        }
      }, TransportError);
      assertEquals(error.code, Deno.build.os === "linux" ? "limit" : "refused");
    } finally {
      clients.forEach((client) => client.close());
    }
  }));

function dial(address: { path: string }): Promise<unknown> {
  return connect(address);
}

function bind(address: { path: string }): Promise<unknown> {
  return listen(address);
}

Deno.test("listen() closes the socket again if its mode cannot be set", () =>
  inDirectory(async (path) => {
    const { chmod } = Deno;
    Deno.chmod = () => Promise.reject(new Deno.errors.NotSupported("no modes"));
    try {
      await assertRejects(
        () => listen({ path }, { mode: 0o600 }),
        TransportError,
        "Cannot set the mode of unix:",
      );
    } finally {
      Deno.chmod = chmod;
    }
    await using listener = await listen({ path }); // the address is free
    assertEquals(listener.addr.path, path);
  }));

Deno.test("listen() removes no socket file that has just been replaced", () =>
  inDirectory(async (path) => {
    await leaveStale(path);
    const { lstat } = Deno;
    let calls = 0;
    Deno.lstat = async (path) => {
      const info = await lstat(path);
      return { ...info, ino: (info.ino ?? 0) + calls++ };
    };
    try {
      const error = await assertRejects(() => listen({ path }), TransportError);
      assertEquals([error.code, calls], ["address-in-use", 2]);
    } finally {
      Deno.lstat = lstat;
    }
    assertEquals((await Deno.lstat(path)).isSocket, true);
  }));

Deno.test("listen() listens if a stale socket file vanishes meanwhile", () =>
  inDirectory(async (path) => {
    await leaveStale(path);
    const { lstat } = Deno;
    Deno.lstat = async (path) => {
      await Deno.remove(path);
      return await lstat(path); // rejects
    };
    try {
      await using listener = await listen({ path });
      assertEquals(listener.addr.path, path);
    } finally {
      Deno.lstat = lstat;
    }
  }));
