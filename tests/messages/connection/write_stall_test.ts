/**
 * A transport that takes no more bytes ends the session after `writeStall`,
 * whatever was sent last: each command sets the timer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import type { ClientSession } from "../../../lib/messages/client/client_session.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import type {
  Server,
  ServerSession,
} from "../../../lib/messages/server/server_types.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { turns } from "../kit.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";

const none = { permissions: "none" } as const;

const P = protocol({
  name: "p",
  server: {
    ask: unary<void, string>(),
    note: notification<string>(),
    send: clientStream<string, void>(),
    watch: serverStream<void, string>(),
  },
  client: { alert: notification<string>() },
});

/** The silent heartbeat of both ends: only `writeStall` can end a session. */
const LIMITS = {
  writeStall: 40,
  heartbeat: 2 ** 31 - 1,
  pendingHeartbeat: 2 ** 31 - 1,
};

/** A connection whose writes never finish once `stalled` is set. */
class Stalling implements Connection {
  stalled = false;
  readonly localAddr: Connection["localAddr"];
  readonly remoteAddr: Connection["remoteAddr"];
  readonly #inner: Connection;

  constructor(inner: Connection) {
    this.#inner = inner;
    this.localAddr = inner.localAddr;
    this.remoteAddr = inner.remoteAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#inner.read(buffer);
  }

  write(data: Uint8Array): Promise<number> {
    return this.stalled ? new Promise(() => {}) : this.#inner.write(data);
  }

  closeWrite(): Promise<void> {
    return this.stalled ? new Promise(() => {}) : this.#inner.closeWrite();
  }

  close(): void {
    this.#inner.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface Ends {
  readonly session: ClientSession<typeof P>;
  readonly server: Server<typeof P>;
  readonly accepted: ServerSession<typeof P>;
  /** Ends the stream of the handler of `watch`. */
  readonly next: PromiseWithResolvers<void>;
  /** Lets the handler of `ask` return. */
  readonly answer: PromiseWithResolvers<string>;
}

/** Commands of each end that send frames, after which nothing else happens. */
const COMMANDS: {
  readonly [name: string]: {
    readonly stall: "client" | "server";
    /** Prepares the command before the transport stalls. */
    prepare?(ends: Ends): unknown;
    run(ends: Ends, prepared: unknown): void;
  };
} = {
  "a call": {
    stall: "client",
    run: ({ session }) => void session.remote.ask().catch(() => {}),
  },
  "a notification": {
    stall: "client",
    run: ({ session }) => void session.remote.note("hi").catch(() => {}),
  },
  "an item": {
    stall: "client",
    prepare: ({ session }) => session.remote.send(),
    run: (_, upload) =>
      void (upload as ReturnType<Ends["session"]["remote"]["send"]>) // made by prepare()
        .send("item").catch(() => {}),
  },
  "the end of items": {
    stall: "client",
    prepare: ({ session }) => session.remote.send(),
    run: (_, upload) =>
      void (upload as ReturnType<Ends["session"]["remote"]["send"]>) // made by prepare()
        .end().catch(() => {}),
  },
  "new credentials": {
    stall: "client",
    run: ({ session }) => void session.refresh("new").catch(() => {}),
  },
  "a result": {
    stall: "server",
    prepare: ({ session }) => void session.remote.ask().catch(() => {}),
    run: ({ answer }) => answer.resolve("done"),
  },
  "an item of a handler": {
    stall: "server",
    prepare: ({ session }) => {
      const reading = session.remote.watch()[Symbol.asyncIterator]().next();
      reading.catch(() => {});
    },
    run: ({ next }) => next.resolve(),
  },
  "a broadcast": {
    stall: "server",
    run: ({ server }) => void server.broadcast.alert("all"),
  },
  "a notification to the client": {
    stall: "server",
    run: ({ accepted }) => void accepted.remote.alert("hi").catch(() => {}),
  },
};

/** Returns the code with which the stalled end's session ends. */
async function endAfter(
  { stall, prepare, run }: (typeof COMMANDS)[string],
): Promise<string | undefined> {
  const next = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const entered = Promise.withResolvers<ServerSession<typeof P>>();
  const server = createServer(P, {
    limits: LIMITS,
    onSession: (session) => entered.resolve(session),
  }).handle({
    ask: () => answer.promise,
    note() {},
    async send(items) {
      for await (const _ of items);
    },
    async *watch() {
      await next.promise;
      yield "item";
    },
  });
  const [near, far] = memoryPair();
  const [client, accepting] = [new Stalling(near), new Stalling(far)];
  server.accept(accepting);
  const session = await connect(P, client, {
    handlers: { alert() {} },
    limits: LIMITS,
  });
  const accepted = await entered.promise;
  const ends = { session, server, accepted, next, answer };
  const prepared = await prepare?.(ends);
  await turns(20); // the prepared frames arrive
  (stall === "client" ? client : accepting).stalled = true;
  run(ends, prepared);
  const error = await (stall === "client" ? session : accepted).finished;
  next.resolve();
  answer.resolve("");
  await Promise.all([session.close(), server.shutdown()]);
  return error?.code;
}

Deno.test(
  "writeStall ends a session whatever command was last",
  none,
  async () => {
    const ends = await Promise.all(
      Object.entries(COMMANDS).map(async (
        [name, command],
      ) => [name, await endAfter(command)]),
    );
    const expected = Object.keys(COMMANDS).map((name) => [name, "unsent"]);
    assertEquals(ends, expected);
  },
);
