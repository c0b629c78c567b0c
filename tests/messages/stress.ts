/**
 * A server whose handlers do as they are ordered, and what must be true when
 * all is over: each handler that was entered has settled, and no session, open
 * or closed, holds anything.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Peer, peerOf } from "../../lib/messages/connection/peer.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import type {
  Server,
  ServerSession,
} from "../../lib/messages/server/server_types.ts";
import type { SessionLimits } from "../../lib/messages/session/wire/limits.ts";
import { aborted, turns } from "./kit.ts";

/** What a handler is to do. */
export interface Order {
  /** Of the call that carries it: there is one of each. */
  readonly id: number;
  readonly mode: "ok" | "throw" | "declared" | "wait" | "refuse";
  readonly size: number;
  /** Makes the request itself large. */
  readonly padding: Uint8Array;
}

/** A method of each shape, and one that calls back. */
export const Stress = protocol({
  name: "stress",
  server: {
    unary: unary<Order, Uint8Array, { no: void }>(),
    serverStream: serverStream<Order, Uint8Array, { no: void }>(),
    clientStream: clientStream<Uint8Array, number, { no: void }, Order>(),
    duplex: duplex<Uint8Array, number, { no: void }, Order>(),
    notification: notification<Order>(),
    back: unary<Order, Uint8Array>(),
  },
  client: { echo: unary<Order, Uint8Array>() },
});

/** The client's handlers. */
export const echo = ({ mode, size }: Order): Uint8Array => {
  if (mode === "throw") throw new Error("broken");
  return new Uint8Array(size);
};

/** What of a call's context an order needs. */
interface Acting {
  readonly signal: AbortSignal;
  error(name: "no"): CallError;
  refuse(code: "forbidden", message: string): CallError;
}

/** Does what was ordered. */
async function act({ mode }: Order, context: Acting): Promise<void> {
  if (mode === "wait") throw await aborted(context.signal);
  if (mode === "throw") throw new Error("broken");
  if (mode === "declared") throw context.error("no");
  if (mode === "refuse") throw context.refuse("forbidden", "No");
}

/** A client names itself with a number: then the two ends of a session find each other. */
export type StressServer = Server<typeof Stress, number>;

/** A server, its handlers, and what became of calls and sessions. */
export class Handlers {
  /** Sessions that were opened, by what their clients named themselves. */
  readonly sessions: Map<number, ServerSession<typeof Stress, number>> =
    new Map();
  readonly #entered: Set<number> = new Set();
  #settled = 0;
  readonly #unprocessed: number[] = [];

  #enter({ id }: Order): void {
    assert(!this.#entered.has(id), `call ${id} is handled twice`);
    this.#entered.add(id);
  }

  async #counted<Result>(
    order: Order,
    work: () => Promise<Result>,
  ): Promise<Result> {
    this.#enter(order);
    try {
      return await work();
    } finally {
      this.#settled++;
    }
  }

  async *#countedItems<Item>(
    order: Order,
    items: AsyncIterable<Item>,
  ): AsyncGenerator<Item, void> {
    this.#enter(order);
    try {
      yield* items;
    } finally {
      this.#settled++;
    }
  }

  /** A server of these handlers. */
  serve(limits: Partial<SessionLimits> = {}): StressServer {
    return createServer(Stress, {
      unary: (order, context) =>
        this.#counted(order, async () => {
          await act(order, context);
          return new Uint8Array(order.size);
        }),
      serverStream: (order, context) =>
        this.#countedItems(order, give(order, context)),
      clientStream: (items, context) =>
        this.#counted(context.opening, async () => {
          let bytes = 0;
          for await (const length of lengths(items, context)) bytes += length;
          return bytes;
        }),
      duplex: (items, context) =>
        this.#countedItems(context.opening, lengths(items, context)),
      notification: (order) =>
        this.#counted(order, () => {
          if (order.mode === "throw") throw new Error("broken");
          return Promise.resolve();
        }),
      back: (order, { remote }) =>
        this.#counted(order, async () => await remote.echo(order)),
    }, {
      limits,
      onError() {},
      authenticate: Number,
      onSession: (session) => void this.sessions.set(session.auth, session),
    });
  }

  /** A call has failed: gives with what. */
  failed(id: number, error: unknown): string {
    assert(error instanceof CallError, `call ${id} failed with ${error}`);
    if (error.processed === "no") this.#unprocessed.push(id);
    return error.code;
  }

  /** Once all is over. */
  check(): void {
    assertEquals(this.#settled, this.#entered.size, "handlers that settled");
    const wrong = this.#unprocessed.filter((id) => this.#entered.has(id));
    assertEquals(wrong, [], "calls that were handled, and failed as if not");
  }
}

async function* give(
  order: Order,
  context: Acting,
): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 5; i++) yield new Uint8Array(order.size);
  await act(order, context);
}

async function* lengths(
  items: AsyncIterable<Uint8Array>,
  context: Acting & { readonly opening: Order },
): AsyncGenerator<number> {
  for await (const item of items) {
    yield item.length;
    if (context.opening.mode !== "ok") await act(context.opening, context);
  }
}

// ── what a session holds ─────────────────────────────────────────────────

/** What is under way when all calls have settled has come after so many turns of the event loop. */
const TURNS = 1000;

async function soon(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < TURNS && !isSo(); n++) await turns();
}

/** Sees that nothing is in flight once handlers have settled, and nothing held. */
export async function holdsNothing(publicSession: object): Promise<void> {
  const peer = peerOf(publicSession);
  assert(peer);
  const { session } = peer;
  await soon(() => isIdle(peer));
  assert(isIdle(peer), `it has calls in flight: ${session.state}`);
  const { callCredit: _, requestCredit, requestOwed, ...held } =
    session.accounts;
  const { connectionWindow } = session.limits;
  assertEquals(requestCredit + requestOwed, connectionWindow);
  assertEquals(held, {
    backlog: 0,
    itemBacklog: 0,
    creditPool: connectionWindow,
    assembling: 0,
    timers: 0,
    blocked: 0,
    waitingForSpace: 0,
  });
  if (session.state === "open") return;
  assertEquals(session.wakeAt, Infinity);
  await peer.closed;
}

function isIdle({ session, notifications }: Peer): boolean {
  const { outgoing, incoming, queued } = session.inFlight;
  return outgoing + incoming + queued + notifications.size === 0;
}

/** Of two ends that are idle and open: the credit that one has and what the other still owes it are all there is. */
export async function creditAddsUp(one: object, other: object): Promise<void> {
  for (const [caller, callee] of [[one, other], [other, one]] as const) {
    const [from, to] = [peerOf(caller)?.session, peerOf(callee)?.session];
    assert(from && to);
    const credit = () => from.accounts.callCredit + to.accounts.requestOwed;
    const whole = to.limits.connectionWindow;
    await soon(() => credit() === whole);
    assertEquals(credit(), whole);
  }
}
