/**
 * The library's client against a server in another language: every shape and
 * every way in which a call can end.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, equal } from "@std/assert";
import {
  CallError,
  type ClientSession,
  connect,
  SessionError,
  type SessionLimits,
} from "@lengthwise/lengthwise";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import { K, MORE, RawPeer, request, value } from "../messages/raw_peer.ts";
import { WithGhost, WithOddShape } from "./protocol.ts";

/** Input of a scenario. */
interface ScenarioInput {
  /** Session shared by all scenarios. */
  readonly session: ClientSession<typeof WithGhost>;
  /** Methods of the session. */
  readonly remote: ClientSession<typeof WithGhost>["remote"];
  /** Alerts that the server has sent. */
  readonly alerts: number[];
  /** Ports of a server with the default limits, and of one with small ones. */
  readonly ports: readonly [usual: number, small: number];
}

interface DialOptions {
  readonly limits?: Partial<SessionLimits>;
  readonly credentials?: unknown;
  readonly early?: boolean;
}

/** Connects, and serves the methods that the server calls. */
export async function dial(
  port: number,
  options: DialOptions = {},
): Promise<{ session: ClientSession<typeof WithGhost>; alerts: number[] }> {
  const alerts: number[] = [];
  const session = await connect(WithGhost, { port }, {
    ...options,
    handlers: { ...HANDLERS, alert: (number) => void alerts.push(number) },
  });
  return { session, alerts };
}

const HANDLERS = {
  alert() {},
  answer: (question: string) => `${question}!`,
  async *numbers(n: number) {
    for (let number = 0; number < n; number++) yield number;
  },
};

async function failure(promise: Promise<unknown>): Promise<CallError> {
  return await assertRejects(() => promise, CallError);
}

async function sizes(items: AsyncIterable<Uint8Array>): Promise<number[]> {
  const found: number[] = [];
  for await (const item of items) found.push(item.length);
  return found;
}

/** Values of the codec's table that Python returns unchanged. */
const VALUES = [
  ...[undefined, null, true, 0, -1, 127, 128, 65_536, 2 ** 32 - 1, -(2 ** 31)],
  ...[1.5, 2 ** 40, Infinity, 5n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n],
  ...["", "é".repeat(40), new Uint8Array(0), new Uint8Array(70_000)],
  ...[[], [1, [2, [3]]], {}, { a: { b: [null] } }],
  ...[new Date(0), new Date(1_700_000_000_123), new Date(-1)],
];

/** Scenarios by name. */
export const SCENARIOS: Readonly<
  Record<string, (input: ScenarioInput) => Promise<void>>
