/**
 * Accepted messages arrive, however the session ends. The messages that wait on
 * the sender's side are bounded in bytes.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../lib/messages/client/connect.ts";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import {
  notification,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../lib/messages/server/server.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { dial, inVirtualTime, turns, until } from "./kit.ts";
import { Account } from "../../lib/messages/session/flow/credit.ts";
import { K, RawPeer } from "./raw_peer.ts";
import { total } from "./session/lone_session.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    echo: unary<unknown, unknown>(),
    log: notification<Uint8Array>(),
  },
  client: { tick: notification<unknown>() },
});

/** Serves P; records the sizes of notifications. */
function recorder() {
  const arrived: number[] = [];
  const server = createServer(P).handle({
    echo: (value) => value,
    log: (bytes) => void arrived.push(bytes.length),
  });
  return { server, arrived };
}

for (const early of [false, true]) {
  for (const size of early ? [10, 60_000] : [10, 300_000, 1_000_000]) {
    Deno.test(
      `a notification of ${size} bytes that was accepted arrives although its client closes${
        early ? " before the server accepts it" : ""
      }`,
      none,
      inVirtualTime(async () => {
        const { server, arrived } = recorder();
        {
          await using session = await connect(P, dial(server), {
            early,
            handlers: { tick() {} },
          });
          await session.remote.log(new Uint8Array(size));
        }
        await server.shutdown();
        assertEquals(arrived, [size]);
      }),
    );
  }
}

Deno.test(
  "notifications that were not awaited arrive although their client closes",
  none,
  inVirtualTime(async () => {
    const { server, arrived } = recorder();
    const session = await connect(P, dial(server), { handlers: { tick() {} } });
    for (let n = 0; n < 1000; n++) session.remote.log(new Uint8Array(1000));
    await session.close();
    await server.shutdown();
    assertEquals([arrived.length, session.stats.droppedNotifications], [
      1000,
      0,
    ]);
  }),
);

for (const how of ["close", "drain", "shutdown"] as const) {
  Deno.test(
    `a server's notifications arrive although it ends the session with ${how}()`,
    none,
    inVirtualTime(async () => {
      const { server } = recorder();
      let arrived = 0;
      const session = await connect(P, dial(server), {
        handlers: { tick: () => void arrived++ },
      });
      const [served] = server.sessions;
      await served!.remote.tick(new Uint8Array(500_000));
      for (let n = 0; n < 5000; n++) server.broadcast.tick("x".repeat(100));
      if (how === "shutdown") await server.shutdown();
      else await served![how]();
      await session.finished;
      assertEquals([arrived, server.broadcastStats.dropped], [5001, 0]);
      assertEquals(served!.stats.droppedNotifications, 0);
      await server.shutdown();
    }),
  );
}

Deno.test(
  "a burst of 5,000 messages reaches a subscriber that reads",
  async () => {
    await using server = await serve(P, { port: 0 }).handle({
      echo: (value) => value,
      log() {},
    });
    let arrived = 0;
    await using session = await connect(P, server.addr, {
      handlers: { tick: () => void arrived++ },
    });
    await session.remote.echo(1);
    for (let n = 0; n < 5000; n++) server.broadcast.tick(new Uint8Array(100));
    await until(() => arrived >= 5000, () => session.remote.echo(1));
    assertEquals(server.broadcastStats.dropped, 0);
  },
);

Deno.test("10,000 calls of 1 KB and 40 of 100 KB may be made at once", async () => {
  await using server = await serve(P, { port: 0 }).handle({
    echo: (value) => value,
    log() {},
  });
  await using session = await connect(P, server.addr, {
    handlers: { tick() {} },
  });
  for (const [count, size] of [[10_000, 500], [40, 100_000]] as const) {
    const results = await Promise.all(
      Array.from(
        { length: count },
        () => session.remote.echo(new Uint8Array(size)),
      ),
    );
    assertEquals(results.length, count);
  }
});

