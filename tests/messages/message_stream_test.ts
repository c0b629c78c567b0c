import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as z from "zod";
import { FrameError } from "../../lib/framing/errors.ts";
import { lines } from "../../lib/framing/layouts/lines.ts";
import { u32be } from "../../lib/framing/length_presets.ts";
import { connect } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { bytes } from "../../lib/messages/codec/bytes.ts";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import { json } from "../../lib/messages/codec/json.ts";
import {
  messages,
  type MessagesOptions,
  type MessageStream,
} from "../../lib/messages/message_stream.ts";
import {
  SchemaError,
  type StandardSchema,
} from "../../lib/messages/schema/standard_schema.ts";
import { inVirtualTime, turns } from "./kit.ts";

const PURE = { permissions: "none" } as const;

function pair<In, Out>(
  options: MessagesOptions<In, Out> = {},
  link: Parameters<typeof memoryPair>[0] = {},
): [MessageStream<unknown, unknown>, MessageStream<In, Out>] {
  const [near, far] = memoryPair(link);
  const { framing, codec } = options;
  return [
    messages(near, {
      ...(framing && { framing }),
      ...(codec && { codec }),
    }),
    messages(far, options),
  ];
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const received: T[] = [];
  for await (const message of stream) received.push(message);
  return received;
}

/** A schema that validates asynchronously. */
function later<T>(
  check: (value: unknown) => value is T,
): StandardSchema<unknown, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        await Promise.resolve();
        return check(value) ? { value } : { issues: [{ message: "no" }] };
      },
    },
  };
}

const isNumber = (value: unknown): value is number => typeof value === "number";

Deno.test(
  "messages() carries messages in order, in both directions",
  PURE,
  async () => {
    const sent = [
      1,
      "two",
      { three: [3n, new Date(3)] },
      undefined,
      null,
      new Uint8Array(3),
    ];
    const [near, far] = pair();
    await using _near = near, _far = far;
    for (const message of sent) await near.send(message);
    for (const message of sent.toReversed()) await far.send(message);
    await Promise.all([near.closeWrite(), far.closeWrite()]);
    assertEquals(await collect(far), sent);
    assertEquals(await collect(near), sent.toReversed());
    assertEquals(await near.next(), { done: true, value: undefined });
  },
);

Deno.test(
  "messages() works with reads of any size and messages larger than any buffer",
  PURE,
  async () => {
    const sent = [0, 10, 2000, 2150, 5000, 70_000, 600_000].map((length) => ({
      text: "é".repeat(length),
      data: new Uint8Array(length).fill(length & 0xff),
    }));
    const [near, far] = pair({}, {
      readSize: { min: 1, max: 9000 },
      writeSize: { min: 1, max: 9000 },
      capacity: 5000,
    });
    await using _near = near, _far = far;
    const received = collect(far);
    for (const message of sent) await near.send(message);
    await near.closeWrite();
    assertEquals(await received, sent);
  },
);

Deno.test("messages() works over TCP, with any framing and codec", async () => {
  await using listener = await listen({ port: 0 });
  const accepted = listener.accept();
  await using client = messages<string, number>(
    await connect({ port: listener.addr.port! }),
    { framing: lines(), codec: json() },
  );
  await using server = messages<number, string>(await accepted, {
    framing: lines(),
    codec: json(),
  });
  for (let number = 0; number < 500; number++) await client.send(number);
  await client.closeWrite();
  for await (const number of server) await server.send(`got ${number}`);
  await server.closeWrite();
  const answers = await collect(client);
  assertEquals([answers.length, answers[499]], [500, "got 499"]);
});

Deno.test(
  "next() may be called several times at once: the calls run in order",
  PURE,
  async () => {
    const [near, far] = pair({
      codec: bytes({ binary: "borrow" }),
      schema: later((value): value is Uint8Array =>
        value instanceof Uint8Array
      ),
    });
    await using _near = near, _far = far;
    const ahead = [far.next(), far.next(), far.next()].map(async (result) => {
      const { value } = await result;
      return value?.slice();
    });
    await near.send(Uint8Array.of(1));
    await near.send(Uint8Array.of(2, 2));
    await near.closeWrite();
    assertEquals(await Promise.all(ahead), [
      Uint8Array.of(1),
      Uint8Array.of(2, 2),
      undefined,
    ]);
  },
);

Deno.test("a new loop continues after one that was left", PURE, async () => {
  const [near, far] = pair();
  await using _near = near, _far = far;
  for (const message of [1, 2, 3]) await near.send(message);
  await near.closeWrite();
  for await (const message of far) {
    assertEquals(message, 1);
    break;
  }
  assertEquals(await collect(far), [2, 3]);
});

