/**
 * Servers that resume sessions, with clients that write their frames by hand.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import type { ServerOptions } from "../../../lib/messages/server/server_types.ts";
import {
  decodeHello,
  type Hello,
} from "../../../lib/messages/session/wire/hello.ts";
import {
  encodeResume,
  type ResumeRequest,
} from "../../../lib/messages/session/wire/resumption.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { turns, until } from "../kit.ts";
import { K, type RawFrame, RawPeer, request, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    echo: unary<string, string>(),
    wait: unary<void, void>(),
  },
  client: { told: notification<number>() },
});

const METHODS = [["echo", 0], ["wait", 0]] as const;
const RESUME = 0x01;

/** A server, and what happens to its sessions and handlers. */
function serving(
  resume: ServerOptions<typeof P, string>["resume"] = { grace: 30_000 },
  limits: ServerOptions<typeof P, string>["limits"] = {},
  maxSessions?: number,
) {
  const log: string[] = [];
  const setup = createServer(P, {
    resume,
    limits,
    maxSessions,
    authenticate: async (credentials) => {
      if (credentials === "slow") await turns(10);
      if (credentials === "revoked") {
        throw new CallError("revoked", { code: "unauthenticated" });
      }
      return String(credentials);
    },
    principal: (name) => {
      if (name === "unnamed") throw new Error("no such name");
      return name;
    },
    onError: () => void log.push("error"),
    onSession: ({ finished }) => {
      log.push("session");
      finished.then(({ code }) => log.push(`finished ${code}`));
    },
  });
  const server = setup.handle({
    echo(text) {
      log.push(text);
      return text;
    },
    wait: (_, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          log.push("aborted");
          resolve();
        });
      }),
  });
  const connect = async (
    resumption?: ResumeRequest,
    credentials: unknown = "ann",
  ) => {
    const [near, far] = memoryPair();
    server.accept(far);
    const raw = new RawPeer(near);
    await raw.hello({
      methods: METHODS,
      features: RESUME,
      entries: [
        [0x04, value(credentials).subarray(2)],
        ...(resumption === undefined
          ? []
          : [[0x0b, encodeResume(resumption)] as const]),
      ],
    });
    return raw;
  };
  const open = async (...parameters: Parameters<typeof connect>) => {
    const raw = await connect(...parameters);
    return { raw, hello: helloOf(await raw.next()) };
  };
  return { server, log, connect, open };
}

function helloOf({ kind, body }: RawFrame): Hello {
  assertEquals(kind, K.HELLO);
  return decodeHello(body, 100, RESUME);
}

function resumptionOf({ token }: Hello, changes: Partial<ResumeRequest> = {}) {
  const point = { generation: 1, received: 0, firstKept: 1, ...changes };
  return { ...point, token: token!.secret }; // sent by a server that resumes
}

function echo(id: number, raw: RawPeer): Promise<void> {
  return raw.frame(K.REQUEST, id, request(0, value(`echo ${id}`)));
}

Deno.test(
  "a server offers resumption only if it has a grace",
  none,
  async () => {
    for (
      const [resume, offered] of [
        [{ grace: 0 }, 0],
        [{ grace: 9 }, RESUME],
      ] as const
    ) {
      const { server, open } = serving(resume);
      const { raw, hello } = await open();
      assertEquals([hello.features, hello.token?.grace], [
        offered,
        offered === 0 ? undefined : 9,
      ]);
      raw.connection.close();
      await server.abort();
    }
  },
);

Deno.test("a server rejects resume without a grace", none, () => {
  const handlers = { echo: (text: string) => text, wait() {} };
  for (const resume of [{}, { perPrincipal: 9 }, { location: "tcp://a:1" }]) {
    assertThrows(
      // @ts-expect-error: the grace is missing
      () => createServer(P, { resume }).handle(handlers),
      TypeError,
      "resume.grace",
    );
  }
});

Deno.test(
  "a server sends again what the client has not received",
  none,
  async () => {
    const { server, log, open } = serving();
    const first = await open();
    await echo(1, first.raw);
    await first.raw.until(K.RESULT);
    await echo(3, first.raw);
    await first.raw.until(K.RESULT);
    first.raw.connection.close();
    await turns(5);
    assertEquals(server.sessions.size, 1);
    const second = await open(resumptionOf(first.hello, { received: 1 }));
    assertEquals(second.hello.resumed, {
      ...{ generation: 1, received: 2, firstKept: 1 },
    });
    const again = await second.raw.until(K.RESULT);
    assertEquals(again.id, 3);
    await echo(5, second.raw);
    assertEquals((await second.raw.until(K.RESULT)).id, 5);
    assertEquals(log, ["session", "echo 1", "echo 3", "echo 5"]);
    second.raw.connection.close();
    await server.abort();
  },
);

