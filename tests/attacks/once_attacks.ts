/**
 * Attacks on a server with calls that run at most once.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import { MiB, PROCESS } from "./budgets.ts";
import { encode, fields, request, u32 } from "./frames.ts";
import { pause, type RawPeer } from "./raw_peer.ts";
import { ids, NULL, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const attack = {
  victim: "server",
  state: "open",
  kind: "REQUEST",
  hello: { methods: SERVER_METHODS, features: 0x02 },
} as const;

/** Bytes of the store of outcomes. */
const STORE = 2 * MiB;
/** Heap bytes of a handler whose connection has ended, with its session. */
const LEFT = 32 * 1024;

function u64(value: number): Uint8Array {
  return concat([u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)]);
}

/** The fields of a call with a key that no other call of the peer has. */
function onceFields(key: string): Uint8Array {
  const created = u64(Date.now());
  const once = [new Uint8Array(32), created, new Uint8Array(32)];
  return fields([0x80, concat(once)], [0x05, new TextEncoder().encode(key)]);
}

/** Sends calls with keys, with at most `calls` in flight. */
async function* keyed(
  peer: RawPeer,
  calls: number,
  count: number,
): AsyncGenerator<Uint8Array> {
  const next = ids();
  for (let sent = 0; sent < count; sent++) {
    await peer.until(() => peer.inFlight < calls);
    if (peer.stopped || peer.ended) return;
    peer.inFlight++;
    const block = onceFields(crypto.randomUUID().padEnd(128, "k"));
    yield await peer.credit(request(next.next().value!, M.keep, NULL, block));
  }
}

/** The attacks, in the order of the table. */
export const onceAttacks: readonly Attack[] = [
  {
    ...attack,
    name: "keys of calls that run at most once",
    resource: "outcomes",
    sees: ["RESULT", "ERROR overloaded"],
    budget: PROCESS + STORE,
    setup: { outcomes: STORE },
    async *script(peer) {
      yield* keyed(peer, 256, 20_000);
    },
  },
  {
    ...attack,
    name: "calls that outlive their connections",
    resource: "handlers without a connection",
    total: 300,
    connections: 20,
    budget: PROCESS + 300 * LEFT,
    atMost: { handlers: 300 },
    async *script(peer) {
      const forLong = encode(3_000);
      yield* times(1, (id) => {
        const block = onceFields(crypto.randomUUID());
        return request(id, M.keepFor, forLong, block);
      });
      await pause(20);
      peer.close();
    },
  },
];
