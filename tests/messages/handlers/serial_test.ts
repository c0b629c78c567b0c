/**
 * Serial methods: the messages of a session are handled one after the other.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, failureOf, incidents, inVirtualTime, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

interface Change {
  key: string;
  ms: number;
}

const keyOf = ({ key }: Change) => key;

const P = protocol({
  name: "p",
  server: {
    free: unary<Change, void>(),
    one: unary<Change, void>({ serial: true }),
    keyed: unary<Change, void>({ serial: keyOf }),
    note: notification<Change>({ serial: true }),
    down: serverStream<Change, number>({ serial: true }),
  },
});

function open() {
  const { list, onError } = incidents();
  const log: string[] = [];
  async function handle({ key, ms }: Change) {
    log.push(`+${key}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (key === "fails") throw new Error("fails");
    log.push(`-${key}`);
  }
  const server = createServer(P, { onError }).handle({
    free: handle,
    one: handle,
    keyed: handle,
    note: handle,
    async *down(change) {
      await handle(change);
      yield 1;
    },
  });
  return { server, log, list };
}

const CHANGES: readonly Change[] = [
  { key: "a", ms: 10 },
  { key: "b", ms: 0 },
  { key: "a", ms: 0 },
];

for (
  const [method, expected] of [
    ["free", "+a+b+a-b-a-a"],
    ["one", "+a-a+b-b+a-a"],
    ["keyed", "+a+b-b-a+a-a"],
  ] as const
) {
  Deno.test(
    `calls of ${method} are handled as ${expected}`,
    none,
    inVirtualTime(async () => {
      const { server, log } = open();
      const { remote } = await connect(P, dial(server));
      await Promise.all(CHANGES.map((change) => remote[method](change)));
      assertEquals(log.join(""), expected);
      await server.shutdown();
    }),
  );
}

Deno.test(
  "serial notifications are handled in order, also after one has failed and the session has ended",
  none,
  inVirtualTime(async () => {
    const { server, log, list } = open();
    const session = await connect(P, dial(server));
    for (const key of ["a", "fails", "b", "c"]) {
      await session.remote.note({ key, ms: 3 });
    }
    await session.close();
    await server.shutdown();
    await until(() => log.at(-1) === "-c");
    assertEquals(log.join(""), "+a-a+fails+b-b+c-c");
    assertEquals(list.length, 1);
  }),
);

Deno.test(
  "serial streams wait until the one before has ended",
  none,
  inVirtualTime(async () => {
    const { server, log } = open();
    const { remote } = await connect(P, dial(server));
    const items = await Promise.all(
      CHANGES.map((change) => Array.fromAsync(remote.down(change))),
    );
    assertEquals([items, log.join("")], [[[1], [1], [1]], "+a-a+b-b+a-a"]);
    await server.shutdown();
  }),
);

Deno.test(
  "a call that is cancelled while it waits ends at once, and its handler is not entered",
  none,
  inVirtualTime(async () => {
    const { server, log } = open();
    const session = await connect(P, dial(server));
    const { remote } = session;
    const first = remote.one({ key: "a", ms: 30 });
    const waits = failureOf(remote.one({ key: "b", ms: 0 }, { timeout: 5 }));
    const last = remote.one({ key: "c", ms: 0 });
    assertEquals((await waits).code, "deadline");
    await Promise.all([first, last]);
    assertEquals(log.join(""), "+a-a+c-c");
    await session.close();
    await server.shutdown();
  }),
);

Deno.test(
  "the sessions of a server do not wait for each other",
  none,
  inVirtualTime(async () => {
    const { server, log } = open();
    const sessions = await Promise.all(
      [1, 2].map(() => connect(P, dial(server))),
    );
    await Promise.all(
      sessions.map(({ remote }, n) => remote.one({ key: `${n}`, ms: 5 })),
    );
    assertEquals(log.slice(0, 2), ["+0", "+1"]);
    await server.shutdown();
  }),
);

Deno.test("serial is checked where it is declared", none, () => {
  assertThrows(
    // @ts-expect-error: neither a boolean nor a function
    () => unary<Change, void>({ serial: "key" }),
    TypeError,
    'as "serial": expected a boolean or a function',
  );
});
