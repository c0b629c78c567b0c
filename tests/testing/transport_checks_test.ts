/**
 * Each expectation of the checks of transports finds a transport that violates
 * it alone.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { checkTransport } from "../../lib/testing/mod.ts";
import { TRANSPORT_CHECKS } from "../../lib/testing/transport_checks.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { TransportError } from "../../lib/transport/errors.ts";

/** Members of a connection that replace those of the real one. */
type Change = (real: Connection) => Partial<Connection>;

interface Fault {
  readonly check: string;
  /** Text of the error. */
  readonly text: string;
  readonly client?: Change;
  readonly server?: Change;
}

function changed(real: Connection, change: Change = () => ({})): Connection {
  return {
    localAddr: real.localAddr,
    remoteAddr: real.remoteAddr,
    read: (buffer) => real.read(buffer),
    write: (data) => real.write(data),
    closeWrite: () => real.closeWrite(),
    close: () => real.close(),
    [Symbol.dispose]: () => real.close(),
    ...change(real),
  };
}

/** Counts calls; returns the first results of a function, then others. */
function after<Args extends unknown[], T>(
  count: number,
  first: (...args: Args) => T,
  then: (...args: Args) => T,
): (...args: Args) => T {
  let calls = 0;
  return (...args) => ++calls <= count ? first(...args) : then(...args);
}

const other = () =>
  new TransportError("made up", { code: "other", address: "" });

/** Maps errors of a promise to one with another code. */
const otherCode = <Args extends unknown[], T>(
  work: (...args: Args) => Promise<T>,
) =>
(...args: Args): Promise<T> =>
  work(...args).catch(() => {
    throw other();
  });

const swapBytes: Change = (real) => ({
  async write(data) {
    return await real.write(data.map((byte) => byte ^ 1));
  },
});

