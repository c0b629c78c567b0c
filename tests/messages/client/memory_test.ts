/**
 * The memory of clients: what a server can make a client hold.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  clientStream,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { dial, inVirtualTime, turns, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const MiB = 2 ** 20;

const Store = protocol({
  name: "store",
  server: { hello: unary<void, string>() },
  client: {
    poll: unary<Uint8Array, Uint8Array>(),
    watch: serverStream<void, Uint8Array>(),
    keep: clientStream<Uint8Array, number>(),
  },
});

/** A server that calls its clients, and handlers that wait to be released. */
class CallBacks {
  readonly server = createServer(Store, { onError() {} })
    .handle({ hello: () => "hello" });
  /** Connects clients to the server. */
  readonly address = {
    name: "store",
    connect: () => Promise.resolve(dial(this.server)),
  };
  readonly released = Promise.withResolvers<void>();
  entered = 0;
  readonly handlers = {
    poll: async () => await this.#wait(),
    watch: this.#watch.bind(this),
    keep: async () => (await this.#wait()).length,
  };

  async #wait(): Promise<Uint8Array> {
    this.entered++;
    await this.released.promise;
    return new Uint8Array(10);
  }

  async *#watch() {
    yield await this.#wait();
  }

  /** Calls each client, and ignores how the calls end. */
  async callAll(
    method: "poll" | "watch",
    count: number,
    input = new Uint8Array(10),
  ): Promise<void> {
    for (const { remote } of this.server.sessions) {
      for (let at = 0; at < count; at++) {
        if (method === "poll") remote.poll(input).then(() => {}, () => {});
        else remote.watch()[Symbol.asyncIterator]().next().catch(() => {});
      }
    }
    await turns(20);
  }

  async end(): Promise<void> {
    this.released.resolve();
    await this.server.shutdown({ grace: 0 });
  }
}

for (const method of ["poll", "watch"] as const) {
  Deno.test(
    `a server cannot have more of a client's handlers for ${method} than memory allows`,
    none,
    inVirtualTime(async () => {
      const store = new CallBacks();
      const { handlers } = store;
      const options = { memory: 4 * MiB, handlers, onError() {} }; // 2 MiB for handlers
      await using session = await connect(Store, dial(store.server), options);
      await session.remote.hello();
      await store.callAll(method, 50);
      // A response of unknown size may have 1 MiB.
      assertEquals(store.entered, 2);
      await store.end();
    }),
  );
}

Deno.test(
  "the connections of a client share its memory",
  none,
  inVirtualTime(async () => {
    const store = new CallBacks();
    const { handlers } = store;
    const client = createClient(Store, store.address, {
      memory: 4 * MiB,
      connections: 3,
      handlers,
      onError() {},
    });
    await until(() => store.server.sessions.size === 3);
    await store.callAll("poll", 50);
    assertEquals(store.entered, 2 + 1 + 1); // one of each session in any case
    const { limit, pressureAt, restricted } = client.stats.memory;
    assertEquals([limit, pressureAt, restricted], [4 * MiB, 1.5 * MiB, 0]);
    await client.close();
    await store.end();
    assertEquals(client.stats.memory.used, 0);
  }),
);

Deno.test(
  "inputs and uploads that a client has not read count as its memory",
  none,
  inVirtualTime(async () => {
    const store = new CallBacks();
    const { handlers } = store;
    const client = createClient(Store, store.address, {
      handlers,
      onError() {},
    });
    await client.ready();
    await until(() => store.server.sessions.size === 1);
    const idle = client.stats.memory.used;
    await store.callAll("poll", 1, new Uint8Array(100_000));
    const { held, heldBytes } = client.session!.stats; // it is open
    assert(held.inputs.bytes >= 100_000);
    assertEquals(client.stats.memory.used, heldBytes);
    const [session] = store.server.sessions;
    const upload = session!.remote.keep();
    upload.send(new Uint8Array(20_000)).catch(() => {});
    upload.result.catch(() => {});
    await turns(20);
    assert(client.session!.stats.held.items.bytes >= 20_000);
    assert(client.stats.memory.used - idle >= 120_000);
    await client.close();
    await store.end();
    assertEquals(client.stats.memory.used, 0);
  }),
);

