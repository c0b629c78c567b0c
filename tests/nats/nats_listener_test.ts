/**
 * Connections over NATS, whose messages are lost, doubled and swapped.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  natsAddress,
  type NatsAddressOptions,
  natsListener,
  type NatsListenerOptions,
  type NatsMessage,
} from "../../lib/nats/mod.ts";
import {
  CLOSE,
  CREDIT,
  DATA,
  decodeFrame,
  decodeOpening,
  encodeDial,
  encodeFrame,
  encodeOpening,
  encodeUint32,
  END,
  OPEN,
  PING,
  REFUSED,
  RESET,
} from "../../lib/nats/stream_frame.ts";
import { virtualTime } from "../../lib/testing/virtual_time.ts";
import {
  formatAddress,
  readExactly,
  type SocketConnection,
  TransportError,
  writeAll,
} from "../../lib/transport/mod.ts";
import { turns } from "../messages/kit.ts";
import { type FakeConnection, FakeNats } from "./fake_nats.ts";

const pure = { permissions: "none" } as const;
const subject = "lw.shop";

interface Ends {
  readonly nats: FakeNats;
  readonly near: FakeConnection;
  readonly far: FakeConnection;
  readonly client: SocketConnection;
  readonly server: SocketConnection;
  /** Subject of the frames for the client. */
  readonly toClient: string;
  /** Subject of the frames for the server. */
  readonly toServer: string;
}

/** Returns both ends of a connection. */
async function connected(
  options: Partial<NatsAddressOptions & NatsListenerOptions> = {},
): Promise<Ends> {
  const nats = new FakeNats();
  const [near, far] = [nats.connect(), nats.connect()];
  const listener = await natsListener(far, { subject, ...options });
  let [toClient, toServer] = ["", ""];
  nats.fault = (message) => {
    if (message.subject === subject) toClient = message.reply ?? "";
    const frame = decodeFrame(message.data);
    if (message.subject === toClient && frame?.kind === OPEN) {
      toServer = decodeOpening(frame.payload)?.subject ?? "";
    }
    return [message];
  };
  const accepted = listener.accept();
  const client = await natsAddress(near, { subject, ...options }).connect();
  const server = await accepted;
  listener.close();
  nats.fault = undefined;
  return { nats, near, far, client, server, toClient, toServer };
}

/** Reads to the end, or to an error. */
async function readAll(connection: SocketConnection) {
  const bytes: number[] = [];
  const buffer = new Uint8Array(1_000);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return { bytes, code: undefined };
      bytes.push(...buffer.subarray(0, count));
    }
  } catch (error) {
    assert(error instanceof TransportError, String(error));
    return { bytes, code: error.code };
  }
}

