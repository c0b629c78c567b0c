/**
 * The program of the attacked server.
 *
 * @module
 */
import { serve } from "../../lib/messages/server/server.ts";
import type { Server } from "../../lib/messages/server/server_types.ts";
import type { VictimOptions, VictimReport } from "./attack.ts";
import { runCommands } from "./control.ts";
import { heldBytes, MemorySampler } from "./memory.ts";
import { pause } from "./raw_peer.ts";
import { Target } from "./target.ts";

/** Size of a large result or item. */
const BIG = 1_000_000;

const memory = new MemorySampler();
const handlers = { running: 0, most: 0 };
let server: Server<typeof Target> | undefined;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Counts a handler while it runs. */
async function counted(work: Promise<void>): Promise<void> {
  handlers.most = Math.max(handlers.most, ++handlers.running);
  await work;
  handlers.running--;
}

/** Starts a server; returns its port. */
async function start(options: VictimOptions): Promise<number> {
  const { limits, maxSessions, authentication } = options;
  server = await serve(Target, { hostname: "127.0.0.1", port: 0 }, {
    limits,
    maxSessions,
    authenticate: authentication === undefined
      ? undefined
      : async (credentials) => {
        if (credentials !== "bystander") await pause(authentication);
        return undefined;
      },
    onError: () => {},
  }).handle({
    echo: (value) => value,
    // The input stays reachable until the call ends.
    async hold(input, { signal }) {
      await counted(aborted(signal));
      if (input === signal) throw new Error("unreachable");
    },
    big: () => new Uint8Array(BIG).fill(1),
    async bigLater() {
      await pause(10);
      return new Uint8Array(BIG).fill(1);
    },
    fail() {
      throw new Error("broken");
    },
    async back(_, { remote }) {
      await remote.called(new Uint8Array(1000));
    },
    async up(_items, { signal }) {
      await counted(aborted(signal));
      return 0;
    },
    async read(items) {
      let count = 0;
      for await (const _ of items) count++;
      return count;
    },
    async *down() {
      for (;;) yield new Uint8Array(BIG).fill(1);
    },
    async *both(items) {
      for await (const _ of items) yield new Uint8Array(1000);
    },
    note: () => counted(pause(10)),
    drain(_, { session }) {
      session.drain();
    },
    async subscribe(_, { session }) {
      const topic = session.server.topic("flood");
      topic.subscribe(session);
      for (let at = 0; at < 200; at++) {
        topic.publish.noted(new Uint8Array(100_000));
        await pause(1);
      }
    },
  });
  const { addr } = server;
  if (!("port" in addr)) throw new Error("The server does not use TCP");
  return addr.port;
}

await runCommands({
  start,
  async stop() {
    await server?.shutdown({ grace: 0 });
    server = undefined;
  },
  /** Begins to measure. */
  measure() {
    handlers.most = 0;
    memory.start();
  },
  /** Ends measuring. */
  measured: (): VictimReport => ({
    held: memory.stop(),
    handlers: handlers.most,
  }),
  held: heldBytes,
});