Deno.test(
  "next() throws for a message that cannot be decoded, and continues with the next one",
  PURE,
  async () => {
    const [near, far] = pair();
    await using _near = near, _far = far;
    await near.send("before");
    near.frames.write(Uint8Array.of(0xc1));
    await near.send("after");
    assertEquals((await far.next()).value, "before");
    const ahead = [far.next(), far.next()];
    await assertRejects(() => ahead[0]!, CodecError, "byte 0xc1");
    assertEquals((await ahead[1]!).value, "after");
    assertEquals(far.invalid, 1);
  },
);

Deno.test(
  "schema validates received messages, outgoingSchema sent ones",
  PURE,
  async () => {
    const [near, far] = pair({
      schema: z.object({ sku: z.string(), count: z.number().default(1) }),
      outgoingSchema: z.string(),
    });
    await using _near = near, _far = far;
    await near.send({ sku: "A" });
    await near.send({ sku: 1 });
    await near.send({ sku: "B", count: 2 });
    assertEquals((await far.next()).value, { sku: "A", count: 1 });
    const error = await assertRejects(() => far.next(), SchemaError);
    assertEquals(error.issues[0]?.path, ["sku"]);
    assertEquals((await far.next()).value, { sku: "B", count: 2 });
    // deno-lint-ignore no-explicit-any -- as in a program without types
    await assertRejects(() => far.send(5 as any), SchemaError);
    await far.send("five");
    assertEquals((await near.next()).value, "five");
  },
);

Deno.test(
  "send() sends the output of outgoingSchema",
  PURE,
  async () => {
    const [near, far] = memoryPair();
    await using receiver = messages(near);
    await using sender = messages(far, {
      outgoingSchema: z.object({
        sku: z.string().transform((sku) => sku.length),
        count: z.number().default(1),
      }),
    });
    await sender.send({ sku: "four" });
    assertEquals((await receiver.next()).value, { sku: 4, count: 1 });
  },
);

Deno.test(
  "send() rejects when it is called while another message is encoded",
  PURE,
  async () => {
    const [near, far] = pair();
    await using _near = near, _far = far;
    const inner: Promise<unknown>[] = [];
    const outer = {
      before: "b".repeat(100),
      get inside() {
        inner.push(assertRejects(() => near.send("inner"), Error, "encoded"));
        return 1;
      },
    };
    await near.send(outer);
    await near.send("after");
    await Promise.all(inner);
    assertEquals(inner.length, 1);
    assertEquals((await far.next()).value, {
      before: outer.before,
      inside: 1,
    });
    assertEquals((await far.next()).value, "after");
  },
);

Deno.test(
  "send() waits for a peer that never reads until the signal ends it",
  PURE,
  async () => {
    const [near, far] = memoryPair({ capacity: 100 });
    const abort = new AbortController();
    await using stream = messages(near, {
      highWaterMark: 0,
      signal: abort.signal,
    });
    const sends = [1, 2, 3].map(() => stream.send("x".repeat(1000)));
    const settled = Promise.allSettled(sends);
    abort.abort(new Error("enough"));
    for (const { status } of await settled) assertEquals(status, "rejected");
    far.close();
  },
);

Deno.test(
  "next() throws the error of a schema that fails, and continues with the next message",
  PURE,
  async () => {
    let calls = 0;
    const [near, far] = pair<unknown, unknown>({
      schema: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value) => {
            if (calls++ === 0) throw new RangeError("a bug");
            return { value };
          },
        },
      },
    });
    await using _near = near, _far = far;
    await near.send(1);
    await near.send(2);
    await assertRejects(() => far.next(), RangeError, "a bug");
    assertEquals((await far.next()).value, 2);
    assertEquals(far.invalid, 0);
  },
);

Deno.test(
  "onInvalid is called for invalid messages, and the loop continues",
  PURE,
  async () => {
    const errors: string[] = [];
    const [near, far] = pair({
      schema: z.number(),
      onInvalid: ({ name }) => errors.push(name),
    });
    await using _near = near, _far = far;
    for (const message of [1, "bad", 2]) await near.send(message);
    near.frames.write(new Uint8Array(0));
    await near.send(3);
    await near.closeWrite();
    assertEquals(await collect(far), [1, 2, 3]);
    assertEquals(errors, ["SchemaError", "CodecError"]);
    assertEquals(far.invalid, 2);
  },
);

