/**
 * The program of the attacked server.
 *
 * @module
 */
import { forwardSessions, type SessionGateway } from "../../lib/forward/mod.ts";
import { fetchHandler } from "../../lib/http/mod.ts";
import { memoryOnceStore } from "../../lib/messages/once/memory_once_store.ts";
import { serve } from "../../lib/messages/server/server.ts";
import type { Server } from "../../lib/messages/server/server_types.ts";
import type { SocketAddress } from "../../lib/transport/connection.ts";
import { source } from "../../lib/messages/sources/source.ts";
import { upgradeWebSocket } from "../../lib/transport/websocket/upgrade_websocket.ts";
import type { Over, VictimOptions, VictimReport } from "./attack.ts";
import {
  authority,
  server as certified,
} from "../transport/tls/certificates.ts";
import { CODECS } from "./codecs.ts";
import type { Place } from "./connections.ts";
import { runCommands } from "./control.ts";
import { HandlerCount } from "./handler_count.ts";
import { MemorySampler, retained } from "./memory.ts";
import { pause } from "./raw_peer.ts";
import { sizedHandlers, Target } from "./target.ts";

/** Size of a large result or item. */
const BIG = 1_000_000;

/** A source whose history is full: 256 KiB. */
const followed = source<Uint8Array>({ after: { epoch: 1, number: 0 } });
for (let at = 0; at < 1_000; at++) followed.publish(new Uint8Array(1_000));

const memory = new MemorySampler();
const handlers = new HandlerCount();
let server: Server<typeof Target> | undefined;
let gateway: SessionGateway | undefined;
let http: Deno.HttpServer<Deno.NetAddr> | undefined;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Where the bystander and the attacker connect. */
export interface Places {
  readonly bystander: Place;
  readonly attacker: Place;
}

/** Starts a server. */
async function start(options: VictimOptions): Promise<Places> {
  const { limits, maxSessions, authentication, over = "tcp" } = options;
  const { outcomes: maxBytes, resume } = options;
  server = await serve(Target, { hostname: "127.0.0.1", port: 0 }, {
    codecs: [CODECS.msgpack, ...Object.values(CODECS).slice(1)],
    limits,
    maxSessions,
    authenticate: authentication === undefined
      ? undefined
      : async (credentials) => {
        if (credentials !== "bystander") await pause(authentication);
        return undefined;
      },
    principal: authentication === undefined ? undefined : () => "all",
    once: memoryOnceStore({ maxBytes }),
    resume,
    onError: () => {},
  }).handle({
    echo: (value) => value,
    // The input stays reachable until the call ends.
    async hold(input, { signal }) {
      await handlers.during(aborted(signal));
      if (input === signal) throw new Error("unreachable");
    },
    big: () => new Uint8Array(BIG).fill(1),
    async bigLater(ms) {
      await handlers.during(pause(ms));
      return new Uint8Array(BIG).fill(1);
    },
    fail() {
      throw new Error("broken");
    },
    async back(_, { remote }) {
      await remote.called(new Uint8Array(1000));
    },
    async up(_items, { signal }) {
      await handlers.during(aborted(signal));
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
    async *downLater(ms) {
      await handlers.during(pause(ms));
      for (;;) yield new Uint8Array(BIG).fill(1);
    },
    follow: (_, context) => followed.items(context),
    keep: (value) => value,
    keepFor: (ms) => handlers.during(pause(ms)),
    holdFor: ([ms]) => handlers.during(pause(ms)),
    ...sizedHandlers(handlers),
    async *both(items) {
      for await (const _ of items) yield new Uint8Array(1000);
    },
    note: () => handlers.during(pause(10)),
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
  const bystander = placeOf(server.addr);
  const attacker = await PLACES[over](server, options); // its bytes are counted by port
  return { bystander, attacker };
}

/** Lets a server listen for attackers. */
const PLACES: Readonly<
  Record<
    Over,
    (server: Server<typeof Target>, options: VictimOptions) => Promise<Place>
  >
> = {
  async tcp(server) {
    return placeOf(await server.listen({ hostname: "127.0.0.1", port: 0 }));
  },
  async tls(server) {
    const { cert, key } = certified;
    const address = { hostname: "127.0.0.1", port: 0, tls: { cert, key } };
    const { port } = placeOf(await server.listen(address));
    return { port, caCert: authority.cert };
  },
  websocket(server) {
    http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { response, connection } = upgradeWebSocket(request);
        server.accept(connection);
        return response;
      },
    );
    return Promise.resolve({ port: http.addr.port });
  },
  http(server, options) {
    http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      fetchHandler(Target, server, options.http),
    );
    return Promise.resolve({ port: http.addr.port });
  },
  async gateway(server, options) {
    const address = { hostname: "127.0.0.1", port: 0 };
    gateway = await forwardSessions(address, {
      ...options.gateway,
      upstreams: { target: await server.listen(address) },
    });
    return placeOf(gateway.addr);
  },
};

function placeOf(address: SocketAddress): Place {
  if (!("port" in address)) throw new Error("The server does not use TCP");
  return { port: address.port };
}

await runCommands({
  start,
  async stop() {
    await gateway?.shutdown({ grace: 0 });
    gateway = undefined;
    await server?.shutdown({ grace: 0 });
    server = undefined;
    await http?.shutdown();
    http = undefined;
  },
  /** Begins to measure. */
  measure() {
    handlers.restart();
    memory.start();
  },
  /** Ends measuring. */
  measured: async (): Promise<VictimReport> => ({
    ...await memory.stop(),
    handlers: handlers.most,
  }),
  memory: retained,
});
