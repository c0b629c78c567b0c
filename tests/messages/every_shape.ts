/**
 * A protocol with a method of every shape on either side, and both sides of it
 * in memory.
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

/** What either side has in every context. */
export type EveryContext = CallContext<unknown, unknown>;
/** Handlers that both sides can have. */
export type EveryHandlers<Extra extends object = Record<never, never>> =
  Handlers<typeof Every, "server", EveryContext & Extra>;
/** What either side asks the other. */
export type Asked = Remote<typeof Every, "server">;
/** Who asks. */
export type Asking = "client" | "server";
/** The shapes that have an answer. */
export type Answering = "one" | "down" | "up" | "both";

/** Both, for tables. */
export const ASKING: readonly Asking[] = ["client", "server"];
/** Methods whose calls have an answer. */
export const ANSWERING: readonly Answering[] = ["one", "down", "up", "both"];

/** Calls each method with 2, once or as its one item, and gives all that it answers. */
export const CALLS: Readonly<
  Record<Answering, (asked: Asked, options: CallOptions) => Promise<number[]>>
> = {
  one: async ({ one }, options) => [await one(2, options)],
  down: ({ down }, options) => all(down(2, options)),
  up: async ({ up }, options) => [await up([2], options).result],
  both: ({ both }, options) => all(both([2], options)),
};

/** Handlers that do something with a number, whatever the shape. */
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

/** A client and a server, of which one asks the other, whose handlers and options these are. */
export async function everyShape<Extra extends object>(
  asks: Asking,
  handlers: EveryHandlers<Extra>,
  options: SessionOptions<Extra>,
) {
  const idle = handlersOf(() => 0);
  const { list, onError } = incidents();
  const handling = { onError, ...options };
  // Whichever side handles has the handlers and the options.
  const server = asks === "client"
    ? createServer<typeof Every, undefined, undefined, Extra>(
      Every,
      handlers,
      handling,
    )
    : createServer(Every, idle);
  const client = asks === "client"
    ? await connect(Every, dial(server), { handlers: idle })
    : await connect<typeof Every, Extra>(Every, dial(server), {
      handlers,
      ...handling,
    });
  const [served] = server.sessions;
  if (served === undefined) throw new Error("The session is open");
  return {
    asked: asks === "client" ? client.remote : served.remote,
    list,
    server,
    /** The session of the side that asks. */
    asking: asks === "client" ? client : served,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.shutdown();
    },
  };
}