Deno.test(
  "asynchronous schemas keep the order, also after a rejection",
  PURE,
  async () => {
    const [near, far] = pair({
      outgoingSchema: later(isNumber),
      schema: later(isNumber),
    });
    await using _near = near, _far = far;
    const bad = "bad" as unknown as number; // as in a program without types
    const settled = Promise.allSettled(
      [1, bad, 2].map((message) => far.send(message)),
    );
    await far.closeWrite();
    assertEquals((await settled).map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    assertEquals(await collect(near), [1, 2]);
  },
);

Deno.test(
  "send() rejects for a value that cannot be encoded, and sends nothing of it",
  PURE,
  async () => {
    const [near, far] = pair();
    await using _near = near, _far = far;
    await near.send("before");
    await assertRejects(
      () => near.send({ bad: new Map() }),
      CodecError,
      "at bad",
    );
    await near.send("after");
    await near.closeWrite();
    assertEquals(await collect(far), ["before", "after"]);
  },
);

Deno.test(
  "send() rejects for a message longer than a frame, and sends the next one",
  PURE,
  async () => {
    const framing = u32be({ maxFrameLength: 1000 });
    const [near, far] = pair({ framing });
    await using _near = near, _far = far;
    for (const length of [1001, 5000]) {
      await assertRejects(() => near.send("x".repeat(length)), FrameError);
    }
    await near.send("y".repeat(990));
    await near.closeWrite();
    assertEquals((await collect(far)).length, 1);
  },
);

Deno.test(
  "next() throws the same error again when the stream violates the framing",
  PURE,
  async () => {
    const [connection, far] = memoryPair();
    await using stream = messages(far);
    await connection.write(
      Uint8Array.of(0, 0, 0, 1, 7, 0xff, 0xff, 0xff, 0xff),
    );
    assertEquals((await stream.next()).value, 7);
    for (let again = 0; again < 3; again++) {
      await assertRejects(() => stream.next(), FrameError);
    }
    connection.close();
  },
);

Deno.test(
  "next() throws when the stream ends within a message",
  PURE,
  async () => {
    const [connection, far] = memoryPair();
    await using stream = messages(far);
    await connection.write(Uint8Array.of(0, 0, 0, 5, 1));
    await connection.closeWrite();
    const error = await assertRejects(() => stream.next(), FrameError);
    assertEquals(error.code, "truncated");
    connection.close();
  },
);

Deno.test("send() waits while the peer does not read", PURE, async () => {
  const [near, far] = pair({}, { capacity: 1000 });
  const stream = messages(near.frames.connection, { highWaterMark: 4096 });
  await using _near = stream, _far = far;
  let settled = 0;
  const sends = Array.from(
    { length: 20 },
    () => stream.send(new Uint8Array(1000)).then(() => void settled++),
  );
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(settled >= 3 && settled < 20, `${settled} of 20 settled`);
  assert(stream.frames.unsent > 4096);
  const received = collect(far);
  await Promise.all(sends);
  await stream.closeWrite();
  assertEquals((await received).length, 20);
  assertEquals(settled, 20);
});

Deno.test(
  "await using flushes and closes, which ends the peer's stream",
  PURE,
  async () => {
    const [near, far] = pair();
    {
      await using stream = near;
      await stream.send("last words");
    }
    assertEquals(await collect(far), ["last words"]);
    await assertRejects(() => near.send("too late"));
    await far[Symbol.asyncDispose]();
    await far[Symbol.asyncDispose]();
  },
);

Deno.test(
  "close() ends a pending next() and closes the connection",
  PURE,
  async () => {
    const [near, far] = pair();
    const waiting = far.next();
    far.close();
    assertEquals(await waiting, { done: true, value: undefined });
    near.close();
    await near.flush().catch(() => {});
  },
);

Deno.test("signal ends the stream with its reason", PURE, async () => {
  const [near, far] = memoryPair();
  const abort = new AbortController();
  const stream = messages(far, { signal: abort.signal });
  const waiting = stream.next();
  abort.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  near.close();
});

Deno.test("messages() throws for options out of range", PURE, () => {
  const [near, far] = memoryPair();
  assertThrows(() => messages(near, { highWaterMark: -1 }), RangeError);
  near.close();
  far.close();
});

Deno.test(
  "messages() receives a last line of JSON without a line ending",
  PURE,
  async () => {
    const [near, far] = memoryPair();
    const received = messages<number[]>(far, {
      codec: json(),
      framing: lines({ finalLine: true }),
    });
    await near.write(new TextEncoder().encode("[1]\n[2]"));
    await near.closeWrite();
    assertEquals(await Array.fromAsync(received), [[1], [2]]);
    await received[Symbol.asyncDispose]();
    await near[Symbol.asyncDispose]();
  },
);

const onlyOne = later((value): value is 1 => value === 1);

function framed(...bodies: number[]): Uint8Array {
  return new Uint8Array(bodies.flatMap((body) => [0, 0, 0, 1, body]));
}

/** Returns a stream whose peer writes bytes after some turns. */
function receives(
  body: Uint8Array,
  options: MessagesOptions = {},
): MessageStream<unknown, unknown> {
  const [near, far] = memoryPair();
  turns(5).then(() => far.write(body));
  return messages(near, options);
}

/** The code of an application, whose name its errors must show. */
const WAITS: Readonly<Record<string, () => Promise<unknown>>> = {
  async "next() for a malformed body"() {
    return await receives(framed(0xc1)).next();
  },
  async "the second next() for a malformed body"() {
    const stream = receives(framed(1, 0xc1));
    stream.next();
    return await stream.next();
  },
  async "a loop that receives a malformed body"() {
    const stream = receives(framed(1, 0xc1));
    for await (const message of stream) assertEquals(message, 1);
  },
  async "next() for an invalid message"() {
    const options = { schema: onlyOne };
    return await receives(framed(2), options).next();
  },
  async "next() for a frame that is too long"() {
    return await receives(new Uint8Array(4).fill(255)).next();
  },
  async "read() for a frame that is too long"() {
    return await receives(new Uint8Array(4).fill(255)).frames.read();
  },
  async "send() of an invalid message"() {
    const [, near] = pair<unknown, unknown>({ outgoingSchema: onlyOne });
    return await near.send(2);
  },
  async "a second send() of an invalid message"() {
    const [, near] = pair<unknown, unknown>({ outgoingSchema: onlyOne });
    near.send(1);
    return await near.send(2);
  },
  async "send() of a body that cannot be encoded after another message"() {
    const [, near] = pair<unknown, unknown>({
      outgoingSchema: later((value): value is unknown => value !== undefined),
    });
    near.send(1);
    return await near.send(() => {});
  },
};

for (const [name, wait] of Object.entries(WAITS)) {
  Deno.test(
    `the error of ${name} shows the code that awaits it`,
    PURE,
    async () => {
      const { stackTraceLimit } = Error;
      // After a timer, functions of the runtime come before the one that waits.
      Error.stackTraceLimit = 2 * stackTraceLimit;
      try {
        const error = await assertRejects(wait, Error);
        assert(error.stack?.includes(` ${name} `), error.stack);
      } finally {
        Error.stackTraceLimit = stackTraceLimit;
      }
    },
  );
}

Deno.test(
  "send() keeps the order when a later message is validated first",
  PURE,
  async () => {
    const first = Promise.withResolvers<void>();
    const [near, far] = pair<unknown, number>({
      outgoingSchema: {
        "~standard": {
          version: 1,
          vendor: "test",
          async validate(value) {
            if (value === 1) await first.promise;
            return value === 2 ? { issues: [{ message: "no" }] } : { value };
          },
        },
      },
    });
    const sent = [1, 2, 3].map((value) => far.send(value));
    await assertRejects(() => sent[1]!, SchemaError);
    const last = far.send(4);
    first.resolve();
    await Promise.all([sent[0], sent[2], last]);
    await far.closeWrite();
    assertEquals(await collect(near), [1, 3, 4]);
  },
);

Deno.test(
  "send() encodes at once what is validated at once, also after others",
  PURE,
  async () => {
    const waits: (() => void)[] = [];
    const [near, far] = pair<unknown, unknown>({
      outgoingSchema: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate(value) {
            if (!(value instanceof Array)) return { value };
            return new Promise((resolve) =>
              waits.push(() => resolve({ value: value.length }))
            );
          },
        },
      },
    });
    const sent = [1, 2].map((length) => far.send(Array(length)));
    waits[0]!();
    await sent[0];
    sent.push(far.send({ n: 3 })); // after the second one
    waits[1]!();
    await Promise.all(sent);
    await turns();
    const changed = { n: 4 };
    far.send(changed);
    changed.n = 5;
    await far.closeWrite();
    assertEquals(await collect(near), [1, 2, { n: 3 }, { n: 4 }]);
  },
);

Deno.test(
  "dispose waits for validation, but not for a peer that never reads",
  PURE,
  inVirtualTime(async () => {
    const [near, far] = memoryPair({ capacity: 16 });
    const stream = messages(far, {
      outgoingSchema: later((value): value is string => value !== ""),
      highWaterMark: 8,
      linger: 1_000,
    });
    const sent = stream.send("a message that does not fit");
    await stream[Symbol.asyncDispose]();
    await assertRejects(() => sent);
    near.close();
  }),
);

Deno.test("send() waits above highWaterMark, and not at it", PURE, async () => {
  for (const [highWaterMark, waits] of [[9, false], [8, true]] as const) {
    const [near, far] = memoryPair({ toServer: { capacity: 1 } });
    const stream = messages(near, {
      ...{ framing: u32be(), codec: json(), highWaterMark },
    });
    let sent = false;
    const sending = stream.send("abc").then(() => sent = true); // 4 + 5 bytes
    await turns(5);
    assertEquals(sent, !waits, `${highWaterMark}`);
    far.close();
    await sending.catch(() => {});
    near.close();
  }
});
