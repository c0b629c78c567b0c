import { assertEquals } from "@std/assert";
import {
  type Client,
  createClient,
} from "../../../lib/messages/client/create_client.ts";
import type { CreateClientOptions } from "../../../lib/messages/client/create_client_options.ts";
import type { ClientEvent } from "../../../lib/messages/client/client_events.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { failureOf } from "../kit.ts";

const Work = protocol({
  name: "work",
  server: { work: unary<void, string>({ idempotent: true }) },
});

/** A client in some state, and what its test must release afterwards. */
interface Scene {
  readonly client: Client<typeof Work>;
  /** Lets the calls in flight end. */
  release(): void;
  end(): Promise<void>;
}

type Options = CreateClientOptions<typeof Work>;

/** Resolves with the first event of this kind. */
async function event(
  client: Client<typeof Work>,
  kind: ClientEvent["kind"],
): Promise<void> {
  for await (const event of client.events()) if (event.kind === kind) return;
}

/** Serves on loopback; calls end when they are released. */
async function served(options: Options, extra: Options = {}) {
  const held = Promise.withResolvers<string>();
  const server = await serve(Work, { port: 0 }).handle({
    work: () => held.promise,
  });
  const client = createClient(Work, server.addr, { ...options, ...extra });
  const release = () => held.resolve("done");
  return { client, server, release, end: () => server.abort() };
}

/** Clients that are in the named state, on real sockets. */
const STATES: Record<string, (options: Options) => Promise<Scene>> = {
  async "connecting, to a server that sends no HELLO"(options) {
    const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const client = createClient(Work, silent.addr, options);
    const accepted = await silent.accept();
    const end = () => Promise.resolve([accepted, silent].forEach(close));
    return { client, release() {}, end };
  },
  async "pausing after a failure"(options) {
    const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    gone.close();
    const client = createClient(Work, gone.addr, {
      ...options,
      reconnect: { minDelay: 60_000, maxDelay: 60_000 },
    });
    await event(client, "backing-off");
    return { client, release() {}, end: () => Promise.resolve() };
  },
  async "waiting for credentials"(options) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const credentials = () => {
      resolve();
      return new Promise(() => {});
    };
    const scene = await served(options, { credentials });
    await promise;
    return scene;
  },
  async "preparing a session"(options) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onSession = () => {
      resolve();
      return new Promise<void>(() => {});
    };
    const scene = await served(options, { onSession });
    await promise;
    return scene;
  },
  async "connected, with a call in flight"(options) {
    const scene = await served(options);
    await scene.client.ready();
    return scene;
  },
  async "drained by its server, with a call in flight"(options) {
    const scene = await served(options);
    await scene.client.ready();
    scene.client.remote.work();
    const draining = event(scene.client, "draining");
    const stopped = scene.server.shutdown({ grace: 60_000 });
    await draining;
    return { ...scene, end: () => stopped };
  },
};

function close(resource: { close(): void }): void {
  resource.close();
}

// The sanitizers notice timers, sockets and reads that are left over.
for (const [state, enter] of Object.entries(STATES)) {
  Deno.test(`close() leaves nothing open when the client is ${state}`, async () => {
    const { client, release, end } = await enter({});
    const call = failureOf(client.remote.work());
    await client.close();
    const { code } = await call;
    assertEquals(["unavailable", "disconnected"].includes(code), true, code);
    assertEquals(client.status, "closed");
    release();
    await end();
  });

  Deno.test(`drain() leaves nothing open when the client is ${state}`, async () => {
    const { client, release, end } = await enter({});
    const call = client.remote.work().catch(({ code }) => code);
    const drained = client.drain({ grace: 60_000 });
    release();
    await drained;
    assertEquals(["unavailable", "done"].includes(await call), true);
    await end();
  });
}
