/**
 * The library's client against a server in another language: every shape and
 * every way in which a call can end.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, equal } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  CallError,
  type ClientSession,
  connect,
  SessionError,
  type SessionLimits,
} from "@lengthwise/lengthwise";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import {
  K,
  MORE,
  NO_VALUE,
  RawPeer,
  request,
  value,
} from "../messages/raw_peer.ts";
import { WithGhost, WithOddShape } from "./protocol.ts";
import { alternations, Tap, totals } from "./tap.ts";

/** Input of a scenario. */
interface ScenarioInput {
  /** Session shared by all scenarios. */
  readonly session: ClientSession<typeof WithGhost>;
  /** Methods of the session. */
  readonly remote: ClientSession<typeof WithGhost>["remote"];
  /** Alerts that the server has sent. */
  readonly alerts: number[];
  /** Ports of servers with default limits, small ones, and little memory for items. */
  readonly ports: readonly [usual: number, small: number, scarce: number];
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

/** Connects, and records the frames. */
async function dialTapped(
  port: number,
  options: DialOptions = {},
): Promise<{ session: ClientSession<typeof WithGhost>; tap: Tap }> {
  const tap = new Tap(await dialSocket({ port }));
  const session = await connect(WithGhost, tap, {
    ...options,
    handlers: HANDLERS,
  });
  return { session, tap };
}

async function failure(promise: Promise<unknown>): Promise<CallError> {
  return await assertRejects(() => promise, CallError);
}

/** Sends items and END; returns the size that the server has received. */
async function upload(
  remote: ScenarioInput["remote"],
  { pause, size, n }: { pause: number; size: number; n: number },
): Promise<number> {
  const items = Array.from({ length: n }, () => new Uint8Array(size));
  return await remote.upload(items, { opening: { pause } }).result;
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
  async "the frames of large requests alternate"(
    { ports: [, small] },
  ) {
    const { session, tap } = await dialTapped(small, {
      limits: { maxFrameBody: 16_384 },
    });
    const values = [0, 1, 2, 3, 4, 5].map((number) =>
      new Uint8Array(150_000).fill(number)
    );
    const large = values.map(async (value) =>
      equal(await session.remote.echo(value), value)
    );
    assertEquals(await session.remote.echo("small"), "small");
    const requests = tap.sent.filter(({ kind }) => kind === K.REQUEST);
    const before = requests.findIndex(({ body }) => body.length < 100);
    assert(before <= 9, `${before} frames`); // 128 KiB could be written before it
    assertEquals(await Promise.all(large), values.map(() => true));
    assert(alternations(tap.sent, K.REQUEST) >= 12);
    assert(totals(tap.received, K.WINDOW, 0).length > 0); // the window is less
    await session.close();
  },
  async "a request of one frame passes large ones that wait"(
    { ports: [, , scarce] },
  ) {
    const { session, tap } = await dialTapped(scarce);
    const value = new Uint8Array(60_000).fill(7);
    const large = Array.from(
      { length: 8 },
      async () => equal(await session.remote.echo(value), value),
    );
    assertEquals(await session.remote.echo("small"), "small");
    const requests = tap.sent.filter(({ kind }) => kind === K.REQUEST);
    const before = requests.findIndex(({ body }) => body.length < 100);
    assert(before <= 9, `${before} frames`); // of 33; as above
    assert((await Promise.all(large)).every((equal) => equal));
    // One large request at a time fits into 65,536 bytes.
    requests.splice(before, 1);
    assertEquals(alternations(requests, K.REQUEST), 0);
    await session.close();
  },
  async "totals stay exact in long streams"({ ports: [usual] }) {
    const { session, tap } = await dialTapped(usual);
    const { remote } = session;
    const items = await sizes(remote.count({ n: 6000, size: 1000 }));
    assertEquals(items.length, 6000);
    const charges = 6000 * (2 + 3 + 1000 + 64);
    const [id] = tap.sent.filter(({ kind }) => kind === K.REQUEST).map((
      { id },
    ) => id);
    assert(totals(tap.sent, K.CREDIT, id ?? 0).at(-1)! > charges);
    assert(totals(tap.sent, K.WINDOW, 2).at(-1)! > charges);
    assertEquals(
      await upload(remote, { pause: 0, size: 1000, n: 6000 }),
      6_000_000,
    );
    assert(totals(tap.received, K.CREDIT, (id ?? 0) + 2).at(-1)! > charges);
    assert(totals(tap.received, K.WINDOW, 2).at(-1)! > charges);
    await session.close();
  },
  async "notifications wait for their own credit"({ ports: [, small] }) {
    const { session, tap } = await dialTapped(small);
    const { remote } = session;
    await remote.look();
    const lines = Array.from(
      { length: 200 },
      (_, n) => `${n} ${"x".repeat(n % 50 === 25 ? 50_000 : 500)}`,
    );
    const sending = lines.map((line) => remote.log(line));
    assertEquals(await remote.echo("passes"), "passes");
    const last = tap.received.findLast(({ kind }) => kind === K.RESULT);
    await Promise.all(sending);
    assertEquals(await until(remote, 200), lines);
    const granted = totals(tap.received, K.WINDOW, 1);
    assert(granted.at(-1)! > 300_000);
    // The call has returned before most of the notifications were sent.
    const before = tap.received.slice(0, tap.received.indexOf(last!));
    assert(totals(before, K.WINDOW, 1).length < granted.length / 2);
    await session.close();
  },
  async "loans help the stream that is read"({ ports: [usual] }) {
    const { session, tap } = await dialTapped(usual, { limits: TIGHT });
    const { remote } = session;
    const unread = await Promise.all(
      Array.from({ length: 4 }, () => begun(remote, { n: 20, size: 20_000 })),
    );
    assertEquals(
      await sizes(remote.count({ n: 20, size: 40_000 })),
      Array(20).fill(40_000),
    );
    for (const rest of unread) assertEquals(await rest(), 19);
    assert(totals(tap.sent, K.WINDOW, 2).length > 0);
    await session.close();
  },
  async "the stream that was unread longest ends as a last resort"(
    { ports: [usual] },
  ) {
    const { session } = await dialTapped(usual, {
      limits: {
        ...TIGHT,
        maxMessage: 65_536,
        maxAssembly: 131_072,
        unreadTimeout: 300,
      },
    });
    const { remote } = session;
    const unread = await Promise.all(
      Array.from({ length: 6 }, () => begun(remote, { n: 20, size: 20_000 })),
    );
    assertEquals(
      await sizes(remote.count({ n: 20, size: 40_000 })),
      Array(20).fill(40_000),
    );
    const ends = await Promise.allSettled(unread.map((rest) => rest()));
    const failed = ends.filter(({ status }) => status === "rejected");
    assert(failed.length > 0 && failed.length < 6, `${failed.length} failed`);
    for (const end of ends) {
      if (end.status === "fulfilled") assertEquals(end.value, 19);
      else {assertEquals([end.reason.code, end.reason.retry], [
          ...["overloaded", "later"],
        ]);}
    }
    await session.close();
  },
  async "the server helps the stream that it reads"({ ports: [, small] }) {
    const { session, tap } = await dialTapped(small);
    const { remote } = session;
    const controller = new AbortController();
    const unread = Array.from({ length: 20 }, () => {
      const call = remote.upload(
        Array.from({ length: 10 }, () => new Uint8Array(3000)),
        { opening: { pause: 60_000 }, signal: controller.signal },
      );
      return failure(call.result);
    });
    await remote.echo(1);
    assertEquals(
      await upload(remote, { pause: 0, size: 40_000, n: 20 }),
      800_000,
    );
    assert(totals(tap.received, K.WINDOW, 2).length > 0);
    controller.abort();
    for (const end of unread) assertEquals((await end).code, "cancelled");
    assertEquals(
      await upload(remote, { pause: 0, size: 40_000, n: 5 }),
      200_000,
    );
    await session.close();
  },
  async "the server ends an unread stream as a last resort"(
    { ports: [, , scarce] },
  ) {
    const { session } = await dialTapped(scarce);
    const { remote } = session;
    const controller = new AbortController();
    const ends: CallError[] = [];
    const unread = Array.from({ length: 6 }, async () => {
      const call = remote.upload(
        Array.from({ length: 10 }, () => new Uint8Array(20_000)),
        { opening: { pause: 60_000 }, signal: controller.signal },
      );
      ends.push(await failure(call.result));
    });
    await remote.echo(1);
    assertEquals(
      await upload(remote, { pause: 0, size: 40_000, n: 10 }),
      400_000,
    );
    assert(ends.length > 0 && ends.length < 6, `${ends.length} ended`);
    for (const { code, processed, retry } of ends) {
      assertEquals([code, processed, retry], ["overloaded", "maybe", "later"]);
    }
    controller.abort();
    await Promise.all(unread);
    await session.close();
  },
  async "cancelled streams return the credit for all items"(
    { ports: [, small] },
  ) {
    const { session, tap } = await dialTapped(small, { limits: TIGHT });
    const { remote } = session;
    for (let stream = 0; stream < 20; stream++) {
      for await (const _ of remote.count({ n: 10, size: 10_000 })) break;
    }
    for (let stream = 0; stream < 20; stream++) {
      const call = remote.upload(undefined, { opening: { pause: 60_000 } });
      const end = failure(call.result);
      for (let item = 0; item < 3; item++) {
        await call.send(new Uint8Array(2000));
      }
      call.cancel();
      assertEquals((await end).code, "cancelled");
    }
    for (const frames of [tap.sent, tap.received]) {
      assert(totals(frames, K.WINDOW, 2).length > 0);
    }
    assertEquals((await sizes(remote.count({ n: 9, size: 10_000 }))).length, 9);
    assertEquals(await upload(remote, { pause: 0, size: 9, n: 9 }), 81);
    await session.close();
  },
  async "late items return the credit for all items"({ ports: [, small] }) {
    await using raw = new RawPeer(await dialSocket({ port: small }));
    await raw.hello({ methods: [["total", 3], ["echo", 0]] });
    await raw.frame(K.REQUEST, 1, request(0, new Uint8Array(2)));
    await raw.frame(K.END, 1);
    await raw.until(K.RESULT);
    for (let item = 0; item < 10; item++) { // more than itemsWindow, 65,536 bytes
      await raw.frame(K.ITEM, 1, value(new Uint8Array(16_000)));
    }
    await raw.frame(K.REQUEST, 3, request(1, value(7)));
    assertEquals((await raw.until(K.RESULT)).body, value(7));
  },
  async "items without a value are skipped"({ ports: [usual] }) {
    await using raw = new RawPeer(await dialSocket({ port: usual }));
    await raw.hello({ methods: [["upload", 3]] });
    const gap = concat([Uint8Array.of(0, 20, 0x07, 0, 17), new Uint8Array(17)]);
    await raw.frame(K.REQUEST, 1, request(0, value({ pause: 0 })));
    for (const number of [1, 2, 3]) {
      await raw.frame(K.ITEM, 1, value(new Uint8Array(number)));
      await raw.frame(K.ITEM, 1, gap, NO_VALUE);
    }
    await raw.frame(K.END, 1);
    assertEquals((await raw.until(K.RESULT)).body, value(6));
    const critical = new Uint8Array([0, 3, 0x81, 0, 0]);
    const frames = [
      [[gap, NO_VALUE | MORE]],
      [[critical, NO_VALUE]],
      [[new Uint8Array(2), MORE], [gap, NO_VALUE]],
    ] as const;
    for (const [index, items] of frames.entries()) {
      const id = 3 + 2 * index;
      await raw.frame(K.REQUEST, id, request(0, value({ pause: 0 })));
      for (const [body, flags] of items) {
        await raw.frame(K.ITEM, id, body, flags);
      }
      assertEquals(await raw.error(), {
        ...{ code: "malformed", processed: "maybe", retry: "never" },
      });
    }
  },
  async "items beyond the credit for all end the connection"(
    { ports: [, small] },
  ) {
    await using raw = new RawPeer(await dialSocket({ port: small }));
    await raw.hello({ methods: [["upload", 3], ["echo", 0]] });
    const ids = [1, 3, 5, 7, 9, 11];
    for (const id of ids) {
      await raw.frame(K.REQUEST, id, request(0, value({ pause: 60_000 })));
      await raw.frame(K.ITEM, id, value(new Uint8Array(9))); // is taken
    }
    await raw.frame(K.REQUEST, 13, request(1, value(1)));
    await raw.until(K.RESULT);
    for (const id of ids) { // 5 × 16,000 bytes are more than 65,536; no handler waits
      await raw.frame(K.ITEM, id, value(new Uint8Array(16_000)));
    }
    assertEquals(await raw.goaway(), { code: "flow-control" });
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
      [K.CREDIT, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 100)],
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
    assertEquals((await session.finished).code, "closed");
  },
};

/** Limits with which a few streams use up the credit for all items. */
const TIGHT = {
  maxFrameBody: 16_384,
  streamWindow: 32_768,
  maxStreamWindow: 32_768,
  itemsWindow: 65_536,
};

/** Begins a stream and takes one item; returns how to count the other items. */
async function begun(
  remote: ScenarioInput["remote"],
  input: { n: number; size: number },
): Promise<() => Promise<number>> {
  const items = remote.count(input)[Symbol.asyncIterator]();
  await items.next();
  return async () => {
    let count = 0;
    while (!(await items.next()).done) count++;
    return count;
  };
}

/** Polls for `count` lines, which may be logged after their call has ended. */
async function until(
  remote: ScenarioInput["remote"],
  count: number,
): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(...await remote.look());
  return lines;
}
