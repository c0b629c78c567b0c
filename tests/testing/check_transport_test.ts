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
import { checkTransport, memoryPair } from "@lengthwise/lengthwise/testing";
import type { ConnectionPair } from "@lengthwise/lengthwise/types";
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

const HANG = new Promise<never>(() => {});

/** Transports that once ended the process, kept it busy, or waited forever. */
const crashes: Record<string, () => ConnectionPair | Promise<ConnectionPair>> =
  {
    "read() returns 0 forever": broken(() => ({
      read: () => Promise.resolve(0),
    })),
    "write() returns 0 forever": broken(() => ({
      write: () => Promise.resolve(0),
    })),
    "read() returns more than the buffer holds": broken(() => ({
      read: (buffer) => Promise.resolve(buffer.length + 1),
    })),
    "write() returns NaN": broken(() => ({
      write: () => Promise.resolve(NaN),
    })),
    "every call rejects": broken(() => ({
      read: () => Promise.reject(new Error("read")),
      write: () => Promise.reject(new Error("write")),
      closeWrite: () => Promise.reject(new Error("closeWrite")),
    })),
    "every call throws": broken(() => {
      const fail = () => {
        throw new Error("fail");
      };
      return {
        read: fail,
        write: fail,
        closeWrite: fail,
        close: fail,
        [Symbol.dispose]: fail,
      };
    }),
    "reads reject late": broken((real) => ({
      read: async (buffer) => {
        await real.read(buffer);
        throw new Error("late");
      },
    })),
    "rejections are unhandled": broken((real) => ({
      write: (data) => {
        void Promise.reject(new Error("unhandled"));
        return real.write(data);
      },
    })),
    "a timer throws": broken((real) => ({
      write: (data) => {
        setTimeout(() => {
          throw new Error("uncaught");
        });
        return real.write(data);
      },
    })),
    "an event listener throws": broken((real) => ({
      write: (data) => {
        const target = new EventTarget();
        target.addEventListener("message", () => {
          throw new Error("uncaught");
        });
        target.dispatchEvent(new Event("message"));
        return real.write(data);
      },
    })),
    "undefined is rejected": broken((real) => ({
      write: (data) => {
        void Promise.reject();
        return real.write(data);
      },
    })),
    "no pair can be made": () => Promise.reject(new Error("no pair")),
    "making a pair throws": () => {
      throw new Error("no pair");
    },
    "making a pair takes forever": () => HANG,
    "closing never ends": broken(() => ({
      closeWrite: () => HANG,
      close: () => {},
      [Symbol.dispose]: () => {},
    })),
  };

for (const [fault, makePair] of Object.entries(crashes)) {
  Deno.test(`checkTransport() reports that ${fault}`, async () => {
    const error = await assertRejects(
      () => checkTransport(makePair, { timeout: 20 }),
      AggregateError,
      "The transport failed",
    );
    for (const { message } of error.errors) {
      assertEquals(typeof message, "string");
    }
  });
}

Deno.test("checkTransport() stops collecting errors when it ends", async () => {
  await checkTransport(() => memoryPair());
  let handled = false;
  const own = (event: ErrorEvent) => {
    handled = !event.defaultPrevented;
    event.preventDefault();
  };
  addEventListener("error", own);
  try {
    reportError(new Error("of the application"));
  } finally {
    removeEventListener("error", own);
  }
  assertEquals(handled, true);
});