Deno.test(
  "a session is resumed although its old connection looks open",
  none,
  async () => {
    const { server, log, open } = serving();
    const first = await open();
    await echo(1, first.raw);
    await first.raw.until(K.RESULT);
    const second = await open(resumptionOf(first.hello, { received: 1 }));
    assertEquals(second.hello.resumed?.received, 1);
    // Late data and a late end of the old connection have no effect.
    await echo(3, first.raw).catch(() => {});
    first.raw.connection.close();
    await turns(5);
    await echo(5, second.raw);
    assertEquals((await second.raw.until(K.RESULT)).id, 5);
    assertEquals(log, ["session", "echo 1", "echo 5"]);
    second.raw.connection.close();
    await server.abort();
  },
);

Deno.test(
  "a full server resumes its sessions, and no others",
  none,
  async () => {
    const { server, log, connect, open } = serving({ grace: 30_000 }, {}, 1);
    const first = await open();
    const halfOpen = await open(resumptionOf(first.hello));
    assertEquals(halfOpen.hello.resumed?.generation, 1);
    halfOpen.raw.connection.close();
    await turns(5);
    const other = await open(); // takes the place of the waiting session
    const { raw, hello } = await open(
      resumptionOf(halfOpen.hello, { generation: 2 }),
    );
    assertEquals(hello.resumed?.generation, 2);
    const refused = [
      await connect(),
      await connect(resumptionOf(hello, { token: new Uint8Array(32) })),
      await connect(resumptionOf(hello, { generation: 3 }), "bob"),
      await connect(resumptionOf(hello, { generation: 3, received: 9 })),
    ];
    for (const each of refused) {
      assertEquals((await each.goaway()).code, "refused-busy");
      each.connection.close();
    }
    assertEquals(log.filter((event) => event === "session").length, 2);
    for (const each of [first, other, { raw }]) each.raw.connection.close();
    await server.abort();
  },
);

Deno.test("of two attempts with one token, one succeeds", none, async () => {
  const { server, open } = serving();
  const first = await open();
  first.raw.connection.close();
  await turns(5);
  const attempts = await Promise.all([
    open(resumptionOf(first.hello)),
    open(resumptionOf(first.hello)),
  ]);
  const outcomes = attempts.map(({ hello }) =>
    hello.resumed?.generation ?? hello.resumeRefused?.reason
  );
  assertEquals(outcomes.toSorted(), [1, "unknown"]);
  for (const { raw } of attempts) raw.connection.close();
  await server.abort();
});

Deno.test(
  "the last token is valid until a frame arrives after RESUMED",
  none,
  async () => {
    const { server, open } = serving();
    const { raw, hello } = await open();
    raw.connection.close();
    const lost = await open(resumptionOf(hello, { generation: 1 }));
    assert(lost.hello.resumed);
    lost.raw.connection.close(); // the client has not read it
    const second = await open(resumptionOf(hello, { generation: 2 }));
    assertEquals(second.hello.resumed?.generation, 2);
    await second.raw.frame(K.ACK, 0, new Uint8Array(8));
    await turns(5);
    const third = await open(resumptionOf(hello, { generation: 3 }));
    assertEquals(third.hello.resumeRefused?.reason, "unknown");
    const unseen = await open(resumptionOf(lost.hello, { generation: 4 }));
    assertEquals(unseen.hello.resumeRefused?.reason, "unknown");
    const last = await open(resumptionOf(second.hello, { generation: 5 }));
    assertEquals(last.hello.resumed?.generation, 5);
    for (const each of [second, third, unseen, last]) {
      each.raw.connection
        .close();
    }
    await server.abort();
  },
);

Deno.test("a session is resumed only for its principal", none, async () => {
  const { server, log, connect, open } = serving();
  const first = await open();
  first.raw.connection.close();
  const other = await open(resumptionOf(first.hello), "bob");
  assertEquals(other.hello.resumeRefused, {
    reason: "other-principal",
    received: undefined,
  });
  const revoked = await connect(
    resumptionOf(first.hello, { generation: 2 }),
    "revoked",
  );
  assertEquals(await revoked.goaway(), { code: "unauthenticated" });
  const again = await open(resumptionOf(first.hello, { generation: 3 }));
  assert(again.hello.resumed);
  assertEquals(log, ["session", "session"]);
  for (const { raw } of [other, again]) raw.connection.close();
  revoked.connection.close();
  await server.abort();
});

Deno.test("a client whose principal fails is rejected", none, async () => {
  const { server, log, connect, open } = serving();
  const first = await open();
  first.raw.connection.close();
  for (const resumption of [undefined, resumptionOf(first.hello)]) {
    const raw = await connect(resumption, "unnamed");
    assertEquals(await raw.goaway(), { code: "internal" });
    raw.connection.close();
  }
  assertEquals(log, ["session", "error", "error"]);
  await server.abort();
});

Deno.test(
  "another principal learns nothing about a session that has ended",
  none,
  async () => {
    const { server, open } = serving({ grace: 20 });
    const first = await open();
    await echo(1, first.raw);
    await first.raw.until(K.RESULT);
    first.raw.connection.close();
    await until(() => server.sessions.size === 0);
    const other = await open(resumptionOf(first.hello), "bob");
    assertEquals(other.hello.resumeRefused, {
      reason: "other-principal",
      received: undefined,
    });
    const own = await open(resumptionOf(first.hello));
    assertEquals(own.hello.resumeRefused, { reason: "expired", received: 1 });
    for (const { raw } of [other, own]) raw.connection.close();
    await server.abort();
  },
);

