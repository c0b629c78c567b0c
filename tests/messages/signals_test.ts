/**
 * The `signal` of a handler, for every shape: its reason is a `CallError` with
 * the cause, and generators are left.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { CallOptions } from "../../lib/messages/protocol/client_types.ts";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import {
  ANSWERING,
  type Answering,
  type Asked,
  ASKING,
  type Asking,
  type EveryContext,
  type EveryHandlers,
  everyShape,
} from "./every_shape.ts";
import { aborted, all, failureOf } from "./kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Handlers of every shape that wait until their call is cancelled. */
function waiting() {
  const entered = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const reasons: unknown[] = [];
  const beyond: string[] = [];
  const enter = ({ signal }: EveryContext) => {
    signal.addEventListener("abort", () => reasons.push(signal.reason));
    entered.resolve();
  };
  const handlers: EveryHandlers = {
    async one(_, context) {
      enter(context);
      await aborted(context.signal);
      left.resolve();
      throw context.signal.reason;
    },
    note() {},
    async *down(_, context) {
      enter(context);
      try {
        yield 1;
        await aborted(context.signal);
        yield 2; // the generator is left here
        beyond.push("down");
      } finally {
        left.resolve();
      }
    },
    async up(items, context) {
      enter(context);
      try {
        for await (const _ of items);
        beyond.push("up");
        return 0;
      } finally {
        left.resolve();
      }
    },
    async *both(items, context) {
      enter(context);
      try {
        for await (const item of items) yield item;
        beyond.push("both");
      } finally {
        left.resolve();
      }
    },
  };
  return { handlers, entered, left, reasons, beyond };
}

/** Calls that their callers do not end; with items, the first one is sent. */
const CALLS: Readonly<
  Record<Answering, (asked: Asked, options: CallOptions) => Promise<unknown>>
> = {
  one: ({ one }, options) => one(1, options),
  down: ({ down }, options) => all(down(1, options)),
  async up({ up }, options) {
    const call = up(undefined, options);
    await call.send(1);
    return await call.result;
  },
  async both({ both }, options) {
    const call = both(undefined, options);
    await call.send(1);
    return await all(call);
  },
};

type Pair = Awaited<ReturnType<typeof everyShape>>;

interface Cause {
  /** Code of the reason that the handler sees. */
  readonly reason: string;
  /** Code of the error that the caller receives. */
  readonly failure: string;
  /** The callers for which it can happen. */
  readonly asks: readonly Asking[];
  readonly options?: CallOptions;
  readonly limits?: { drainGrace: number };
  /** Makes it happen. */
  cause(pair: Pair, controller: AbortController): unknown;
}

const CAUSES: readonly Cause[] = [
  {
    reason: "cancelled",
    failure: "cancelled",
    asks: ASKING,
    cause: (_, controller) => controller.abort(),
  },
  {
    reason: "deadline",
    failure: "deadline",
    asks: ASKING,
    options: { timeout: 100 }, // the handler must have been entered by then
    cause() {},
  },
  {
    reason: "disconnected",
    failure: "disconnected",
    asks: ASKING,
    cause: ({ asking }) => asking.close(),
  },
  {
    reason: "unavailable",
    failure: "unavailable",
    asks: ["client"], // only servers drain
    limits: { drainGrace: 20 },
    cause: ({ server }) => server.shutdown(),
  },
];

async function checkReason(
  { reason, failure, options = {}, limits = { drainGrace: 10_000 }, cause }:
    Cause,
  asks: Asking,
  shape: Answering,
): Promise<void> {
  const { handlers, entered, left, reasons, beyond } = waiting();
  await using pair = await everyShape(asks, handlers, { limits });
  const controller = new AbortController();
  const { signal } = controller;
  const failed = failureOf(CALLS[shape](pair.asked, { ...options, signal }));
  await entered.promise;
  const done = cause(pair, controller);
  await left.promise;
  assertEquals((await failed).code, failure);
  await done;
  assertEquals(reasons.length, 1);
  const [why] = reasons;
  assert(why instanceof CallError);
  assertEquals([why.code, why.method], [reason, shape]);
  assertEquals(beyond, [], "the handler continued after it waited");
  assertEquals(pair.list, [], "no incident is reported");
}

for (const cause of CAUSES) {
  for (const asks of cause.asks) {
    for (const shape of ANSWERING) {
      Deno.test(
        `signal of a ${shape}() handler called by the ${asks} has the reason ${cause.reason}`,
        none,
        async () => {
          await checkReason(cause, asks, shape);
        },
      );
    }
  }
}
