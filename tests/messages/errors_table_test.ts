/**
 * The tables of `lib/messages/README.md`, "Errors": each row is tried over
 * sockets, and the server continues to serve other clients.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import * as z from "zod";
import { connect } from "../../lib/messages/client/connect.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import {
  clientStream,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { json } from "../../lib/messages/codec/json.ts";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import type { Middleware } from "../../lib/messages/handlers/middleware.ts";
import { use } from "../../lib/messages/handlers/use.ts";
import { serve } from "../../lib/messages/server/server.ts";
import type { ServerSession } from "../../lib/messages/server/server_types.ts";
import type { SessionLimits } from "../../lib/messages/session/wire/limits.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { source } from "../../lib/messages/sources/source.ts";
import { aborted, all, dial, thrownBy, until } from "./kit.ts";
import { deadline, K, MORE, RawPeer, request, value } from "./raw_peer.ts";
import { tableRows } from "./readme.ts";

const Lab = protocol({
  name: "lab",
  server: {
    echo: unary<unknown, unknown>(),
    fail: unary<string, unknown, { declared: { left: number } }>(),
    wait: unary<void, void>(),
    deaf: unary<void, void>(),
    release: unary<void, void>(),
    items: serverStream<number, unknown>(),
    ticks: serverStream<void, number>(),
    sourced: serverStream<number, number>(),
    hold: clientStream<unknown, void>(),
    checked: unary({ input: z.string(), output: z.string() }),
    sum: clientStream({ input: z.number(), output: z.number() }),
  },
});

/** Methods and their numbers in the list that raw peers send. */
const METHODS = [
  ["echo", 0],
  ["wait", 0],
  ["items", 2],
  ["hold", 3],
  ["sum", 3],
] as const;
const ECHO = 0, WAIT = 1, ITEMS = 2, HOLD = 3, SUM = 4;

/** Outcome that a row is compared with. */
interface Outcome {
  readonly code?: string;
  readonly name?: string;
  readonly processed?: string;
  readonly retry?: string;
  readonly retryAfter?: number;
}

/** Retry advice of handlers and middleware that refuse. */
const THROWN = { retry: "later", retryAfter: 250 } as const;

interface LabOptions {
  limits?: Partial<SessionLimits>;
  maxSessions?: number;
  memory?: number;
  authenticate?: (credentials: unknown) => unknown;
  state?: () => unknown;
}

/** The codec of both sides, which encodes `"garbage"` to bytes that cannot be decoded. */
function sabotaged(): MessageCodec {
  const inner = msgpack();
  const garbage = Uint8Array.of(0xc1); // the one byte that MessagePack never uses
  return {
    name: inner.name,
    encode: (value) => value === "garbage" ? garbage : inner.encode(value),
    encodeInto: (value, target, offset) =>
      value === "garbage" ? garbage : inner.encodeInto(value, target, offset),
    decode: (body) => inner.decode(body),
  };
}

const guard: Middleware = (context, next) => {
  const { deny } = context.metadata;
  if (deny === "politely") {
    throw context.refuse("Not you", { code: "forbidden", ...THROWN });
  }
  if (deny !== undefined) throw new Error(deny);
  return next({});
};