> = {
  async "unary calls carry every kind of value"({ remote }) {
    for (const value of VALUES) {
      const came = await remote.echo(value);
      // A language with one integer type cannot distinguish 5n from 5.
      assertEquals(
        came,
        typeof value === "bigint" && value < 2n ** 32n && value >= 0n
          ? Number(value)
          : value,
      );
    }
  },
  async "many calls run at once"({ remote }) {
    const numbers = Array.from({ length: 500 }, (_, number) => number);
    assertEquals(
      await Promise.all(numbers.map((number) => remote.echo(number))),
      numbers,
    );
  },
  async "server streams end"({ remote }) {
    assertEquals(await sizes(remote.count({ n: 5, size: 10 })), [
      ...[10, 10, 10, 10, 10],
    ]);
  },
  async "client streams sum"({ remote }) {
    assertEquals(await remote.total([1, 2, 3]).result, 6);
  },
  async "duplex calls exchange items"({ remote }) {
    const call = remote.chat(undefined, { opening: "room 7" });
    const lines = call[Symbol.asyncIterator]();
    assertEquals((await lines.next()).value, "welcome to room 7");
    for (const line of ["one", "two"]) {
      await call.send(line);
      assertEquals((await lines.next()).value, line.toUpperCase());
    }
    await call.end();
    assertEquals((await lines.next()).done, true);
  },
  async "declared errors have data"({ remote }) {
    const error = await failure(remote.fail("declared"));
    assertEquals([error.code, error.declared], ["declared", "outOfStock"]);
    assertEquals([error.data, error.processed], [{ left: 2 }, "yes"]);
  },
  async "failures are incidents"({ remote }) {
    const error = await failure(remote.fail("internal"));
    assertEquals([error.code, error.processed], ["internal", "yes"]);
    assert(error.incident !== "" && !error.message.includes("hunter2"));
  },
  async "refusals contain the time to retry"({ remote }) {
    const { code, retry, retryAfter } = await failure(remote.fail("later"));
    assertEquals([code, retry, retryAfter], ["overloaded", "later", 2000]);
  },
  async "unknown methods are mismatches"({ session, remote }) {
    assertEquals(
      session.mismatches.map(({ method, reason }) => `${method}: ${reason}`),
      ["ghost: missing"],
    );
    const { code, processed } = await failure(remote.ghost());
    assertEquals([code, processed], ["unimplemented", "no"]);
  },
  async "different shapes are mismatches"({ ports: [usual] }) {
    const options = { handlers: HANDLERS };
    const session = await connect(WithOddShape, { port: usual }, options);
    assertEquals(session.mismatches, [
      { method: "log", side: "server", reason: "shape" },
    ]);
    const { code } = await failure(session.remote.log("x"));
    assertEquals(code, "unimplemented");
    await session.close();
  },
  async "cancels reach the handler"({ remote }) {
    await remote.look();
    const controller = new AbortController();
    const call = remote.slow(60_000, { signal: controller.signal });
    await remote.echo(1);
    controller.abort();
    assertEquals((await failure(call)).code, "cancelled");
    assertEquals(await until(remote, 1), ["slow was cancelled"]);
  },
  async "cancelled streams stop"({ remote }) {
    await remote.look();
    for await (const _ of remote.count({ n: 100_000, size: 1000 })) break;
    assertEquals(await until(remote, 1), ["count was cancelled"]);
  },
  async "deadlines end calls"({ remote }) {
    await remote.look();
    const error = await failure(remote.slow(60_000, { timeout: 50 }));
    assertEquals(error.code, "deadline");
    assertEquals(await until(remote, 1), ["slow was cancelled"]);
  },
  async "metadata and deadlines are sent"({ remote }) {
    let responseMetadata = {};
    const came = await remote.meta(undefined, {
      metadata: { lang: "dé" },
      timeout: 30_000,
      onMetadata: (metadata) => responseMetadata = { ...metadata },
    });
    assertEquals(came.metadata, { lang: "dé" });
    assert(came.left > 0 && came.left <= 30_000);
    assertEquals(responseMetadata, { answered: "yes" });
  },
  async "notifications arrive in order"({ remote }) {
    await remote.look();
    for (let number = 0; number < 50; number++) {
      await remote.log(`line ${number}`, { metadata: { suffix: "." } });
    }
    assertEquals(
      await until(remote, 50),
      Array.from({ length: 50 }, (_, number) => `line ${number}.`),
    );
  },
  async "the server calls back"({ remote, alerts }) {
    assertEquals(await remote.ask("well?"), "well?!");
    assertEquals(alerts, [0, 1, 2]);
    assertEquals(await remote.add(10), 45);
  },
  async "slow readers stop only the sender"({ remote }) {
    const stream = remote.count({ n: 1000, size: 1000 });
    const items = stream[Symbol.asyncIterator]();
    await items.next();
    assertEquals(await remote.echo("still here"), "still here");
    const sent = await remote.progress();
    assert(sent <= 33, `${sent} items of a charge of 1,069 in 32,768`);
    let count = 1;
    while (!(await items.next()).done) count++;
    assertEquals(count, 1000);
  },
  async "senders wait for slow readers"({ remote }) {
    const upload = remote.upload(undefined, { opening: { pause: 1 } });
    for (let count = 0; count < 100; count++) {
      await upload.send(new Uint8Array(1000));
    }
    await upload.end();
    assertEquals(await upload.result, 100_000);
  },
  async "messages larger than the window arrive"({ remote }) {
    assertEquals(await sizes(remote.count({ n: 2, size: 1_000_000 })), [
      ...[1_000_000, 1_000_000],
    ]);
    const upload = remote.upload([new Uint8Array(1_000_000)], {
      opening: { pause: 0 },
    });
    assertEquals(await upload.result, 1_000_000);
  },
  async "large messages are split and joined"({ remote }) {
    const value = Uint8Array.from({ length: 2_000_000 }, (_, at) => at);
    const came = await remote.echo(value);
    assert(came instanceof Uint8Array && came.length === value.length);
    assert(came.every((byte, at) => byte === value[at]));
  },
  async "small limits are respected"({ ports: [, small] }) {
    const limits = { maxFrameBody: 16_384, maxMessage: 1_000_000 };
    const { session } = await dial(small, {
      limits: { ...limits, streamWindow: 1024, maxStreamWindow: 1024 },
    });
    const { remote } = session;
    const value = new Uint8Array(20_000).fill(7);
    const came = await Promise.all(
      Array.from({ length: 50 }, () => remote.echo(value)),
    );
    assert(came.every((one) => equal(one, value)));
    assertEquals(await sizes(remote.count({ n: 3, size: 100_000 })), [
      ...[100_000, 100_000, 100_000],
    ]);
    const upload = remote.upload([value, value], { opening: { pause: 0 } });
    assertEquals(await upload.result, 40_000);
    await session.close();
  },
  async "heartbeats are answered"({ ports: [usual] }) {
    const { session } = await dial(usual, { limits: { heartbeat: 200 } });
    await session.remote.slow(400);
    assert(session.roundTrip !== undefined);
    await session.close();
  },
  async "early calls follow the HELLO"({ ports: [usual] }) {
    const { session } = await dial(usual, { early: true });
    assertEquals(await session.remote.echo("early"), "early");
    await session.close();
  },
  async "credentials are refused"({ ports: [usual] }) {
    const credentials = { token: "wrong" };
    const error = await assertRejects(
      () => dial(usual, { credentials }),
      SessionError,
    );
    assertEquals([error.code, error.remote], ["unauthenticated", true]);
  },
  async "credentials are refreshed"({ ports: [usual] }) {
    const { session } = await dial(usual, { credentials: { token: "right" } });
    await session.refresh({ token: "right too" });
    assertEquals(await session.remote.echo(1), 1);
    const error = await assertRejects(
      () => session.refresh({ token: "wrong" }),
      SessionError,
    );
    assertEquals(error.code, "unauthenticated");
  },
  async "a frame between the frames of its own REQUEST breaks the call"(
    { ports: [usual] },
  ) {
    await using raw = new RawPeer(await dialSocket({ port: usual }));
    await raw.hello({ methods: [["total", 3], ["echo", 0]] });
    const opening = request(0, value(1));
    const frames = [
      [K.ITEM, value(1)],
      [K.END, new Uint8Array()],
      [K.CREDIT, Uint8Array.of(0, 0, 0, 100)],
    ] as const;
    for (const [index, [kind, body]] of frames.entries()) {
      const id = 4 * index + 1;
      await raw.frame(K.REQUEST, id, opening.subarray(0, 3), MORE);
      await raw.frame(kind, id, body);
      await raw.frame(kind, id, body); // late
      assertEquals(await raw.error(), {
        ...{ code: "malformed", processed: "no", retry: "never" },
      });
      await raw.frame(K.REQUEST, id, opening.subarray(3)); // dropped
      await raw.frame(K.REQUEST, id + 2, request(1, value(7)));
      const result = await raw.until(K.RESULT);
      assertEquals([result.id, result.body], [id + 2, value(7)]);
    }
  },
  async "servers drain"({ ports: [usual] }) {
    const { session } = await dial(usual);
    const inflight = session.remote.slow(200);
    const draining = new Promise((resolve) =>
      session.draining.addEventListener("abort", resolve)
    );
    assertEquals(await session.remote.drain(), "draining");
    await draining;
    const { code, processed } = await failure(session.remote.echo(1));
    assertEquals([code, processed], ["unavailable", "no"]);
    assertEquals(await inflight, "slept");
    assertEquals(await session.finished, undefined);
  },
};

/** Polls for `count` lines, which may be logged after their call has ended. */
async function until(
  remote: ScenarioInput["remote"],
  count: number,
): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(...await remote.look());
  return lines;
}
