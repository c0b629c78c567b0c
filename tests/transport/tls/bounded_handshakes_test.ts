import type { Connection, Listener } from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { assertEquals } from "@std/assert";
import { BoundedHandshakes } from "../../../lib/transport/tls/bounded_handshakes.ts";
import { performHandshake } from "../../../lib/transport/tls/handshake.ts";
import { authority, server as certificate } from "./certificates.ts";

/** Returns a listener that accepts one socket, and then waits forever. */
function listenerOf(socket: Connection): Listener {
  const waiting = [Promise.resolve(socket)];
  const end = Promise.withResolvers<never>();
  const close = () => end.reject(new Error("closed"));
  return {
    addr: { transport: "memory", name: "acceptor" },
    accept: () => waiting.shift() ?? end.promise,
    close,
    [Symbol.dispose]: close,
    async *[Symbol.asyncIterator]() {},
  };
}

/** A socket that calls `done` when its address is read after the handshake. */
function observed(real: Connection, done: () => void): Connection {
  return {
    get localAddr() {
      done();
      return real.localAddr;
    },
    remoteAddr: real.remoteAddr,
    read: (buffer) => real.read(buffer),
    write: (data) => real.write(data),
    closeWrite: () => real.closeWrite(),
    close: () => real.close(),
    [Symbol.dispose]: () => real.close(),
  };
}

Deno.test("BoundedHandshakes.close() closes a connection secured in the same turn", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const [client, server] = memoryPair();
    const closed = Promise.withResolvers<void>();
    const socket = observed(server, async () => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      handshakes.close();
      closed.resolve();
    });
    const handshakes = new BoundedHandshakes(listenerOf(socket), {
      tlsOptions: () => certificate,
      requireAlpn: false,
      handshakeTimeout: 5_000,
      maxHandshakes: 8,
      onHandshakeError: undefined,
    });
    const clientHandshake = performHandshake(client, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, { timeout: Infinity, timeoutError: () => new Error("late") });
    // In either turn the server closes: at once, or after a close_notify.
    const ended = clientHandshake.then(async (engine) => {
      await engine.read(new Uint8Array(1)).catch(() => null);
      engine.close();
      return "ended";
    }, () => "ended");
    await closed.promise;
    await handshakes.stopped();
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("still open"), 500);
    assertEquals(await Promise.race([ended, promise]), "ended", `${turns}`);
    clearTimeout(timer);
    while (!server.closed || !client.closed) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
});