/** Opens a client whose peer grants almost no credit for notifications. */
async function slowPeer(onDropped?: (count: number, error: CallError) => void) {
  const [near, far] = memoryPair({ capacity: 2 ** 20 });
  const raw = new RawPeer(far);
  const connecting = connect(P, near, {
    handlers: { tick() {} },
    limits: { unsentSoft: 64 * 1024, closeTimeout: 20 },
    onDropped,
  });
  await raw.hello({ role: 1, notifyWindow: 16_384 });
  return { raw, session: await connecting };
}

const LARGE = new Uint8Array(70_000);

Deno.test(
  "a signal and a timeout end the wait of a notification for its place",
  none,
  inVirtualTime(async () => {
    const { raw, session } = await slowPeer();
    await session.remote.log(LARGE); // is sent
    await session.remote.log(LARGE); // has a place
    const controller = new AbortController();
    const waits = session.remote.log(LARGE, { signal: controller.signal });
    const timed = session.remote.log(LARGE, { timeout: 5 });
    await turns(2);
    controller.abort();
    for (
      const [sent, code] of [[waits, "cancelled"], [timed, "deadline"]] as const
    ) {
      const error = await assertRejects(() => sent, CallError);
      assertEquals([error.code, error.processed], [code, "no"]);
    }
    await session.close();
    await raw[Symbol.asyncDispose]();
  }),
);

Deno.test(
  "a notification that waits is accepted once there is a place",
  none,
  inVirtualTime(async () => {
    const { raw, session } = await slowPeer();
    for (let n = 0; n < 2; n++) await session.remote.log(LARGE);
    let accepted = false;
    const waits = session.remote.log(LARGE).then(() => accepted = true);
    await turns(5);
    assertEquals(accepted, false);
    await raw.frame(K.WINDOW, Account.NOTIFICATIONS, total(1 << 24));
    await waits;
    await session.close();
    await raw[Symbol.asyncDispose]();
  }),
);

Deno.test(
  "notifications that a peer never takes are counted and reported after closeTimeout",
  none,
  inVirtualTime(async () => {
    const reports: [number, string][] = [];
    const { raw, session } = await slowPeer((count, { code }) =>
      void reports.push([count, code])
    );
    await session.remote.log(LARGE);
    await session.remote.log(LARGE);
    const waits = session.remote.log(LARGE); // need not be awaited
    await session.close("no longer needed");
    assertEquals(
      (await session.finished).message.split(": ").at(-1),
      "no longer needed",
    );
    session.remote.log(LARGE); // too late
    assertEquals(reports, [
      [1, "disconnected"], // accepted
      [1, "disconnected"], // waits for a place
      [1, "disconnected"],
    ]);
    assertEquals(session.stats.droppedNotifications, 3);
    assertEquals((await assertRejects(() => waits, CallError)).processed, "no");
    await raw[Symbol.asyncDispose]();
  }),
);

Deno.test(
  "an error in onDropped is reported to onError",
  none,
  inVirtualTime(async () => {
    const [near, far] = memoryPair();
    const raw = new RawPeer(far);
    const errors: unknown[] = [];
    const connecting = connect(P, near, {
      handlers: { tick() {} },
      onDropped: () => {
        throw new Error("full disk");
      },
      onError: ({ error }) => void errors.push(String(error)),
    });
    await raw.hello({ role: 1 });
    const session = await connecting;
    await session.close();
    session.remote.log(LARGE);
    await turns(2);
    assertEquals(errors, ["Error: full disk"]);
    await raw[Symbol.asyncDispose]();
  }),
);

Deno.test(
  "1,000 calls may be made at once through interceptors, and if serial",
  none,
  async () => {
    const Sums = protocol({
      name: "sums",
      server: {
        add: unary<number, number>(),
        serial: unary<number, number>({ serial: true }),
      },
    });
    const server = createServer(Sums).handle({
      add: (n) => n + 1,
      serial: (n) => n + 1,
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connect(Sums, near, {
      interceptors: [async (request, next) => await next(request)],
    });
    const { add, serial } = session.remote;
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    for (const method of [add, serial]) {
      const sums = await Promise.all(numbers.map((n) => method(n)));
      assertEquals(sums, numbers.map((n) => n + 1));
    }
    await session.close();
    await server.shutdown();
  },
);