Deno.test(
  "above its share, a client refuses calls, and above a quarter, its session ends",
  none,
  inVirtualTime(async () => {
    const store = new CallBacks();
    const { handlers } = store;
    const options = { memory: MiB, handlers, onError() {} };
    const session = await connect(Store, dial(store.server), options);
    const [accepted] = store.server.sessions;
    await store.callAll("poll", 1);
    const upload = accepted!.remote.keep();
    upload.result.catch(() => {});
    for (let at = 0; at < 10; at++) {
      upload.send(new Uint8Array(50_000)).catch(() => {});
    }
    const inputs = [1, 2, 3].map(() => new Uint8Array(120_000));
    for (const input of inputs) accepted!.remote.poll(input).catch(() => {});
    const reason = await session.finished;
    assertEquals([reason.code, reason.remote], ["refused-busy", false]);
    const why = "a quarter of the client's memory (option memory, 1048576";
    assert(reason.message.includes(why), reason.message);
    const told = await accepted!.finished;
    assertEquals([told.code, told.remote], ["refused-busy", true]);
    assert(told.message.includes(why), told.message);
    await session.close();
    await store.end();
  }),
);

Deno.test(
  "a client whose memory is used up opens no session until handlers settle",
  none,
  inVirtualTime(async () => {
    const store = new CallBacks();
    const { handlers } = store;
    let connects = 0;
    const client = createClient(Store, {
      name: "store",
      connect: () => {
        connects++;
        return Promise.resolve(dial(store.server));
      },
    }, {
      ...{ memory: MiB, limits: { maxInputs: 2 * MiB } },
      ...{ handlers, connections: 2, onError() {} },
    });
    // Handlers of sessions that have ended still hold their inputs.
    const busy = new Promise<void>((resolve) => {
      (async () => {
        for await (const { kind, cause } of client.events()) {
          const known = cause instanceof Error && "code" in cause;
          if (kind !== "backing-off" || !known) continue;
          assertEquals(cause.code, "refused-busy");
          assert(cause.message.includes("the client's memory is used up"));
          resolve();
        }
      })();
    });
    let over = false;
    busy.then(() => over = true);
    await until(() => over, async () => {
      for (const { remote } of store.server.sessions) {
        remote.poll(new Uint8Array(200_000)).catch(() => {});
      }
      await turns(20);
    });
    const before = connects;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    assertEquals(connects, before);
    store.released.resolve();
    await client.ready();
    assertEquals(await client.remote.hello(), "hello");
    await client.close();
    await store.end();
    assertEquals(client.stats.memory.used, 0);
  }),
);

Deno.test("connect() rejects memory that is out of range", none, async () => {
  const [near, far] = memoryPair();
  const handlers = new CallBacks().handlers;
  await assertRejects(
    () => connect(Store, near, { memory: 1000, handlers }),
    RangeError,
    'Cannot use 1000 as option "memory": it must be an integer of at least 1048576 (bytes)',
  );
  far.close();
});

const Slow = protocol({
  name: "slow",
  server: {
    wait: unary<void, void>(),
    upload: clientStream<Uint8Array, number>(),
  },
});

Deno.test(
  "the calls and uploads that a client makes do not count as its memory",
  none,
  inVirtualTime(async () => {
    const released = Promise.withResolvers<void>();
    const server = createServer(Slow, { onError() {} }).handle({
      wait: () => released.promise,
      async upload(items) {
        await released.promise;
        let bytes = 0;
        for await (const item of items) bytes += item.length;
        return bytes;
      },
    });
    const options = { memory: MiB };
    await using session = await connect(Slow, dial(server), options);
    // 2 MiB of calls, and 4 MiB of items that wait, or are unsent.
    const calls = Array.from({ length: 512 }, () => session.remote.wait());
    const item = new Uint8Array(MiB / 4);
    const uploads = Array.from(
      { length: 8 },
      () => session.remote.upload([item, item]).result,
    );
    await turns(50);
    assert(session.stats.heldBytes > 2 * MiB, `${session.stats.heldBytes}`);
    released.resolve();
    await Promise.all(calls);
    assertEquals(await Promise.all(uploads), new Array(8).fill(MiB / 2));
    await session.close();
    await server.shutdown();
  }),
);
