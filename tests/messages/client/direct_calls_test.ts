import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Client,
  createClient,
} from "../../../lib/messages/client/create_client.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import {
  chain,
  type Middleware,
} from "../../../lib/messages/handlers/middleware.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { failureOf, inVirtualTime, unhandledDuring } from "../kit.ts";

/**
 * Calls that begin while a session is open do not go through the resender. Their
 * ends must be the same.
 */
const Store = protocol({
  name: "store",
  server: {
    get: unary<string, string>({ idempotent: true }),
    put: unary<string, string>(),
  },
});

/** Short pauses, so that tests take little time. */
const QUICK = { reconnect: { minDelay: 5, maxDelay: 20, spread: 0 } };

const memory = () => ({ memory: crypto.randomUUID() });

/** Starts a server whose calls never settle; resolves `entered` with each. */
async function stuck(address: { memory: string }) {
  const entered = Promise.withResolvers<void>();
  const never = () => {
    entered.resolve();
    return new Promise<string>(() => {});
  };
  const server = await serve(Store, address).handle({ get: never, put: never });
  return { server, entered: entered.promise };
}

/** Resolves when the client has lost its session and failed to connect. */
async function lost(client: Client<typeof Store>): Promise<void> {
  for await (const { kind } of client.events()) {
    if (kind === "backing-off") return;
  }
}

Deno.test(
  "a direct call that is sent again keeps its deadline",
  inVirtualTime(async () => {
    const address = memory();
    const { server, entered } = await stuck(address);
    await using client = createClient(Store, address, QUICK);
    await client.ready();
    const call = failureOf(client.remote.get("a", { timeout: 200 }));
    await entered;
    const cut = lost(client);
    await server.abort();
    await cut;
    const { code, processed, message } = await call;
    assertEquals([code, processed], ["deadline", "maybe"]);
    assertStringIncludes(message, "the deadline passed while the call waited");
  }),
);

Deno.test(
  "the first attempt of a direct call counts",
  inVirtualTime(async () => {
    const address = memory();
    let entered = 0;
    const counted: Middleware = (_context, next) => {
      entered++;
      return next();
    };
    const limited = limit({ rate: 1, burst: 1, key: () => "all" });
    await using _server = await serve(Store, address).handle(
      use(chain(counted, limited), { get: (key) => key, put: (key) => key }),
    );
    await using client = createClient(Store, address, {
      ...QUICK,
      retry: { maxAttempts: 1 },
    });
    await client.ready();
    await client.remote.put("a");
    const { code } = await failureOf(client.remote.put("b"));
    assertEquals([code, entered], ["overloaded", 2]);
  }),
);

Deno.test(
  "an abort says maybe after a direct attempt whose handler was entered",
  inVirtualTime(async () => {
    const address = memory();
    const { server, entered } = await stuck(address);
    await using client = createClient(Store, address, QUICK);
    await client.ready();
    const controller = new AbortController();
    const { signal } = controller;
    const call = failureOf(client.remote.get("a", { signal }));
    await entered;
    const cut = lost(client);
    await server.abort();
    await cut;
    controller.abort();
    const { code, processed } = await call;
    assertEquals([code, processed], ["cancelled", "maybe"]);
  }),
);

Deno.test(
  "unawaited direct calls cause no unhandled rejection when the client closes",
  inVirtualTime(async () => {
    const address = memory();
    const { server, entered } = await stuck(address);
    const client = createClient(Store, address, QUICK);
    await client.ready();
    const unhandled = await unhandledDuring(async () => {
      client.remote.get("waits for its second attempt");
      client.remote.put("fails at once");
      await entered;
      const cut = lost(client);
      await server.abort();
      await cut;
      await client.close();
    });
    assertEquals(unhandled, []);
  }),
);

Deno.test(
  "the stack of a direct call's error shows the code that awaits it",
  inVirtualTime(async () => {
    const address = memory();
    const { server, entered } = await stuck(address);
    const client = createClient(Store, address, QUICK);
    await client.ready();
    const call = (async function awaitsTheCall() {
      await client.remote.get("a");
    })();
    const error = failureOf(call);
    await entered;
    const cut = lost(client);
    await server.abort();
    await cut;
    await client.close();
    assertStringIncludes(String((await error).stack), "awaitsTheCall");
  }),
);

Deno.test(
  "a call that is made at the moment of a drain goes to the next session",
  inVirtualTime(async () => {
    const addresses = [memory(), memory()];
    const handlers = { get: (key: string) => key, put: (key: string) => key };
    const [first, second] = await Promise.all(
      addresses.map((address) => serve(Store, address).handle(handlers)),
    );
    const client = createClient(Store, addresses, {
      ...QUICK,
      retry: { maxAttempts: 1, budget: { perSecond: 0, ratio: 0 } },
    });
    await client.ready();
    const { promise, resolve } = Promise.withResolvers<string>();
    client.session?.draining.addEventListener(
      "abort",
      () => resolve(client.remote.put("a")), // before the client has noticed
    );
    await first?.shutdown();
    assertEquals(await promise, "a");
    await client.close();
    await second?.abort();
  }),
);
