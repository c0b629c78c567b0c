import {
  type Connection,
  readExactly,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import {
  memoryPair,
  type MemoryPairOptions,
} from "../../../lib/transport/memory/memory_pair.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";

const PURE = { permissions: "none" } as const;

/** Reads to the end or to an error; returns the size of each read. */
async function readSizes(connection: Connection): Promise<(number | string)[]> {
  const sizes: (number | string)[] = [];
  const buffer = new Uint8Array(1 << 16);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return [...sizes, "end"];
      sizes.push(count);
    }
  } catch (error) {
    assert(error instanceof TransportError);
    return [...sizes, error.code];
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, TransportError)).code;
}

Deno.test(
  "memoryPair() merges writes into reads like a socket",
  PURE,
  async () => {
    const [client, server] = memoryPair();
    await writeAll(client, new Uint8Array([1, 2]));
    await writeAll(client, new Uint8Array([3]));
    await client.closeWrite();
    assertEquals(await readSizes(server), [3, "end"]);
  },
);

Deno.test(
  "memoryPair() returns at most readSize bytes from a read",
  PURE,
  async () => {
    const [client, server] = memoryPair({ readSize: 4 });
    await writeAll(client, new Uint8Array(10));
    await client.closeWrite();
    assertEquals(await readSizes(server), [4, 4, 2, "end"]);
  },
);

Deno.test(
  "memoryPair() accepts at most writeSize bytes in a write",
  PURE,
  async () => {
    const [client] = memoryPair({ writeSize: 4 });
    assertEquals(await client.write(new Uint8Array(10)), 4);
    assertEquals(await client.write(new Uint8Array(3)), 3);
  },
);

Deno.test(
  "memoryPair() blocks a writer at its capacity",
  PURE,
  async () => {
    const [client, server] = memoryPair({ capacity: 5 });
    assertEquals(await client.write(new Uint8Array(8)), 5);
    const waiting = client.write(new Uint8Array(3));
    assertEquals(await server.read(new Uint8Array(2)), 2);
    assertEquals(await waiting, 2);
  },
);

Deno.test(
  "memoryPair() repeats the same sizes for the same seed",
  PURE,
  async () => {
    const cuts = async (seed: number) => {
      const [client, server] = memoryPair({
        seed,
        readSize: { min: 1, max: 9 },
        writeSize: { min: 1, max: 9 },
      });
      const writing = writeAll(client, new Uint8Array(500)).then(() =>
        client.closeWrite()
      );
      const sizes = await readSizes(server);
      await writing;
      return sizes;
    };
    assertEquals(await cuts(1), await cuts(1));
    assertNotEquals(await cuts(1), await cuts(2));
  },
);

Deno.test(
  "memoryPair() applies options to one direction only",
  PURE,
  async () => {
    const [client, server] = memoryPair({
      readSize: 3,
      toClient: { readSize: 2 },
    });
    await writeAll(client, new Uint8Array(4));
    await writeAll(server, new Uint8Array(4));
    await client.closeWrite();
    await server.closeWrite();
    assertEquals(await readSizes(server), [3, 1, "end"]);
    assertEquals(await readSizes(client), [2, 2, "end"]);
  },
);

Deno.test(
  "the fault 'cut' is an end for the reader and a reset for the writer",
  PURE,
  async () => {
    const [client, server] = memoryPair({
      toServer: { fault: { kind: "cut", after: 6 } },
    });
    assertEquals(await client.write(new Uint8Array(10)), 6);
    assertEquals(await codeOf(client.write(new Uint8Array(4))), "reset");
    assertEquals(await readSizes(server), [6, "end"]);
    await writeAll(server, new Uint8Array(2));
    assertEquals(await client.read(new Uint8Array(9)), 2);
  },
);

Deno.test(
  "the fault 'reset' fails both ends after the delivered bytes",
  PURE,
  async () => {
    const [client, server] = memoryPair({
      toServer: { fault: { kind: "reset", after: 6 } },
    });
    const pending = client.read(new Uint8Array(9));
    assertEquals(await client.write(new Uint8Array(10)), 6);
    assertEquals(await codeOf(pending), "reset");
    assertEquals(await codeOf(client.write(new Uint8Array(4))), "reset");
    assertEquals(await readSizes(server), [6, "reset"]);
    assertEquals(await codeOf(server.write(new Uint8Array(1))), "reset");
  },
);

Deno.test(
  "the fault 'stall' delivers nothing more until the connection is closed locally",
  PURE,
  async () => {
    const [client, server] = memoryPair({
      toServer: { fault: { kind: "stall", after: 6 }, capacity: 10 },
    });
    assertEquals(await client.write(new Uint8Array(20)), 10);
    await readExactly(server, new Uint8Array(6));
    const read = server.read(new Uint8Array(1));
    const write = client.write(new Uint8Array(10));
    assertEquals(await write, 6);
    const held = client.write(new Uint8Array(1));
    server.close();
    assertEquals(await codeOf(read), "closed");
    assertEquals(await codeOf(held), "reset");
  },
);

