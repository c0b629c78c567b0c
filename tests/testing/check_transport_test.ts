/**
 * Runs the suite against TCP, Unix sockets, memory and `Deno.Conn`, and checks
 * that it detects faulty transports. The tests of TLS and WebSocket run it too;
 * `resets_test.ts` covers resets.
 *
 * @module
 */
import {
  connect,
  type Connection,
  listen,
  type ListenAddress,
} from "@lengthwise/lengthwise/transport";
import {
  checkTransport,
  type ConnectionPair,
  memoryPair,
} from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";

async function pairOver(address: ListenAddress): Promise<ConnectionPair> {
  await using listener = await listen(address);
  const [server, client] = await Promise.all([
    listener.accept(),
    connect(listener.addr),
  ]);
  return [client, server];
}

function suite(
  name: string,
  makePair: () => ConnectionPair | Promise<ConnectionPair>,
  options: { hardened?: boolean } = {},
): void {
  Deno.test(`checkTransport() passes ${name}`, async (t) => {
    await checkTransport(makePair, {
      ...options,
      step: (check, run) => t.step(check, run),
    });
  });
}

suite("TCP", () => pairOver({ port: 0 }));
suite("TCP over IPv6", () => pairOver({ hostname: "::1", port: 0 }));
suite("Unix sockets", async () => {
  const directory = await Deno.makeTempDir();
  try {
    return await pairOver({ path: `${directory}/socket` });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
suite("memory", () => memoryPair());
suite("a listener in memory", () => pairOver({ memory: "compliance" }));
suite("memory in small and uneven pieces", () =>
  memoryPair({
    capacity: 5_000,
    readSize: { min: 1, max: 3_000 },
    writeSize: { min: 1, max: 2_000 },
    seed: 3,
  }));
suite("memory with latency", () => memoryPair({ latency: 1, capacity: 1e6 }));
suite("bare Deno.Conn", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port }),
  ]);
  return [client, server];
}, { hardened: false });

/** Returns a factory of pairs whose client misbehaves in one way. */
function broken(change: (real: Connection) => Partial<Connection>) {
  return (): ConnectionPair => {
    const [client, server] = memoryPair({ capacity: 1 << 20 });
    const whole: Connection = {
      localAddr: client.localAddr,
      remoteAddr: client.remoteAddr,
      read: (buffer) => client.read(buffer),
      write: (data) => client.write(data),
      closeWrite: () => client.closeWrite(),
      close: () => client.close(),
      [Symbol.dispose]: () => client.close(),
    };
    return [{ ...whole, ...change(whole) }, server];
  };
}

const faults: Record<string, () => ConnectionPair> = {
  "a buffer can be reused once its write has settled": broken((real) => ({
    write: (data) => {
      setTimeout(() => real.write(data), 1);
      return Promise.resolve(data.length);
    },
  })),
  "writes wait for the reader and lose nothing": broken(() => ({
    write: (data) => Promise.resolve(data.length),
  })),
  "closeWrite() ends only one direction": broken((real) => ({
    closeWrite: () => Promise.resolve(real.close()),
  })),
  "close() can be called twice": broken((real) => {
    let closed = false;
    return {
      close: () => {
        if (closed) throw new Error("closed already");
        closed = true;
        real.close();
      },
    };
  }),
  "close() rejects a pending read on the same end": broken(() => ({
    read: () => new Promise(() => {}),
  })),
  "read() returns null on every call after the end": broken(() => ({
    closeWrite: () => Promise.resolve(),
  })),
};

for (const [check, makePair] of Object.entries(faults)) {
  Deno.test(`checkTransport() detects a fault: ${check}`, async () => {
    const failed: string[] = [];
    const run = checkTransport(makePair, {
      timeout: 200,
      step: async (name, body) => {
        if (name !== check) return;
        try {
          await body();
        } catch (error) {
          failed.push(name);
          throw error;
        }
      },
    });
    const error = await assertRejects(() => run, AggregateError);
    assertStringIncludes(error.message, check);
    assertEquals(failed, [check]);
  });
}
