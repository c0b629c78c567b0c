/**
 * A client whose write fails during the handshake still reads what the server
 * has sent.
 *
 * @module
 */
import {
  connect,
  createServer,
  protocol,
  type SessionError,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import type { Connection } from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { endOf, failureOf, turns } from "../kit.ts";
import { K, RawPeer } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const P = protocol({ name: "p", server: { ask: unary<void, void>() } });

/** A connection whose writes arrive, but are reported as failed. */
function unwritable(inner: Connection): Connection {
  return {
    localAddr: inner.localAddr,
    remoteAddr: inner.remoteAddr,
    read: (buffer) => inner.read(buffer),
    async write(data) {
      await inner.write(data);
      throw new Error("the peer has left");
    },
    closeWrite: () => inner.closeWrite(),
    close: () => inner.close(),
    [Symbol.dispose]: () => inner.close(),
  };
}

Deno.test(
  "connect() reports the refusal that arrives after a failed write",
  none,
  async () => {
    const server = createServer(P, {
      authenticate() {
        throw new Error("no");
      },
      onError() {},
    }).handle({ ask() {} });
    const [near, far] = memoryPair();
    server.accept(far);
    const error = await endOf(connect(P, unwritable(near)));
    assertEquals([error.code, error.remote], ["unauthenticated", true]);
    await server.shutdown();
  },
);

Deno.test(
  "connect() reports a failed write if the server sends nothing",
  none,
  async () => {
    const [near, far] = memoryPair();
    const error = await endOf(
      connect(P, unwritable(near), { limits: { closeTimeout: 20 } }),
    );
    assertEquals([error.code, error.remote], ["disconnected", false]);
    assertEquals(error.message.includes("the peer has left"), true);
    far.close();
  },
);

Deno.test(
  "a session whose write failed before the server's HELLO ends",
  none,
  async () => {
    const [near, far] = memoryPair();
    const connecting = connect(P, unwritable(near));
    const peer = new RawPeer(far);
    await peer.until(K.HELLO);
    await turns(2);
    await peer.hello({ role: 1 });
    const session = await connecting;
    await far.closeWrite();
    const reason: SessionError = await session.finished;
    assertEquals(reason.code, "disconnected");
    far.close();
  },
);

Deno.test(
  "an early call after a failed write fails with a CallError",
  none,
  async () => {
    const [near, far] = memoryPair();
    const session = await connect(P, unwritable(near), {
      early: true,
      limits: { closeTimeout: 20 },
    });
    await turns(2);
    const { code, processed } = await failureOf(session.remote.ask());
    assertEquals([code, processed], ["disconnected", "no"]);
    assertEquals((await session.finished).code, "disconnected");
    far.close();
  },
);