async function openLab(options: LabOptions) {
  const opened: ServerSession<typeof Lab, unknown, unknown>[] = [];
  const waiting: (() => void)[] = [];
  let begun = 0;
  const server = await serve(
    Lab,
    { port: 0 },
    {
      ...options,
      codecs: [sabotaged()],
      onSession: (session) => void opened.push(session),
      onError() {},
    },
  ).handle(use(guard, {
    echo: (input) => input,
    fail(how, context) {
      if (how === "declared") throw context.error("declared", { left: 1 });
      if (how === "refuse") {
        throw context.refuse("Not now", { code: "overloaded", ...THROWN });
      }
      if (how === "large") return new Uint8Array(100_000);
      if (how === "unreadable") return "garbage";
      if (how === "unsendable") return () => {};
      throw new Error(how);
    },
    async wait(_, { signal }) {
      begun++;
      const released = new Promise<void>((resolve) => waiting.push(resolve));
      await Promise.race([aborted(signal), released]);
    },
    deaf: () => new Promise<void>((resolve) => waiting.push(resolve)),
    release: () => waiting.splice(0).forEach((resolve) => resolve()),
    async *items(count) {
      for (let i = 0; i < count; i++) yield new Uint8Array(8_192);
      if (count === 0) yield () => {};
      throw new Error("no more");
    },
    async *ticks(_, { draining }) {
      yield 0;
      await aborted(draining);
    },
    sourced(count, context) {
      const numbers = source<number>({ history: { items: 1 } });
      const items = numbers.items(context);
      for (let number = 1; number <= count; number++) numbers.publish(number);
      return items;
    },
    hold: async (_, { signal }) => void await aborted(signal),
    checked: (input) => input === "bad output" ? 7 as never : input,
    async sum(items) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
  }));
  const addr = server.addr;
  const clients: AsyncDisposable[] = [];
  const kept = <Each extends AsyncDisposable>(each: Each): Each => {
    clients.push(each);
    return each;
  };
  return {
    server,
    addr,
    opened,
    /** Resolves once the given number of calls of `wait` is being handled. */
    async waiting(count: number): Promise<void> {
      await until(() => begun >= count);
    },
    async client(limits: Partial<SessionLimits> = {}, over?: Connection) {
      return kept(
        await connect(Lab, over ?? addr, { limits, codecs: [sabotaged()] }),
      );
    },
    /** Connects a raw client. */
    async raw(hello = true, over?: Connection): Promise<RawPeer> {
      const raw = kept(new RawPeer(over ?? await dialSocket(addr)));
      if (!hello) return raw;
      await raw.hello({ methods: METHODS });
      await raw.until(K.HELLO);
      return raw;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const each of clients) await each[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}
type OpenLab = Awaited<ReturnType<typeof openLab>>;

interface Row {
  readonly options: LabOptions;
  /**
   * Resolves to the outcome, or to a list if the row names several. Checks passed
   * to `alive` run afterwards.
   */
  run(lab: OpenLab, alive: (check: () => unknown) => void): Promise<unknown>;
}

const rows = new Map<string, Row>();

function row(name: string, run: Row["run"], options: LabOptions = {}): void {
  rows.set(name, { run, options });
}

/** A row about one call of a regular client, whose session stays open. */
function callRow(
  name: string,
  call: (
    remote: Awaited<ReturnType<OpenLab["client"]>>["remote"],
    lab: OpenLab,
  ) => unknown,
  options: LabOptions & { client?: Partial<SessionLimits> } = {},
): void {
  const { client = {}, ...server } = options;
  row(name, async (lab, alive) => {
    const { remote } = await lab.client(client);
    alive(async () => assertEquals(await remote.echo("alive"), "alive"));
    return await thrownBy(Promise.resolve(call(remote, lab)));
  }, server);
}

callRow(
  "the handler throws an error that the method declares",
  (remote) => remote.fail("declared"),
);
callRow("the handler refuses", (remote) => remote.fail("refuse"));
callRow("the handler throws anything else", (remote) => remote.fail("x"));
callRow(
  "the generator throws after some items",
  (remote) => all(remote.items(2)),
);
callRow(
  "the handler's result does not match its schema",
  (remote) => remote.checked("bad output"),
);
callRow(
  "the handler's result cannot be encoded",
  (remote) => remote.fail("unsendable"),
);
callRow(
  "the handler's item cannot be encoded",
  (remote) => all(remote.items(0)),
);
callRow(
  "the handler's result is larger than the caller accepts",
  (remote) => remote.fail("large"),
  { client: { maxMessage: 64 * 1024 } },
);
callRow(
  "the middleware refuses",
  (remote) => remote.echo(1, { metadata: { deny: "politely" } }),
);
callRow(
  "the middleware throws anything else",
  (remote) => remote.echo(1, { metadata: { deny: "by a fault" } }),
);
callRow(
  "the input does not match its schema",
  (remote) => remote.checked(7 as never),
);
callRow(
  "an item does not match its schema",
  (remote) => remote.sum(["one" as never]).result,
);
callRow("the input cannot be decoded", (remote) => remote.echo("garbage"));
callRow(
  "the input is larger than the callee accepts",
  (remote) => remote.echo(new Uint8Array(100_000)),
  { limits: { maxMessage: 64 * 1024 } },
);
callRow("the input cannot be encoded", (remote) => remote.echo(() => {}));
callRow(
  "an item of the caller's iterable cannot be encoded",
  (remote) => remote.hold([1, () => {}]).result,
);
callRow("the caller's iterable of items throws", async (remote) => {
  const noMore = new Error("no more");
  const items = (function* () {
    yield 1;
    throw noMore;
  })();
  assertStrictEquals(await thrownBy(remote.hold(items).result), noMore);
  throw Object.assign(noMore, { code: "as thrown" });
});
row("an item passed to `send()` cannot be encoded", async (lab, alive) => {
  const { remote } = await lab.client();
  const sum = remote.sum();
  const error = await thrownBy(sum.send((() => {}) as never));
  alive(async () => {
    await sum.send(7);
    await sum.end();
    assertEquals(await sum.result, 7);
  });
  return error;
});
callRow(
  "the signal was aborted before the call",
  (remote) => remote.echo(1, { signal: AbortSignal.abort() }),
);
callRow("the signal is aborted during the call", async (remote, lab) => {
  const controller = new AbortController();
  const call = remote.wait(undefined, { signal: controller.signal });
  call.catch(() => {});
  await lab.waiting(1);
  controller.abort();
  await call;
});
row("the deadline passes while the handler runs", async (lab, alive) => {
  const { remote } = await lab.client();
  // The handler does not settle, so only the caller's own timer can end it.
  const own = await thrownBy(remote.deaf(undefined, { timeout: 10 }));
  alive(() => remote.release());
  // A caller without a timer receives the callee's response.
  const raw = await lab.raw();
  await raw.frame(K.REQUEST, 1, request(WAIT, value(null, deadline(10))));
  const answer = await raw.error();
  alive(() => echoes(raw, 3));
  return [own, answer];
});
callRow("the reply cannot be decoded", (remote) => remote.fail("unreadable"));

const Other = protocol({
  name: "other",
  server: {
    echo: serverStream<void, void>(),
    gone: unary<void, void>(),
    release: unary<void, void>(),
  },
});
for (
  const [name, method] of [
    ["the callee does not have the method", "gone"],
    ["the callee has the method with another shape", "echo"],
  ] as const
) {
  row(name, async ({ addr }, alive) => {
    const session = await connect(Other, addr);
    alive(() => session.remote.release());
    alive(() => session.close());
    return await thrownBy(
      method === "gone" ? session.remote.gone() : all(session.remote.echo()),
    );
  });
}

/** Makes the 32 calls that a server with `maxCalls: 32` accepts. */
async function fillSlots(
  remote: Awaited<ReturnType<OpenLab["client"]>>["remote"],
  lab: OpenLab,
): Promise<Promise<unknown>[]> {
  const calls = Array.from({ length: 32 }, () => remote.wait());
  for (const call of calls) call.catch(() => {});
  await lab.waiting(32);
  return calls;
}

row("the deadline passes before the call is sent", async (lab, alive) => {
  const { remote } = await lab.client();
  await fillSlots(remote, lab);
  const error = await thrownBy(remote.echo(1, { timeout: 20 }));
  const echo = remote.echo("alive");
  const [served] = lab.opened;
  assert(served);
  const other = await lab.client();
  await other.remote.release();
  alive(async () => assertEquals(await echo, "alive"));
  return error;
}, { limits: { maxCalls: 32 } });

row("more than `maxQueuedBytes` are queued", async (lab, alive) => {
  const { remote } = await lab.client({ maxQueuedBytes: 1 });
  await fillSlots(remote, lab);
  const queued = remote.echo("alive");
  const error = await thrownBy(remote.echo(2));
  const other = await lab.client();
  await other.remote.release();
  alive(async () => assertEquals(await queued, "alive"));
  return error;
}, { limits: { maxCalls: 32 } });

row(
  "a call waits longer than `queueTimeout` to be sent",
  async (lab, alive) => {
    const { remote } = await lab.client({ queueTimeout: 20 });
    await fillSlots(remote, lab);
    const error = await thrownBy(remote.echo(1));
    const other = await lab.client();
    await other.remote.release();
    alive(async () => assertEquals(await remote.echo("alive"), "alive"));
    return error;
  },
  { limits: { maxCalls: 32 } },
);

/** Answers the next call as a raw peer. */
async function answer(raw: RawPeer): Promise<void> {
  const { id } = await raw.until(K.REQUEST);
  await raw.frame(K.RESULT, id, value("alive"));
}

/** Makes a call as a raw peer, which is handled. */
async function echoes(raw: RawPeer, id: number): Promise<void> {
  await raw.frame(K.REQUEST, id, request(ECHO, value("alive")));
  while ((await raw.until(K.RESULT)).id !== id);
}

const PART = new Uint8Array(16_384);
for (
  const [name, parts, limits] of [
    ["a request has more than `maxFragments` fragments", 3, {
      maxFragments: 2,
    }],
    ["a request is slower than `minReadRate` for too long", 1, {
      assemblyTimeout: 50,
    }],
  ] as const
) {
  row(name, async (lab, alive) => {
    const raw = await lab.raw();
    for (let n = 0; n < parts; n++) await raw.frame(K.REQUEST, 1, PART, MORE);
    const error = await raw.error();
    alive(async () => {
      await raw.frame(K.REQUEST, 1, PART); // further fragments are dropped
      await echoes(raw, 3);
    });
    return error;
  }, { limits });
}

row("a request exceeds what is left of `maxAssembly`", async (lab, alive) => {
  const raw = await lab.raw();
  // Half of `maxAssembly` is for requests, and the first one fills it.
  await raw.frame(K.REQUEST, 1, request(ECHO, PART), MORE);
  for (let n = 1; n < 4; n++) await raw.frame(K.REQUEST, 1, PART, MORE);
  await raw.frame(K.REQUEST, 3, PART, MORE);
  const error = await raw.error();
  alive(async () => {
    await raw.frame(K.REQUEST, 3, PART); // further fragments are dropped
    await raw.frame(K.CANCEL, 1, Uint8Array.of(0));
    await echoes(raw, 5);
  });
  return error;
}, { limits: { maxAssembly: 131_072 } });

row("a result is dropped because of `memory`", async (lab, alive) => {
  // Handlers of the method are entered at once if it has returned little.
  const first = (await lab.client()).remote;
  const returned = first.wait();
  await lab.waiting(1);
  await first.release();
  await returned;
  const input = value(new Uint8Array(72_000));
  for (let n = 0; n < 2; n++) {
    const other = await lab.raw();
    for (const id of [1, 3, 5, 7, 9]) {
      await other.frame(K.REQUEST, id, request(WAIT, input));
    }
  }
  await lab.waiting(11);
  const raw = await lab.raw(true, dial(lab.server, { capacity: 16_000 }));
  for (let id = 1; id < 80; id += 2) { // it does not read the results
    const small = value(new Uint8Array(5_000));
    await raw.frame(K.REQUEST, id, request(ECHO, small));
  }
  const error = await raw.error();
  alive(() => echoes(raw, 81));
  return error;
}, { memory: 2_097_152 });

row("a peer has more calls in flight than `maxCalls`", async (lab, alive) => {
  const raw = await lab.raw();
  for (let i = 0; i < 33; i++) {
    await raw.frame(K.REQUEST, 2 * i + 1, request(WAIT, value(undefined)));
  }
  const error = await raw.error();
  const other = await lab.client();
  await lab.waiting(32);
  await other.remote.release();
  alive(async () => {
    await raw.until(K.RESULT);
    await echoes(raw, 999);
  });
  return error;
}, { limits: { maxCalls: 32 } });

row("a request waits longer than `queueTimeout`", async (lab, alive) => {
  const raw = await lab.raw();
  const large = value(new Uint8Array(70_000));
  await raw.frame(K.REQUEST, 1, request(WAIT, large));
  await raw.frame(K.REQUEST, 3, request(WAIT, value(undefined)));
  const error = await raw.error();
  const other = await lab.client();
  await lab.waiting(1);
  await other.remote.release();
  alive(() => echoes(raw, 999));
  return error;
}, { limits: { maxInputs: 65_536, queueTimeout: 50 } });

/** Limits with which a few unread items leave no credit for others. */
const LITTLE_SPACE: Partial<SessionLimits> = {
  itemsWindow: 65_536,
  maxAssembly: 131_072,
  maxMessage: 65_536,
  streamWindow: 131_072,
  unreadTimeout: 50,
};

row(
  "a stream is unread while others need its space",
  async (lab, alive) => {
    // The caller reads one of its streams to its end, and not the other.
    const { remote } = await lab.client(LITTLE_SPACE);
    const unread = remote.items(200);
    const read = await thrownBy(all(remote.items(200)));
    assertEquals((read as Outcome).code, "internal"); // as items() ends
    const own = await thrownBy(all(unread));
    // The handler of one stream reads, that of the other does not.
    const raw = await lab.raw();
    const item = value(new Uint8Array(16_000));
    await raw.frame(K.REQUEST, 1, request(HOLD, Uint8Array.of(0, 0)));
    for (let n = 0; n < 4; n++) await raw.frame(K.ITEM, 1, item);
    await raw.frame(K.REQUEST, 3, request(SUM, Uint8Array.of(0, 0)));
    const answer = await raw.error();
    alive(async () => {
      await raw.frame(K.ITEM, 3, value(7));
      await raw.frame(K.END, 3);
      await raw.until(K.RESULT);
    });
    return [own, answer];
  },
  { limits: LITTLE_SPACE },
);

/** Drains a session without and with `retryAfter`, while a call is in flight. */
async function eachDrain(
  lab: OpenLab,
  alive: (check: () => unknown) => void,
  call: (
    session: Awaited<ReturnType<OpenLab["client"]>>,
    drain: () => void,
  ) => Promise<unknown>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const [index, retryAfter] of [0, 250].entries()) {
    const session = await lab.client();
    const inFlight = session.remote.wait();
    await lab.waiting(index + 1);
    const drain = () => {
      const drained = lab.opened.at(-1)?.drain({ retryAfter });
      alive(() => drained);
    };
    const error = await call(session, drain);
    assertInstanceOf(error, CallError);
    assertEquals(error.retryAfter, retryAfter);
    errors.push(error);
    alive(() => inFlight);
  }
  const other = await lab.client();
  await other.remote.release();
  return errors;
}

row(
  "the peer drains",
  (lab, alive) =>
    eachDrain(lab, alive, async ({ remote, draining }, drain) => {
      drain();
      await aborted(draining);
      return await thrownBy(remote.echo(1));
    }),
);

row(
  "a handler ends its stream because of a drain",
  (lab, alive) =>
    eachDrain(lab, alive, async ({ remote }, drain) => {
      const ticks = remote.ticks()[Symbol.asyncIterator]();
      assertEquals((await ticks.next()).value, 0);
      drain();
      return await thrownBy(ticks.next());
    }),
);

row(
  "the server drains while a source is read",
  async (lab, alive) => {
    const { remote } = await lab.client();
    const inFlight = remote.wait();
    await lab.waiting(1);
    const items = remote.sourced(1)[Symbol.asyncIterator]();
    assertEquals((await items.next()).value, 1);
    const drained = lab.opened.at(-1)?.drain();
    const error = await thrownBy(items.next());
    const other = await lab.client();
    await other.remote.release();
    alive(() => Promise.all([drained, inFlight]));
    return error;
  },
);

callRow(
  "items of a source are missing",
  (remote) => all(remote.sourced(3)),
);

row(
  "the peer sends an item that the shape does not allow",
  async (lab, alive) => {
    const listener = await listen({ port: 0 });
    const connecting = lab.client({}, await dialSocket(listener.addr));
    const raw = new RawPeer(await listener.accept());
    await raw.hello({ role: 1 });
    const { remote } = await connecting;
    const failed = thrownBy(remote.echo(1));
    const { id } = await raw.until(K.REQUEST);
    await raw.frame(K.ITEM, id, value(1));
    const error = await failed;
    await raw.until(K.CANCEL);
    await raw.frame(K.RESULT, id, value(1)); // late, and dropped
    alive(async () => {
      const echo = remote.echo("alive");
      await answer(raw);
      assertEquals(await echo, "alive");
      await raw[Symbol.asyncDispose]();
      listener.close();
    });
    return error;
  },
);

row("the connection is lost during the call", async (lab) => {
  const connection = await dialSocket(lab.addr);
  const { remote } = await lab.client({}, connection);
  const failed = thrownBy(remote.wait());
  await lab.waiting(1);
  connection.close();
  return await failed;
});

row("the connection is lost before the call is sent", async (lab) => {
  const connection = await dialSocket(lab.addr);
  const { remote } = await lab.client({}, connection);
  await fillSlots(remote, lab);
  const failed = thrownBy(remote.echo("queued"));
  connection.close();
  return await failed;
}, { limits: { maxCalls: 32 } });

row("the session has ended before the call", async (lab) => {
  const session = await lab.client();
  await session.close();
  return await thrownBy(session.remote.echo(1));
});

// ── sessions ─────────────────────────────────────────────────────────────

const onlyAda = (credentials: unknown) => {
  if (credentials === "eve") {
    throw new CallError("No", { code: "unauthenticated" });
  }
  if (credentials === "slow") return new Promise(() => {});
  return credentials;
};

row(
  "the credentials are refused",
  ({ addr }) => thrownBy(connect(Lab, addr, { credentials: "eve" })),
  { authenticate: onlyAda },
);

row("the credentials of an early call are refused", async ({ addr }) => {
  const session = await connect(Lab, addr, { credentials: "eve", early: true });
  return await thrownBy(session.remote.echo(1));
}, { authenticate: onlyAda });

row("the handshake of an early call is refused", async ({ addr }) => {
  const codecs = [json()] as const; // not supported by the server
  const otherCodec = await connect(Lab, addr, { codecs, early: true });
  const another = await connect(Lab, addr, { early: true });
  return await Promise.all(
    [otherCodec, another].map(({ remote }) => thrownBy(remote.echo(1))),
  );
}, { maxSessions: 1 }); // occupied by the bystander

row("refreshed credentials are refused", async (lab) => {
  const session = await lab.client();
  await thrownBy(session.refresh("eve"));
  return await session.finished;
}, { authenticate: onlyAda });

row(
  "refreshed credentials take longer than `handshakeTimeout`",
  async (lab) => {
    const session = await lab.client();
    await thrownBy(session.refresh("slow"));
    return await session.finished;
  },
  { authenticate: onlyAda, limits: { handshakeTimeout: 50 } },
);

row(
  "authentication takes longer than `handshakeTimeout`",
  ({ addr }) => thrownBy(connect(Lab, addr, { credentials: "slow" })),
  { authenticate: onlyAda, limits: { handshakeTimeout: 50 } },
);

row(
  "the peer does not send HELLO in time",
  async (lab) => await (await lab.raw(false)).goaway(),
  { limits: { handshakeTimeout: 50 } },
);

row("the peer speaks another protocol", async (lab) => {
  const raw = await lab.raw(false);
  await raw.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  return await raw.goaway();
});

row("the peer speaks another version", async (lab) => {
  const raw = await lab.raw(false);
  await raw.hello({ major: 2 });
  return await raw.goaway();
});

row("the peer uses another codec", async (lab) => {
  const raw = await lab.raw(false);
  await raw.hello({ codec: "cbor" });
  return await raw.goaway();
});

let statesMade = 0;
row(
  "the server's own `state()` fails",
  ({ addr }) => thrownBy(connect(Lab, addr)),
  {
    state: () => {
      // The bystander's state is created first.
      if (statesMade++ > 0) throw new Error("no state");
    },
  },
);

row("a frame is longer than allowed", async (lab) => {
  const raw = await lab.raw();
  await raw.send(Uint8Array.of(0x00, 0xff, 0xff, 0xff));
  return await raw.goaway();
});

row("a frame is of an unknown kind", async (lab) => {
  const raw = await lab.raw();
  await raw.frame(0x7f, 0);
  return await raw.goaway();
});

row("a frame is started but not finished", async (lab) => {
  const raw = await lab.raw();
  await raw.send(Uint8Array.of(0, 0, 0, 100, K.REQUEST));
  return await lab.opened.at(-1)?.finished;
}, { limits: { assemblyTimeout: 50 } });

row("the byte stream ends within a frame", async (lab) => {
  const raw = await lab.raw();
  await raw.send(Uint8Array.of(0, 0, 0, 100, K.REQUEST));
  raw.connection.close();
  return await lab.opened.at(-1)?.finished;
});

row("items arrive without credit", async (lab) => {
  const raw = await lab.raw();
  const goaway = raw.goaway();
  await raw.frame(K.REQUEST, 1, request(HOLD, Uint8Array.of(0, 0)));
  const item = value(new Uint8Array(16_000));
  for (let i = 0; i < 4; i++) await raw.frame(K.ITEM, 1, item);
  return await goaway;
});

row("a peer accepts no bytes", async (lab) => {
  const [near, far] = memoryPair({ capacity: 1024 });
  const raw = new RawPeer(near);
  const served = lab.server.accept(far);
  await raw.hello({ methods: METHODS, streamWindow: 1 << 30 });
  await raw.until(K.HELLO);
  await raw.frame(K.REQUEST, 1, request(ITEMS, value(1_000_000)));
  const error = await lab.opened.at(-1)?.finished;
  raw.connection.close();
  await served;
  return error;
}, { limits: { writeStall: 50 } });

row("a peer is silent for all heartbeats", async (lab) => {
  const raw = await lab.raw();
  return await raw.goaway();
}, { limits: { heartbeat: 200, heartbeatMisses: 1 } });

row(
  "the server already has `maxSessions` sessions",
  ({ addr }) => thrownBy(connect(Lab, addr)),
  { maxSessions: 1 }, // occupied by the bystander
);

row("the sessions of one end hold more than its `memory`", async (lab) => {
  const raw = await lab.raw();
  for (let i = 0; i < 3; i++) {
    const large = value(new Uint8Array(100_000));
    await raw.frame(K.REQUEST, 2 * i + 1, request(WAIT, large));
  }
  return await raw.goaway();
}, { memory: 1_048_576 }); // a session may hold a quarter

// ── the tables ───────────────────────────────────────────────────────────

const documented = tableRows("Errors");

function compare(outcomes: readonly Outcome[], cells: string[]): void {
  const [code, processed = "", retry = ""] = cells;
  for (const outcome of outcomes) {
    // The table names the class of errors that are not a CallError.
    const named = outcome.name === "CodecError" ? undefined : outcome.code;
    assertEquals(named ?? outcome.name, code);
    if (retry === "as thrown") {
      const { retry, retryAfter } = outcome;
      assertEquals({ retry, retryAfter }, THROWN);
    }
  }
  const advice = outcomes.map(({ retry }) => retry);
  if (retry !== "as thrown" && retry !== "") {
    const documented = retry.split(", ");
    const each = documented.length === 1 ? advice.map(() => retry) : documented;
    assertEquals(advice, each, "retry");
  }
  if (processed === "") return;
  const seen = outcomes.map(({ processed }) => processed);
  const expected = processed.split(", ");
  assertEquals(
    seen,
    expected.length === 1 ? seen.map(() => processed) : expected,
    "processed",
  );
}

Deno.test("the tables of errors have the same rows as these tests", () => {
  assertEquals([...rows.keys()].sort(), [...documented.keys()].sort());
});

for (const [name, { options, run }] of rows) {
  Deno.test(name, async () => {
    await using lab = await openLab(options);
    const bystander = await lab.client();
    const checks: (() => unknown)[] = [];
    const outcome = await run(lab, (check) => void checks.push(check));
    const outcomes = Array.isArray(outcome) ? outcome : [outcome];
    compare(outcomes as Outcome[], documented.get(name) ?? []);
    for (const check of checks) await check();
    assertEquals(await bystander.remote.echo("alive"), "alive");
  });
}
