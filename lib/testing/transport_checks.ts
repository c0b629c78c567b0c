/**
 * The checks of `checkTransport`. The name of a check is the rule that it
 * checks; checks named "reset …" need a transport that can reset.
 *
 * @module
 */
import {
  collect,
  expect,
  expectCode,
  expectEqual,
  fillUp,
  MEBIBYTE,
  pattern,
  rejection,
  started,
  type TransportCheckContext,
  writeForever,
} from "./transport_kit.ts";
import { readExactly, writeAll } from "../transport/io.ts";

/** A check of one rule; rejects if the transport breaks it. */
export type TransportCheck = (context: TransportCheckContext) => Promise<void>;

/** A view whose `slice()` shares its memory, as that of Node.js does. */
class NodeBuffer extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

/** The checks, by name. */
export const TRANSPORT_CHECKS: Readonly<Record<string, TransportCheck>> = {
  "both ends report their addresses": ({ client, server }) => {
    for (const { localAddr, remoteAddr } of [client, server]) {
      expect(typeof localAddr.transport === "string", "localAddr.transport");
      expect(typeof remoteAddr.transport === "string", "remoteAddr.transport");
    }
    return Promise.resolve();
  },

  "bytes arrive in order in both directions": async (
    { client, server, within },
  ) => {
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const sent = pattern(1_000);
      const received = new Uint8Array(sent.length);
      const reading = started(readExactly(to, received));
      for (let at = 0; at < sent.length; at += 10) {
        await within(writeAll(from, sent.subarray(at, at + 10)), "a write");
      }
      await within(reading, "reading 1,000 bytes");
      expectEqual(received, sent);
    }
  },

  "read() changes only the bytes that it reports": async (
    { client, server, within },
  ) => {
    await within(writeAll(client, pattern(3)), "a write");
    const buffer = new Uint8Array(64).fill(0xee);
    const count = await within(server.read(buffer), "a read") ?? 0;
    expect(count >= 1 && count <= 3, `1 to 3 bytes read, got ${count}`);
    expectEqual(buffer.subarray(0, count), pattern(count));
    expect(
      buffer.subarray(count).every((byte) => byte === 0xee),
      "the rest of the buffer unchanged",
    );
  },

  "empty reads and writes transfer nothing and end nothing": async (
    { client, server, within },
  ) => {
    const none = new Uint8Array(0);
    expect(await within(client.write(none), "an empty write") === 0, "write 0");
    await within(writeAll(client, pattern(1)), "a write");
    expect(await within(server.read(none), "an empty read") === 0, "read 0");
    expect(await within(server.read(new Uint8Array(9)), "a read") === 1, "1");
  },

  "a buffer can be reused once its write has settled": async (
    { client, server, within },
  ) => {
    const bytes = pattern(100);
    await within(writeAll(client, bytes), "a write");
    bytes.fill(0);
    const received = new Uint8Array(100);
    await within(readExactly(server, received), "a read");
    expectEqual(received, pattern(100));
  },

  "a Buffer of Node.js is copied, without the memory around it": async (
    { client, server, within },
  ) => {
    const memory = new NodeBuffer(new ArrayBuffer(300)).fill(1);
    const bytes = memory.slice(100, 200); // shares the memory
    bytes.set(pattern(100));
    await within(writeAll(client, bytes), "a write");
    memory.fill(0);
    await within(client.closeWrite(), "closeWrite");
    expectEqual(await within(collect(server), "the end"), pattern(100));
  },

  "write() may be partial and returns the bytes accepted": async (
    { client, server, within },
  ) => {
    const sent = pattern(4 * MEBIBYTE);
    const reading = started(collect(server));
    const count = await within(client.write(sent), "a write");
    expect(
      Number.isInteger(count) && count >= 1 && count <= sent.length,
      `a count from 1 to ${sent.length}, got ${count}`,
    );
    await within(writeAll(client, sent.subarray(count)), "the rest");
    await within(client.closeWrite(), "closeWrite");
    expectEqual(await within(reading, "the end"), sent);
  },

  "large transfers work in both directions at once": async (
    { client, server, within },
  ) => {
    const sent = pattern(8 * MEBIBYTE);
    const receive = [client, server].map((end) => started(collect(end)));
    const send = [client, server].map((connection) =>
      started(
        writeAll(connection, sent).then(() => connection.closeWrite()),
      )
    );
    await within(Promise.all(send), "sending");
    for (const received of await within(Promise.all(receive), "receiving")) {
      expectEqual(received, sent);
    }
  },

  "writes wait for the reader and lose nothing": async (
    { client, server, within },
  ) => {
    const { taken, pending } = await fillUp(client);
    const reading = started(collect(server));
    const last = await within(pending, "the waiting write");
    await within(client.closeWrite(), "closeWrite");
    const received = await within(reading, "the end");
    expect(
      received.length === taken + last,
      `${taken + last} bytes received, got ${received.length}`,
    );
  },

  "concurrent reads receive bytes in call order": async (
    { client, server, within },
  ) => {
    const buffers = [0, 1, 2].map(() => new Uint8Array(1));
    const reads = buffers.map((buffer) => started(server.read(buffer)));
    await within(writeAll(client, pattern(3)), "a write");
    await within(Promise.all(reads), "three reads");
    expectEqual(
      Uint8Array.from(buffers, (buffer) => buffer[0] ?? 0),
      pattern(3),
    );
  },

  "concurrent writes are sent in call order": async (
    { client, server, within },
  ) => {
    const sent = pattern(20);
    const received = new Uint8Array(20);
    const reading = started(readExactly(server, received));
    const writes = Array.from(
      sent,
      (_, at) => started(client.write(sent.subarray(at, at + 1))),
    );
    await within(Promise.all(writes), "twenty writes");
    await within(reading, "a read");
    expectEqual(received, sent);
  },

  "closeWrite() ends only one direction": async (
    { client, server, within },
  ) => {
    for (const [from, to] of [[client, server], [server, client]] as const) {
      await within(writeAll(from, pattern(10)), "a write");
      await within(from.closeWrite(), "closeWrite");
      expectEqual(await within(collect(to), "the end"), pattern(10));
      if (from === server) continue;
      await within(writeAll(to, pattern(5)), "a write in the open direction");
      await within(readExactly(from, new Uint8Array(5)), "its arrival");
    }
  },

  "read() returns null on every call after the end": async (
    { client, server, within },
  ) => {
    await within(client.closeWrite(), "closeWrite");
    for (let round = 0; round < 3; round++) {
      const end = await within(server.read(new Uint8Array(8)), "the end");
      expect(end === null, `null, got ${end}`);
    }
  },

  "closeWrite() can be called twice, and later writes fail": async (
    { client, hardened, within },
  ) => {
    await within(client.closeWrite(), "closeWrite");
    await within(client.closeWrite(), "closeWrite again");
    const error = await rejection(within(client.write(pattern(1)), "a write"));
    if (hardened) expectCode(error, "reset", "closed");
  },

  "bytes written before close() arrive": async (
    { client, server, within },
  ) => {
    const sent = pattern(MEBIBYTE);
    const reading = started(collect(server));
    await within(writeAll(client, sent), "a write");
    client.close();
    expectEqual(await within(reading, "the end"), sent);
  },

  "bytes written before close() arrive while the peer keeps sending": async (
    { client, server, hardened, within, over },
  ) => {
    if (!hardened) return;
    const sent = pattern(MEBIBYTE);
    const unread = started(writeForever(server, over));
    const reading = started(collect(server));
    await within(writeAll(client, sent), "a write");
    client.close();
    expectEqual(await within(reading, "the end"), sent);
    await within(rejection(unread), "the failure of the peer's writes");
  },

  "close() rejects a pending read on the same end": async (
    { client, server, hardened, within },
  ) => {
    const reading = started(rejection(client.read(new Uint8Array(8))));
    client.close();
    const error = await within(reading, "the rejection");
    if (hardened) expectCode(error, "closed");
    const end = await within(server.read(new Uint8Array(8)), "the end");
    expect(end === null, `null, got ${end}`);
  },

  "close() rejects a pending write on the same end": async (
    { client, hardened, within },
  ) => {
    const { pending } = await fillUp(client);
    const writing = started(rejection(pending));
    client.close();
    const error = await within(writing, "the rejection");
    if (hardened) expectCode(error, "closed");
  },

  "an abort signal rejects a pending read with its reason": async (
    { client, within },
  ) => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const { signal } = abort;
    const reading = started(
      rejection(readExactly(client, new Uint8Array(8), { signal })),
    );
    abort.abort(reason);
    const error = await within(reading, "the rejection");
    expect(error === reason, `the signal's reason, got ${error}`);
  },

  "close() can be called twice": ({ client, hardened }) => {
    client.close();
    if (hardened) client.close();
    client[Symbol.dispose]();
    client[Symbol.dispose]();
    return Promise.resolve();
  },

  "reads and writes fail after close()": async (
    { client, hardened, within },
  ) => {
    client.close();
    const errors = [
      await rejection(within(client.read(new Uint8Array(8)), "a read")),
      await rejection(within(client.write(pattern(8)), "a write")),
    ];
    if (hardened) errors.forEach((error) => expectCode(error, "closed"));
  },

  "writes to a closed peer fail eventually": async (
    { client, server, hardened, within, over },
  ) => {
    server.close();
    // TCP accepts the first write; the failure appears only after the peer
    // responds.
    const error = await within(
      rejection(writeForever(client, over)),
      "the failure",
    );
    if (hardened) expectCode(error, "reset");
  },

  "reset is an error for the peer, not an end": async (
    { client, server, hardened, reset, within },
  ) => {
    await within(Promise.resolve(reset?.(client)), "the reset");
    const error = await within(rejection(collect(server)), "the reset");
    if (hardened) expectCode(error, "reset");
  },

  "reset rejects the peer's pending operations": async (
    { client, server, hardened, reset, within, over },
  ) => {
    const reading = started(rejection(collect(server)));
    await within(Promise.resolve(reset?.(client)), "the reset");
    const error = await within(reading, "the reset");
    if (hardened) expectCode(error, "reset");
    await rejection(
      within(writeForever(server, over), "the failure of a write"),
    );
  },
};
