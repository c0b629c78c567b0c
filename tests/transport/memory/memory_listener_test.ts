import {
  connect,
  listen,
  readExactly,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";

const PURE = { permissions: "none" } as const;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, TransportError)).code;
}

Deno.test(
  "listen() in memory returns a new connection for each client",
  PURE,
  async () => {
    await using listener = await listen({ memory: "shop" });
    assertEquals(listener.addr, { transport: "memory", name: "shop" });
    const clients = await Promise.all([
      connect({ memory: "shop" }),
      connect("memory:shop"),
    ]);
    for (const [at, client] of clients.entries()) {
      using server = await listener.accept();
      await writeAll(client, new Uint8Array([at]));
      const byte = new Uint8Array(1);
      await readExactly(server, byte);
      assertEquals(byte[0], at);
    }
  },
);

Deno.test(
  "accept() in memory that waits for a client returns one at a time",
  PURE,
  async () => {
    await using listener = await listen({ memory: "one at a time" });
    const waiting = listener.accept();
    await Promise.resolve(); // the accept is pending
    for (const at of [1, 2]) {
      const client = await connect({ memory: "one at a time" });
      await writeAll(client, new Uint8Array([at]));
    }
    for (
      const [at, accepted] of [[1, waiting], [2, listener.accept()]] as const
    ) {
      using server = await accepted;
      const byte = new Uint8Array(1);
      await readExactly(server, byte);
      assertEquals(byte[0], at);
    }
  },
);

Deno.test(
  "connect() in memory applies the options of its link",
  PURE,
  async () => {
    await using listener = await listen({ memory: "shaped" });
    using client = await connect(listener.addr, {
      link: { toServer: { readSize: 1 } },
    });
    using server = await listener.accept();
    await writeAll(client, new Uint8Array(2));
    assertEquals(await server.read(new Uint8Array(2)), 1);
  },
);

Deno.test(
  "connect() in memory rejects invalid link options",
  PURE,
  async () => {
    await using listener = await listen({ memory: "linked" });
    await assertRejects(
      () => connect(listener.addr, { link: { capacity: 0 } }),
      RangeError,
      "'capacity' must be at least 1",
    );
  },
);

Deno.test(
  "listen() in memory rejects a name in use until it is free again",
  PURE,
  async () => {
    const first = await listen({ memory: "taken" });
    assertEquals(await codeOf(listen({ memory: "taken" })), "address-in-use");
    first.close();
    (await listen({ memory: "taken" })).close();
  },
);

Deno.test(
  "closing a listener in memory closes waiting connections",
  PURE,
  async () => {
    const listener = await listen({ memory: "leaving" });
    const client = await connect({ memory: "leaving" });
    listener.close();
    assertEquals(await client.read(new Uint8Array(1)), null);
    assertEquals(await codeOf(connect({ memory: "leaving" })), "refused");
  },
);

Deno.test(
  "connect() in memory fails with code 'limit' if the backlog is full",
  PURE,
  async () => {
    await using _listener = await listen({ memory: "busy" });
    for (let count = 0; count < 511; count++) await connect({ memory: "busy" });
    assertEquals(await codeOf(connect({ memory: "busy" })), "limit");
  },
);
