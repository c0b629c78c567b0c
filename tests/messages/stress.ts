/**
 * A server whose handlers follow orders, and the checks at the end of a test:
 * each handler that was entered has settled, and no session, open or closed,
 * holds any resource.
 *
 * @module
 */
import {
  accountsOf,
  heldBy,
  HOLDS_NOTHING,
  inFlightOf,
} from "./session/accounts.ts";
import { assert, assertEquals } from "@std/assert";
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
import { aborted, type AnyTypedSession, turns, typedSession } from "./kit.ts";

/** Instructions for a handler. */
export interface Order {
  /** Unique id of the call that carries the order. */
  readonly id: number;
  readonly mode: "ok" | "throw" | "declared" | "wait" | "refuse";
  readonly size: number;
  /** Bytes that make the request large. */
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

/** The part of a call context that an order needs. */
interface Acting {
  readonly signal: AbortSignal;
  error(name: "no"): CallError;
  refuse(message: string, options: { code: "forbidden" }): CallError;
}

/** Executes an order. */
async function act({ mode }: Order, context: Acting): Promise<void> {
  if (mode === "wait") throw await aborted(context.signal);
  if (mode === "throw") throw new Error("broken");
  if (mode === "declared") throw context.error("no");
  if (mode === "refuse") throw context.refuse("No", { code: "forbidden" });
}

/** A server whose clients identify themselves by number, to match both ends. */
export type StressServer = Server<typeof Stress, number>;

/** A server, its handlers, and the outcomes of calls and sessions. */
export class Handlers {
  /** Sessions that were opened, by the number of their client. */
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

  /** Returns a server with these handlers. */
  serve(limits: Partial<SessionLimits> = {}): StressServer {
    return createServer(Stress, {
      limits,
      onError() {},
      authenticate: Number,
      onSession: (session) => void this.sessions.set(session.auth, session),
    }).handle({
      unary: (order, context) =>
        this.#counted(order, async () => {
          await act(order, context);
          return new Uint8Array(order.size);
        }),
      serverStream: (order, context) =>
        this.#countedItems(order, produce(order, context)),
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
    });
  }

  /** Records a failed call; returns the error code. */
  failed(id: number, error: unknown): string {
    assert(error instanceof CallError, `call ${id} failed with ${error}`);
    if (error.processed === "no") this.#unprocessed.push(id);
    return error.code;
  }

  /** Checks the handlers at the end of a test. */
  check(): void {
    assertEquals(this.#settled, this.#entered.size, "handlers that settled");
    const wrong = this.#unprocessed.filter((id) => this.#entered.has(id));
    assertEquals(
      wrong,
      [],
      'calls that were handled but failed with processed "no"',
    );
  }
}

async function* produce(
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

// ── resources of a session ───────────────────────────────────────────────

/** Turns of the event loop after which everything in transit has arrived. */
const TURNS = 1000;

async function soon(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < TURNS && !isSo(); n++) await turns();
}

/** Checks that a session has no call in flight and holds no resource. */
export async function holdsNothing(publicSession: object): Promise<void> {
  const peer = typedSession(publicSession);
  const { session } = peer;
  await soon(() => isIdle(peer));
  assert(isIdle(peer), `calls are in flight: ${session.state}`);
  const inside = peer.enter();
  assertEquals(heldBy(inside), HOLDS_NOTHING);
  const { requestsGranted, requestsOwed, raisePool } = accountsOf(inside);
  const { connectionWindow, itemsWindow } = session.limits;
  assertEquals(requestsGranted + requestsOwed, connectionWindow);
  assertEquals(raisePool, itemsWindow);
  if (session.state === "open") return;
  assertEquals(session.wakeAt, Infinity);
  await peer.closed;
}

function isIdle(peer: AnyTypedSession): boolean {
  const { outgoing, incoming, queued } = inFlightOf(peer.enter());
  return outgoing + incoming + queued + peer.notifications.size === 0;
}

/** Checks that the credit of two idle ends adds up to the whole window. */
export async function creditAddsUp(one: object, other: object): Promise<void> {
  for (const [caller, callee] of [[one, other], [other, one]] as const) {
    const [from, to] = [typedSession(caller), typedSession(callee)];
    const credit = () =>
      accountsOf(from.enter()).requestCredit +
      accountsOf(to.enter()).requestsOwed;
    const whole = to.session.limits.connectionWindow;
    await soon(() => credit() === whole);
    assertEquals(credit(), whole);
  }
}