const FAULTS: readonly Fault[] = [
  {
    check: "both ends report their addresses",
    text: "localAddr.transport",
    client: () => ({ localAddr: {} as Connection["localAddr"] }), // without a transport
  },
  {
    check: "both ends report their addresses",
    text: "remoteAddr.transport",
    server: () => ({ remoteAddr: {} as Connection["localAddr"] }), // as above
  },
  ...["client", "server"].map((side): Fault => ({
    check: "bytes arrive in order in both directions",
    text: "",
    [side]: swapBytes,
  })),
  {
    check: "read() changes only the bytes that it reports",
    text: "1 to 3 bytes read, got 4",
    server: (real) => ({
      read: (buffer) => real.read(buffer).then((count) => count! + 1),
    }),
  },
  {
    check: "read() changes only the bytes that it reports",
    text: "1 to 3 bytes read, got 0",
    server: () => ({ read: () => Promise.resolve(0) }),
  },
  {
    check: "read() changes only the bytes that it reports",
    text: "",
    client: swapBytes,
  },
  {
    check: "read() changes only the bytes that it reports",
    text: "the rest of the buffer unchanged",
    server: (real) => ({
      async read(buffer) {
        const count = await real.read(buffer);
        buffer[buffer.length - 1] = 0;
        return count;
      },
    }),
  },
  {
    check: "empty reads and writes transfer nothing and end nothing",
    text: "write 0",
    client: (real) => ({
      write: (data) =>
        data.length === 0 ? Promise.resolve(1) : real.write(data),
    }),
  },
  {
    check: "empty reads and writes transfer nothing and end nothing",
    text: "read 0",
    server: (real) => ({
      read: (buffer) =>
        buffer.length === 0 ? Promise.resolve(null) : real.read(buffer),
    }),
  },
  {
    check: "empty reads and writes transfer nothing and end nothing",
    text: "1",
    client: (real) => ({
      write: (data) =>
        data.length === 0
          ? real.write(new Uint8Array(1)).then(() => 0)
          : real.write(data),
    }),
  },
  {
    check: "write() may be partial and returns the bytes accepted",
    text: "a count from 1 to 4194304, got 4194305",
    client: (real) => ({
      write: (data) => real.write(data).then(() => data.length + 1),
    }),
  },
  {
    check: "write() may be partial and returns the bytes accepted",
    text: "a count from 1 to 4194304, got 0",
    client: () => ({ write: () => Promise.resolve(0) }),
  },
  {
    check: "writes wait for the reader and lose nothing",
    text: "bytes received, got",
    client: (real) => ({
      write: (data) =>
        real.write(data.subarray(0, -1)).then((count) => count + 1),
    }),
  },
  {
    check: "concurrent reads receive bytes in call order",
    text: "",
    server(real) {
      const held: (() => void)[] = [];
      return {
        // The last of three reads is the first.
        read: (buffer) =>
          new Promise((resolve, reject) => {
            held.unshift(() => real.read(buffer).then(resolve, reject));
            if (held.length === 3) { for (const read of held) read(); }
          }),
      };
    },
  },
  {
    check: "concurrent writes are sent in call order",
    text: "",
    client(real) {
      const held: (() => void)[] = [];
      return {
        write: (data) =>
          new Promise((resolve, reject) => {
            held.unshift(() => real.write(data).then(resolve, reject));
            if (held.length === 20) { for (const write of held) write(); }
          }),
      };
    },
  },
  {
    check: "closeWrite() ends only one direction",
    text: "made up",
    client(real) {
      let ended = false;
      return {
        closeWrite() {
          ended = true;
          return real.closeWrite();
        },
        read: (buffer) => ended ? Promise.reject(other()) : real.read(buffer),
      };
    },
  },
  {
    check: "closeWrite() ends only one direction",
    text: "made up",
    server: () => ({ closeWrite: () => Promise.reject(other()) }),
  },
  {
    check: "closeWrite() ends only one direction",
    text: "closeWrite() ends only one direction: made up",
    server: (real) => ({
      write: (data) =>
        data.length === 5 ? Promise.reject(other()) : real.write(data),
    }),
  },
  {
    check: "read() returns null on every call after the end",
    text: "null, got 0",
    server: (real) => ({
      read: after(
        2,
        (buffer: Uint8Array) => real.read(buffer),
        () => Promise.resolve(0),
      ),
    }),
  },
  {
    check: "closeWrite() can be called twice, and later writes fail",
    text: "made up",
    client: (real) => ({
      closeWrite: after(
        1,
        () => real.closeWrite(),
        () => Promise.reject(other()),
      ),
    }),
  },
  {
    check: "closeWrite() can be called twice, and later writes fail",
    text: "",
    client: () => ({ write: (data) => Promise.resolve(data.length) }),
  },
  {
    check: "closeWrite() can be called twice, and later writes fail",
    text: "made up",
    client: (real) => ({ write: otherCode(real.write.bind(real)) }),
  },
  {
    check: "close() rejects a pending read on the same end",
    text: "made up",
    client: (real) => ({ read: otherCode(real.read.bind(real)) }),
  },
  {
    check: "close() rejects a pending read on the same end",
    text: "null, got 1",
    server: () => ({ read: () => Promise.resolve(1) }),
  },
  {
    check: "close() rejects a pending write on the same end",
    text: "made up",
    client: (real) => ({ write: otherCode(real.write.bind(real)) }),
  },
  {
    check: "an abort signal rejects a pending read with its reason",
    text: "",
    client: (real) => ({
      close: () => {},
      read: real.read.bind(real),
      [Symbol.dispose]() {},
    }),
  },
  {
    check: "close() can be called twice",
    text: "made up",
    client: (real) => ({
      [Symbol.dispose]: after(1, () => real.close(), () => {
        throw other();
      }),
    }),
  },
  {
    check: "reads and writes fail after close()",
    text: "made up",
    client: (real) => ({ read: otherCode(real.read.bind(real)) }),
  },
  {
    check: "reads and writes fail after close()",
    text: "made up",
    client: (real) => ({ write: otherCode(real.write.bind(real)) }),
  },
  {
    check: "reads and writes fail after close()",
    text: "",
    client: () => ({ read: () => Promise.resolve(null) }),
  },
  {
    check: "writes to a closed peer fail eventually",
    text: "made up",
    client: (real) => ({ write: otherCode(real.write.bind(real)) }),
  },
];

for (const { check, text, client, server } of FAULTS) {
  Deno.test(`the check of transports '${check}' finds: ${text}`, async () => {
    let found = false;
    const run = checkTransport(
      () => {
        const [near, far] = memoryPair({ capacity: 1 << 20 });
        return [changed(near, client), changed(far, server)];
      },
      {
        timeout: 300,
        step: async (name, body) => {
          if (name !== check) return;
          found = true;
          await body();
        },
      },
    );
    const { errors } = await assertRejects(() => run, AggregateError);
    assert(found);
    assertEquals(errors.length, 1);
    assertStringIncludes(errors[0].message, text);
  });
}

Deno.test("the checks of transports pass an honest pair", async () => {
  const names: string[] = [];
  await checkTransport(() => {
    const [near, far] = memoryPair({ capacity: 1 << 20 });
    return [changed(near), changed(far)];
  }, {
    step: async (name, body) => {
      names.push(name);
      await body();
    },
  });
  const resets = Object.keys(TRANSPORT_CHECKS).filter((name) =>
    name.startsWith("reset")
  );
  assertEquals(
    names.length,
    Object.keys(TRANSPORT_CHECKS).length - resets.length,
  );
});
