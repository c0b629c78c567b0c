/**
 * A protocol with a method of every shape on either side, and a connected client
 * and server in memory.
 *
 * @module
 */
import { connect } from "../../lib/messages/client/connect.ts";
import type { CallOptions } from "../../lib/messages/protocol/client_types.ts";
import type { CallContext } from "../../lib/messages/handlers/context.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import type {
  Handlers,
  Remote,
} from "../../lib/messages/protocol/protocol_types.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import type { SessionOptions } from "../../lib/messages/connection/session_options.ts";
import { all, dial, incidents } from "./kit.ts";

const METHODS = {
  one: unary<number, number>(),
  note: notification<number>(),
  down: serverStream<number, number>(),
  up: clientStream<number, number>(),
  both: duplex<number, number>(),
};

/** All five shapes, on either side. */
export const Every = protocol({
  name: "every",
  server: METHODS,
  client: METHODS,
});

/** The context that handlers of either side receive. */
export type EveryContext = CallContext<unknown, unknown>;
/** Handlers for either side. */
export type EveryHandlers<Extra extends object = Record<never, never>> =
  Handlers<typeof Every, "server", EveryContext & Extra>;
/** The remote of either side. */
export type Asked = Remote<typeof Every, "server">;
/** The side that calls. */
export type Asking = "client" | "server";
/** The methods that have a result. */
export type Answering = "one" | "down" | "up" | "both";

/** Both sides, for tables of tests. */
export const ASKING: readonly Asking[] = ["client", "server"];
/** All methods that have a result. */
export const ANSWERING: readonly Answering[] = ["one", "down", "up", "both"];

/** Calls a method with 2, as its input or only item; returns its results. */
export const CALLS: Readonly<
  Record<Answering, (asked: Asked, options: CallOptions) => Promise<number[]>>
> = {
  one: async ({ one }, options) => [await one(2, options)],
  down: ({ down }, options) => all(down(2, options)),
  up: async ({ up }, options) => [await up([2], options).result],
  both: ({ both }, options) => all(both([2], options)),
};

/** Returns handlers of every shape that apply `handle` to each number. */
export function handlersOf<Extra extends object>(
  handle: (given: number, context: EveryContext & Extra) => number,
): EveryHandlers<Extra> {
  return {
    one: handle,
    note: (given, context) => void handle(given, context),
    async *down(given, context) {
      yield await Promise.resolve(handle(given, context));
    },
    async up(items, context) {
      let last = 0;
      for await (const item of items) last = handle(item, context);
      return last;
    },
    async *both(items, context) {
      for await (const item of items) yield handle(item, context);
    },
  };
}

/** Connects a client and a server; the callee has the handlers and options. */
export async function everyShape(
  asks: Asking,
  handlers: EveryHandlers,
  options: SessionOptions,
) {
  const idle = handlersOf(() => 0);
  const { list, onError } = incidents();
  const handling = { onError, ...options };
  // The side that handles calls gets the handlers and options.
  const server = asks === "client"
    ? createServer(Every, handling).handle(handlers)
    : createServer(Every).handle(idle);
  const client = asks === "client"
    ? await connect(Every, dial(server), { handlers: idle })
    : await connect(Every, dial(server), {
      handlers,
      ...handling,
    });
  const [served] = server.sessions;
  if (served === undefined) throw new Error("The server has no session");
  return {
    asked: asks === "client" ? client.remote : served.remote,
    list,
    server,
    /** The session of the calling side. */
    asking: asks === "client" ? client : served,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.shutdown();
    },
  };
}
