/**
 * A connection that breaks after n bytes leaves no resource. For every n, in
 * either direction and also during the handshake: each call settles once, none
 * that was handled fails with `processed: "no"`, each handler that was entered
 * settles, and neither end holds a call, a timer, memory or credit.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../lib/messages/client/connect.ts";
import type { ClientSession } from "../../lib/messages/client/client_session.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { all } from "./kit.ts";
import {
  echo,
  Handlers,
  holdsNothing,
  type Order,
  Stress,
  type StressServer,
} from "./stress.ts";

/** Dense at the start of a connection, sparse where items flow. */
const CUTS = Array.from({ length: 150 }, (_, n) => n ** 2);

/** Size of messages that need two frames. */
const LARGE = 18_000;
const LIMITS = { maxFrameBody: 16 * 1024 };

/** Starts a call of each shape; the waiting ones last until the end. */
function begin(
  { remote }: ClientSession<typeof Stress>,
  firstId: number,
): Promise<unknown>[] {
  const order = (call: number, size: number, rest: Partial<Order> = {}) => ({
    ...{ id: firstId + call, mode: "ok" as const, size },
    padding: new Uint8Array(),
    ...rest,
  });
  const wait = { mode: "wait" } as const;
  const items = [new Uint8Array(10), new Uint8Array(LARGE)];
  return [
    remote.unary(order(0, 0, wait)),
    remote.unary(order(1, LARGE, { padding: new Uint8Array(LARGE) })),
    all(remote.serverStream(order(2, 2_000, wait))),
    remote.clientStream(items, { opening: order(3, 0) }).result,
    all(remote.duplex(items, { opening: order(4, 0) })),
    remote.notification(order(5, 0)),
    remote.back(order(6, 700)),
  ];
}

async function cutAfter(
  after: number,
  direction: "toServer" | "toClient",
  { server, handlers, name }: {
    server: StressServer;
    handlers: Handlers;
    name: number;
  },
): Promise<void> {
  const [near, far] = memoryPair({
    [direction]: { fault: { kind: "cut", after } },
  });
  const served = server.accept(far);
  const session = await connect(Stress, near, {
    handlers: { echo },
    limits: LIMITS,
    credentials: name,
    early: true, // so that calls can be lost during the handshake
  });
  const firstId = 10 * name;
  const settled = await Promise.allSettled(begin(session, firstId));
  for (const [call, outcome] of settled.entries()) {
    if (outcome.status === "fulfilled") continue;
    handlers.failed(firstId + call, outcome.reason);
  }
  assertEquals((await session.finished)?.code, "disconnected");
  await served;
  for (const each of [session, handlers.sessions.get(name)]) {
    if (each !== undefined) await holdsNothing(each);
  }
}

for (const direction of ["toServer", "toClient"] as const) {
  Deno.test(
    `a connection that breaks after n bytes ${direction} leaves no resource`,
    { permissions: "none" },
    async () => {
      const handlers = new Handlers();
      const server = handlers.serve(LIMITS);
      for (const [name, after] of CUTS.entries()) {
        await cutAfter(after, direction, { server, handlers, name });
      }
      assertEquals(server.sessions.size, 0);
      await server.shutdown();
      handlers.check();
    },
  );
}