Deno.test(
  "the fault 'stall' holds back the end, exactly after its bytes",
  PURE,
  async () => {
    for (const [length, arrives] of [[5, true], [6, false]] as const) {
      const [client, server] = memoryPair({
        toServer: { fault: { kind: "stall", after: 6 } },
      });
      await writeAll(client, new Uint8Array(length));
      await client.closeWrite();
      await readExactly(server, new Uint8Array(length));
      const end = server.read(new Uint8Array(1));
      const pending = new Promise((resolve) => setTimeout(resolve, 0, "none"));
      assertEquals(
        await Promise.race([end.catch(() => "closed"), pending]),
        arrives ? null : "none",
      );
      server.close();
      await end.catch(() => {});
      client.close();
    }
  },
);

Deno.test(
  "a fault after 0 bytes is in effect from the start",
  PURE,
  async () => {
    const first = (kind: "cut" | "reset" | "stall") =>
      memoryPair({ toServer: { fault: { kind, after: 0 } } });
    assertEquals(await readSizes(first("cut")[1]), ["end"]);
    assertEquals(await readSizes(first("reset")[1]), ["reset"]);
    assertEquals(await readSizes(first("reset")[0]), ["reset"]);
    const [client, server] = first("stall");
    await writeAll(client, new Uint8Array(1));
    const read = server.read(new Uint8Array(1));
    server.close();
    assertEquals(await codeOf(read), "closed");
  },
);

Deno.test(
  "memoryPair() delays bytes and the end by its latency",
  PURE,
  async () => {
    const [client, server] = memoryPair({ latency: 20 });
    const start = performance.now();
    await writeAll(client, new Uint8Array(3));
    await client.closeWrite();
    assertEquals(await readSizes(server), [3, "end"]);
    // Not a speed limit: an earlier arrival would mean that nothing was delayed.
    assert(performance.now() - start >= 19);
  },
);

Deno.test(
  "memoryPair() wakes a reader whose bytes become due during the check",
  PURE,
  async () => {
    const { now } = performance;
    let time = 0;
    // Due at 1.6: checked at 1.2, and due by the time the wait is computed.
    performance.now = () => time += 0.6;
    try {
      const [client, server] = memoryPair({ latency: 1 });
      await client.write(new Uint8Array(3));
      assertEquals(await server.read(new Uint8Array(9)), 3);
    } finally {
      performance.now = now;
    }
  },
);

Deno.test(
  "memoryPair() leaves no timer when an end closes",
  PURE,
  async () => {
    const [client, server] = memoryPair({ latency: 60_000 });
    await writeAll(client, new Uint8Array(3));
    const read = server.read(new Uint8Array(3));
    server.close();
    assertEquals(await codeOf(read), "closed");
  },
);

Deno.test("memoryPair() rejects invalid options", PURE, () => {
  const wrong: readonly MemoryPairOptions[] = [
    { capacity: 0 },
    { capacity: NaN },
    { latency: -1 },
    { readSize: 0 },
    { writeSize: { min: 2, max: 1 } },
    { writeSize: { min: 0, max: 1 } },
    { toServer: { fault: { kind: "cut", after: -1 } } },
  ];
  for (const options of wrong) {
    assertThrows(() => memoryPair(options), RangeError, "must be at least");
  }
  const fractions: readonly MemoryPairOptions[] = [
    { capacity: 1.5 },
    { readSize: 1.5 },
    { writeSize: { min: 1, max: 2.5 } },
    { fault: { kind: "reset", after: 0.5 } },
  ];
  for (const options of fractions) {
    assertThrows(() => memoryPair(options), RangeError, "whole number");
  }
  const unknown: object = { fault: { kind: "cot", after: 1 } };
  assertThrows(
    () => memoryPair(unknown),
    RangeError,
    `'fault.kind' must be one of "cut", "reset", "stall": current value is cot`,
  );
  const endless = { readSize: { min: 1, max: Infinity } };
  assertThrows(() => memoryPair(endless), RangeError, "finite");
});

Deno.test(
  "a connection in memory has one timer, however often its peer writes",
  PURE,
  async () => {
    const real = { setTimeout, clearTimeout };
    const live = new Set<unknown>();
    let most = 0;
    globalThis.setTimeout = Object.assign(
      (run: () => void, ms?: number) => {
        const timer = real.setTimeout(() => {
          live.delete(timer);
          run();
        }, ms);
        live.add(timer);
        most = Math.max(most, live.size);
        return timer;
      },
      real.setTimeout, // keeps the properties that the type has
    );
    globalThis.clearTimeout = (timer) => {
      if (timer !== undefined) live.delete(timer);
      real.clearTimeout(timer);
    };
    try {
      const [client, server] = memoryPair({ latency: 3 });
      const reading = readSizes(server);
      for (let n = 0; n < 5; n++) await client.write(Uint8Array.of(n));
      await client.closeWrite();
      const sizes = await reading;
      assertEquals(sizes.at(-1), "end");
      assertEquals([most, live.size], [1, 0]);
    } finally {
      Object.assign(globalThis, real);
    }
  },
);