/** Returns the code of an error. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, TransportError)).code;
}

Deno.test(
  "a lost, doubled or swapped frame cuts a connection, without a wrong byte",
  pure,
  async () => {
    const faults = ["lost", "doubled", "swapped"] as const;
    const sent = Array.from({ length: 100 }, (_, n) => n);
    for (const fault of faults) {
      for (const at of [0, 5, 9, 10, 11]) {
        const { nats, client, server, toServer } = await connected();
        let count = 0;
        let kept: NatsMessage | undefined;
        nats.fault = (message) => {
          if (message.subject !== toServer) return [message];
          if (kept !== undefined) {
            const both = [message, kept];
            kept = undefined;
            return both;
          }
          if (count++ !== at) return [message];
          if (fault === "doubled") return [message, message];
          if (fault === "swapped") kept = message;
          return [];
        };
        const reading = readAll(server);
        const writing = (async () => {
          for (let n = 0; n < 100; n += 10) {
            await writeAll(client, Uint8Array.from(sent.slice(n, n + 10)));
          }
          await client.closeWrite(); // the eleventh frame
        })();
        await writing.catch(() => {});
        client.close(); // the twelfth
        const { bytes, code } = await reading;
        assertEquals(bytes, sent.slice(0, bytes.length));
        const ended = at === 11 || at === 10 && fault === "doubled";
        assertEquals(code, ended ? undefined : "reset", `${fault} ${at}`);
        if (ended) assertEquals(bytes, sent);
        server.close();
      }
    }
  },
);

Deno.test(
  "a peer that has missed a frame resets the sender",
  pure,
  async () => {
    const { nats, client, server, toServer } = await connected();
    let lost = false;
    nats.fault = (message) => {
      if (lost || message.subject !== toServer) return [message];
      lost = true;
      return [];
    };
    await writeAll(client, Uint8Array.of(1));
    await writeAll(client, Uint8Array.of(2));
    assertEquals(await readAll(server), { bytes: [], code: "reset" });
    assertEquals(await readAll(client), { bytes: [], code: "reset" });
    assertEquals(await codeOf(client.write(Uint8Array.of(3))), "reset");
  },
);

Deno.test(
  "a dial without reply is repeated, and opens one connection",
  pure,
  async () => {
    for (const lost of ["dial", "reply", "late", "replies", "all"] as const) {
      using time = virtualTime();
      const nats = new FakeNats();
      const [near, far] = [nats.connect(), nats.connect()];
      const listener = await time.run(natsListener(far, { subject }));
      const accepted: SocketConnection[] = [];
      const loop = (async () => {
        for await (const connection of listener) accepted.push(connection);
      })();
      let dials = 0;
      let replies = 0;
      const late: NatsMessage[] = [];
      nats.fault = (message) => {
        if (message.subject === subject) {
          const first = ++dials === 1;
          return lost === "all" || lost === "dial" && first ? [] : [message];
        }
        if (message.data[0] !== OPEN) return [message];
        replies++;
        if (lost === "late") {
          const both = [...late.splice(0), message];
          if (replies > 1) return both;
          late.push(message);
          return [];
        }
        return lost === "reply" && replies === 1 ||
            lost === "replies" && replies <= 2
          ? []
          : [message];
      };
      const dialing = natsAddress(near, { subject }).connect();
      if (lost === "all") {
        assertEquals(await time.run(codeOf(dialing)), "timeout");
        assertEquals([dials, time.now], [4, 10_000]);
      } else {
        const connection = await time.run(dialing);
        await time.run(writeAll(connection, Uint8Array.of(7)));
        await time.advance(0);
        assertEquals(accepted.length, 1, lost);
        assertEquals(await accepted[0]?.read(new Uint8Array(9)), 1);
        const [first, second] = [lost === "replies" ? 3 : 2, dials];
        assertEquals([second, replies], [first, lost === "dial" ? 1 : first]);
        connection.close();
      }
      listener.close();
      await time.run(loop);
      for (const connection of accepted) connection.close();
      await time.advance(0);
      assertEquals([near.subscribed.size, far.subscribed.size], [0, 0]);
    }
  },
);

Deno.test(
  "an attempt whose first frame was lost is given up, and both ends forget it",
  pure,
  async () => {
    using time = virtualTime();
    const nats = new FakeNats();
    const [near, far] = [nats.connect(), nats.connect()];
    const listener = await time.run(natsListener(far, { subject }));
    const accepted: SocketConnection[] = [];
    const loop = (async () => {
      for await (const connection of listener) {
        accepted.push(connection);
        // The server speaks first.
        connection.write(Uint8Array.of(accepted.length)).catch(() => {});
      }
    })();
    let lost = false;
    nats.fault = (message) => {
      if (lost || message.data[0] !== OPEN) return [message];
      if (message.subject === subject) return [message];
      lost = true;
      return [];
    };
    const address = natsAddress(near, { subject });
    const connection = await time.run(address.connect());
    const buffer = new Uint8Array(9);
    assertEquals(await time.run(connection.read(buffer)), 1);
    assertEquals([buffer[0], accepted.length], [2, 2]);
    const [first] = accepted;
    assertEquals(await time.run(codeOf(first!.read(buffer))), "reset");
    connection.close();
    listener.close();
    await time.run(loop);
    for (const each of accepted) each.close();
  },
);

Deno.test(
  "connect() fails at once if nothing listens, NATS is down or closed",
  pure,
  async () => {
    const nats = new FakeNats();
    const near = nats.connect();
    const address = natsAddress(near, { subject });
    assertEquals(address.name, "nats:lw.shop");
    assertEquals(await codeOf(address.connect()), "refused");
    const reason = new Error("enough");
    const stop = AbortSignal.abort(reason);
    assertEquals(await address.connect(stop).catch((error) => error), reason);
    near.disconnect();
    await turns(2);
    assertEquals(await codeOf(address.connect()), "unreachable");
    near.close();
    assertEquals(await codeOf(address.connect()), "closed");
    assertEquals(await codeOf(natsListener(near, { subject })), "closed");
  },
);

Deno.test("an aborted dial leaves nothing", pure, async () => {
  const nats = new FakeNats();
  const near = nats.connect();
  nats.connect().subscribe(subject, { callback() {} }); // replies nothing
  const address = natsAddress(near, { subject });
  const stop = new AbortController();
  const dialing = address.connect(stop.signal);
  await turns(2);
  const reason = new Error("enough");
  stop.abort(reason);
  assertEquals(await dialing.catch((error) => error), reason);
  assertEquals(near.subscribed.size, 0);
});

Deno.test(
  "connections end if NATS is lost, and the peers learn of it",
  pure,
  async () => {
    const { nats, near, client, server } = await connected();
    await writeAll(server, Uint8Array.of(1));
    await turns(1);
    near.disconnect();
    const read = await readAll(client);
    assertEquals(read, { bytes: [1], code: "reset" });
    assertEquals(await codeOf(client.write(Uint8Array.of(1))), "reset");
    const reading = readAll(server); // its own connection to NATS is up
    await turns(2);
    nats.fault = undefined;
    near.reconnect();
    assertEquals(await reading, { bytes: [], code: "reset" });
    await turns(2);
    assertEquals(near.subscribed.size, 0);
  },
);

Deno.test(
  "a peer that has vanished is noticed by heartbeats",
  pure,
  async () => {
    using time = virtualTime();
    // Its process is gone, and the NATS server replies that no one listens.
    const gone = await time.run(connected());
    gone.near.close();
    const reading = codeOf(gone.server.read(new Uint8Array(1)));
    await time.advance(14_000);
    assertEquals(await time.run(reading), "reset");
    assert(time.now <= 15_000, `${time.now} ms`);
    // It has stopped, or the way to it is cut.
    const silent = await time.run(connected());
    const from = time.now;
    silent.nats.fault = () => [];
    assertEquals(
      await time.run(codeOf(silent.server.read(new Uint8Array(1)))),
      "reset",
    );
    assertEquals(time.now - from, 45_000);
    // An idle connection stays.
    const idle = await time.run(connected());
    await time.advance(3_600_000);
    await time.run(writeAll(idle.client, Uint8Array.of(1)));
    assertEquals(await time.run(idle.server.read(new Uint8Array(9))), 1);
    idle.client.close();
    await time.advance(0);
    assertEquals(time.timers, 0);
  },
);

Deno.test(
  "frames for a connection that an end does not have are answered with a reset",
  pure,
  async () => {
    const { nats, near, client, server, toServer } = await connected();
    nats.fault = (message) => message.data[0] === CLOSE ? [] : [message];
    const keep = await natsListener(near, { subject: "lw.other" });
    const own = toServer;
    client.close();
    // The heartbeat of the server, whose client has closed; its close was lost.
    const heard: number[] = [];
    near.subscribe(`${own.slice(0, own.lastIndexOf("."))}.*`, {
      callback: (_error, { data }) => void heard.push(data[0] ?? -1),
    });
    near.publish(
      `${own.slice(0, own.lastIndexOf("."))}.unknown`,
      encodeFrame(PING, 1),
      { reply: "_INBOX.me" },
    );
    const replies: number[] = [];
    const elsewhere: number[] = [];
    near.subscribe("_INBOX.me", {
      callback: (_error, { data }) => void replies.push(data[0] ?? -1),
    });
    near.subscribe("orders.purge", {
      callback: (_error, { data }) => void elsewhere.push(data[0] ?? -1),
    });
    // A listener publishes nothing to subjects outside of the inboxes.
    near.publish(
      `${own.slice(0, own.lastIndexOf("."))}.unknown`,
      encodeFrame(PING, 1),
      { reply: "orders.purge" },
    );
    await turns(2);
    assertEquals([replies, elsewhere], [[RESET], []]);
    keep.close();
    server.close();
  },
);

Deno.test(
  "a listener refuses other versions, foreign subjects, and what is no dial",
  pure,
  async () => {
    const nats = new FakeNats();
    const [near, far] = [nats.connect(), nats.connect()];
    const listener = await natsListener(far, { subject });
    const replies: number[][] = [];
    for (const reply of ["_INBOX.me", "orders.purge"]) {
      near.subscribe(reply, {
        callback: (_error, { data }) => void replies.push([...data]),
      });
    }
    const dial = { nonce: "0".repeat(32), window: 10_000, largest: 2 ** 20 };
    const other = encodeDial({ ...dial, version: 2 });
    near.publish(subject, other, { reply: "_INBOX.me" });
    near.publish(subject, encodeDial({ ...dial, version: 1 }), {
      reply: "orders.purge",
    });
    near.publish(subject, encodeDial({ ...dial, version: 1 }), {
      reply: "_INBOX.>",
    });
    near.publish(subject, encodeDial({ ...dial, version: 1 }));
    near.publish(subject, new Uint8Array(24), { reply: "_INBOX.me" });
    await turns(3);
    assertEquals(replies, [[...encodeFrame(REFUSED, 1, Uint8Array.of(1))]]);
    // The client reports it.
    near.subscribe("lw.newer", {
      callback(_error, { reply = "" }) {
        near.publish(reply, encodeFrame(REFUSED, 1, Uint8Array.of(1)));
      },
    });
    near.subscribe("lw.wrong", {
      callback(_error, { reply = "" }) {
        const opening = { version: 1, window: 9_000, largest: 9_000 };
        const subject = "orders.purge";
        near.publish(
          reply,
          encodeFrame(OPEN, 1, encodeOpening({ ...opening, subject })),
        );
      },
    });
    for (const subject of ["lw.newer", "lw.wrong"]) {
      assertEquals(
        await codeOf(natsAddress(near, { subject }).connect()),
        "protocol",
      );
    }
    listener.close();
  },
);

Deno.test(
  "the windows of all connections have a sum, and connections above it are refused",
  pure,
  async () => {
    const nats = new FakeNats();
    const [near, far] = [nats.connect(), nats.connect()];
    const options = { subject, window: 16_384, totalWindow: 65_536 };
    const listener = await natsListener(far, options);
    const address = natsAddress(near, { subject });
    const clients: SocketConnection[] = [];
    const servers: SocketConnection[] = [];
    for (let n = 0; n < 8; n++) {
      const accepted = listener.accept();
      clients.push(await address.connect());
      servers.push(await accepted);
    }
    assertEquals(await codeOf(address.connect()), "limit");
    // No client can send more than its share.
    const written = await Promise.all(clients.map(async (client) => {
      let bytes = 0;
      for (;;) {
        const count = await Promise.race([
          client.write(new Uint8Array(70_000)).catch(() => 0),
          turns(3).then(() => 0),
        ]);
        if (count === 0) return bytes;
        bytes += count;
      }
    }));
    assertEquals(written, Array(8).fill(8_192));
    servers[0]?.close();
    await turns(2);
    const accepted = listener.accept();
    const next = await address.connect();
    servers.push(await accepted);
    for (const end of [...clients, next, ...servers]) end.close();
    listener.close();
    const ends = natsAddress(near, {
      subject,
      window: 8_192,
      totalWindow: 8_192,
    });
    const again = await natsListener(far, options);
    const first = await ends.connect();
    assertEquals(await codeOf(ends.connect()), "limit");
    first.close();
    again.close();
  },
);

Deno.test(
  "peers that break the rules of the frames are cut off",
  pure,
  async () => {
    const wrong: Record<string, readonly [number, Uint8Array?][]> = {
      "more bytes than the window": [[DATA, new Uint8Array(8_193)]],
      "bytes after the end": [[END], [DATA, new Uint8Array(1)]],
      "credit beyond every window": [[CREDIT, encodeUint32(2 ** 32 - 1)]],
      "credit without a number": [[CREDIT, new Uint8Array(3)]],
    };
    for (const [name, frames] of Object.entries(wrong)) {
      const { near, client, server, toServer } = await connected();
      const peer = toServer;
      for (const [n, [kind, payload]] of frames.entries()) {
        near.publish(peer, encodeFrame(kind, n + 1, payload));
      }
      await turns(2);
      const code = await codeOf(server.write(new Uint8Array(1)));
      assertEquals(code, "protocol", name);
      assertEquals((await readAll(client)).code, "reset", name);
    }
  },
);

Deno.test(
  "malformed frames, and unknown kinds in order, change nothing",
  pure,
  async () => {
    const { near, client, server, toServer } = await connected();
    const peer = toServer;
    near.publish(peer, new Uint8Array(6).fill(DATA)); // no frame
    near.publish(peer, encodeFrame(99, 1)); // a later version of the frames
    near.publish(peer, encodeFrame(DATA, 2, Uint8Array.of(5)));
    const buffer = new Uint8Array(9);
    assertEquals([await server.read(buffer), buffer[0]], [1, 5]);
    client.close();
    server.close();
  },
);

Deno.test(
  "writes wait while 8 MiB have not reached the NATS server",
  pure,
  async () => {
    const { nats, near, client, server, toClient } = await connected();
    near.publish(toClient, encodeFrame(CREDIT, 2, encodeUint32(2 ** 24)));
    await turns(1);
    nats.fault = () => []; // the server would notice that the credit is forged
    near.stalled = [];
    let written = 0;
    const block = new Uint8Array(65_529);
    const writing = (async () => {
      for (;;) written += await client.write(block);
    })().catch(() => {});
    await turns(2);
    assertEquals(written, 128 * block.length);
    const { flushes } = near;
    near.resume();
    await turns(1);
    assert(
      near.flushes > flushes && written > 128 * block.length,
      `${written} bytes`,
    );
    client.close();
    server.close();
    await writing;
  },
);

Deno.test(
  "natsListener() and natsAddress() reject options out of range",
  pure,
  async () => {
    const connection = new FakeNats().connect();
    const far = connection;
    const wrong: [Partial<NatsListenerOptions>, typeof RangeError][] = [
      [{ subject: "lw.*" }, RangeError],
      [{ subject: "" }, RangeError],
      [{ subject: "lw shop" }, RangeError],
      [{ window: 8_191 }, RangeError],
      [{ window: 2 ** 30 + 1 }, RangeError],
      [{ totalWindow: 262_143 }, RangeError],
      [{ heartbeat: 0 }, RangeError],
      [{ inboxPrefix: ">" }, RangeError],
    ];
    for (const [options, type] of wrong) {
      const given = { subject, ...options };
      await assertRejects(() => natsListener(far, given), type);
      assertThrows(() => natsAddress(connection, given), type);
    }
    await assertRejects(
      () => natsListener(far, { subject, queue: "a b" }),
      RangeError,
    );
    assertThrows(
      () => natsAddress(connection, { subject, timeout: -1 }),
      RangeError,
    );
    const unknown = { subject, windows: 1 };
    await assertRejects(() => natsListener(far, unknown), TypeError, "windows");
    assertThrows(() => natsAddress(far, unknown), TypeError, "windows");
    const text = { subject, maxConnections: "5" as never }; // a JavaScript program's
    await assertRejects(() => natsListener(far, text), RangeError);
    const log = { subject, onError: "log" as never }; // as above
    await assertRejects(() => natsListener(far, log), TypeError, "onError");
    const stop = AbortSignal.abort(new Error("enough"));
    await assertRejects(
      () => natsListener(far, { subject, signal: stop }),
      Error,
      "enough",
    );
    assertEquals(connection.subscribed.size, 0);
  },
);

Deno.test(
  "a listener closes with its signal, and with the NATS connection",
  pure,
  async () => {
    const nats = new FakeNats();
    const [one, two] = [nats.connect(), nats.connect()];
    const stop = new AbortController();
    const signaled = await natsListener(one, { subject, signal: stop.signal });
    assertEquals(formatAddress(signaled.addr), "nats:lw.shop");
    stop.abort();
    assertEquals([signaled.closed, one.subscribed.size], [true, 0]);
    const other = await natsListener(two, { subject });
    const accepting = other.accept();
    two.close();
    assertEquals(await codeOf(accepting), "closed");
    assertEquals(other.closed, true);
  },
);

Deno.test(
  "a connection carries what is larger than a message",
  pure,
  async () => {
    const { near, far, client, server } = await connected();
    assertEquals([near.info?.max_payload, far.info?.max_payload], [
      2 ** 20,
      2 ** 20,
    ]);
    const sent = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
    const received = new Uint8Array(sent.length);
    await Promise.all([writeAll(client, sent), readExactly(server, received)]);
    assertEquals(received, sent);
    client.close();
    server.close();
  },
);