Deno.test(
  "at the end of the grace, handlers are aborted and calls are known",
  none,
  async () => {
    const { server, log, open } = serving({ grace: 20 });
    const first = await open();
    await first.raw.frame(K.REQUEST, 1, request(1, value(undefined)));
    await echo(3, first.raw);
    await first.raw.until(K.RESULT);
    assertEquals(log, ["session", "echo 3"]);
    first.raw.connection.close();
    await until(() => server.sessions.size === 0);
    assertEquals(log.slice(2), ["aborted", "finished disconnected"]);
    const second = await open(resumptionOf(first.hello));
    assertEquals(second.hello.resumeRefused, {
      reason: "expired",
      received: 2,
    });
    second.raw.connection.close();
    await server.abort();
  },
);

Deno.test(
  "a session that breaks the protocol is not resumed",
  none,
  async () => {
    const { server, open } = serving();
    const first = await open();
    await first.raw.frame(K.ACK, 0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9));
    assertEquals(await first.raw.goaway(), { code: "protocol" });
    first.raw.connection.close();
    const second = await open(resumptionOf(first.hello));
    assertEquals(second.hello.resumeRefused?.reason, "expired");
    second.raw.connection.close();
    await server.abort();
  },
);

Deno.test("a session ends if positions cannot be right", none, async () => {
  const { server, log, open } = serving();
  const first = await open();
  first.raw.connection.close();
  await turns(5);
  const wrong = await open(resumptionOf(first.hello, { received: 7 }));
  assertEquals(wrong.hello.resumeRefused, { reason: "not-kept", received: 0 });
  assertEquals(log, ["session", "session", "finished resume-lost"]);
  const gone = await open(resumptionOf(first.hello, { generation: 2 }));
  assertEquals(gone.hello.resumeRefused?.reason, "expired");
  for (const { raw } of [wrong, gone]) raw.connection.close();
  await server.abort();
});

Deno.test("no frames may follow a HELLO with RESUME", none, async () => {
  const { server, connect, open } = serving();
  const first = await open();
  first.raw.connection.close();
  const second = await connect(resumptionOf(first.hello), "slow");
  await echo(1, second);
  assertEquals(await second.goaway(), { code: "protocol" });
  second.connection.close();
  await server.abort();
});

Deno.test("a principal has at most four sessions that wait", none, async () => {
  const { server, log, open } = serving();
  const opened = [];
  for (let n = 0; n < 6; n++) {
    const { raw, hello } = await open();
    raw.connection.close();
    await turns(5);
    opened.push(hello);
  }
  assertEquals(server.sessions.size, 4);
  assertEquals(log.filter((event) => event.startsWith("finished")), [
    "finished resume-lost",
    "finished resume-lost",
  ]);
  const oldest = await open(resumptionOf(opened[0]!));
  assertEquals(oldest.hello.resumeRefused?.reason, "expired");
  const newest = await open(resumptionOf(opened[5]!));
  assert(newest.hello.resumed);
  for (const { raw } of [oldest, newest]) raw.connection.close();
  await server.abort();
});

Deno.test(
  "a shutdown does not wait for sessions without a connection",
  none,
  async () => {
    const { server, log, open } = serving();
    const { raw } = await open();
    raw.connection.close();
    await turns(5);
    await server.shutdown();
    assertEquals(log, ["session", "finished resume-lost"]);
  },
);

/** The lowest limits; a session then keeps at most 835,584 bytes. */
const LOW = {
  maxFrameBody: 16_384,
  maxMessage: 65_536,
  connectionWindow: 65_536,
  notifyWindow: 16_384,
  itemsWindow: 65_536,
  unsentSoft: 65_536,
  unsentHard: 425_984,
};

Deno.test(
  "a session is resumed again once later frames are acknowledged",
  none,
  async () => {
    for (const acknowledged of [false, true]) {
      const { server, log, open } = serving({ grace: 30_000 }, LOW);
      const { raw, hello } = await open();
      const frames = 100;
      for (let call = 0; call < frames; call++) {
        const input = request(0, value("x".repeat(10_000)));
        await raw.frame(K.REQUEST, 2 * call + 1, input);
        await raw.until(K.RESULT);
      }
      const position = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, frames - 1);
      if (acknowledged) await raw.frame(K.ACK, 0, position);
      await turns(5);
      raw.connection.close();
      await turns(5);
      assertEquals(server.sessions.size, acknowledged ? 1 : 0);
      const received = acknowledged ? frames - 1 : 0;
      const again = await open(resumptionOf(hello, { received }));
      assertEquals(again.hello.resumed !== undefined, acknowledged);
      assertEquals(
        log.filter((event) => event.startsWith("finished")),
        acknowledged ? [] : ["finished disconnected"],
      );
      again.raw.connection.close();
      await server.abort();
    }
  },
);
