/**
 * Attacks that the library does not withstand yet.
 *
 * `deno task attacks --unmet` runs them. When one no longer fails, move it to
 * the file of its kind.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import { bin, EMPTY, K, message, MORE, request, u32 } from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { ids, inFlight, MiB, type times } from "./scripts.ts";
import { M } from "./target.ts";

const open = { victim: "server", state: "open" } as const;
/** An array of `count` values that are encoded as `unit`. */
function repeat(unit: Uint8Array, count: number): Uint8Array {
  const units = Array.from({ length: count }, () => unit);
  return concat([Uint8Array.of(0xdd), u32(count), ...units]);
}

/** A map with one key that looks like an index, nested. */
function indexKeys(depth: number): Uint8Array {
  const key = Uint8Array.of(0x81, 0xa3, 0x39, 0x39, 0x39);
  const keys = Array.from({ length: depth }, () => key);
  return concat([...keys, Uint8Array.of(0xc0)]);
}

/** The attacks. */
export const unmetAttacks: readonly Attack[] = [
  // Decoded values.
  {
    ...open,
    name: "maps with keys that look like indexes",
    resource: "decoded maps",
    kind: "REQUEST",
    budget: 32 * MiB,
    async *script(peer) {
      const value = repeat(indexKeys(50), 400);
      yield* inFlight(peer, 8, (id) => request(id, M.hold, value));
    },
  },
  {
    ...open,
    name: "empty byte strings",
    resource: "decoded byte strings",
    kind: "REQUEST",
    budget: 32 * MiB,
    async *script(peer) {
      const value = repeat(Uint8Array.of(0xc4, 0), 60_000);
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  // All connections together.
  {
    ...open,
    name: "unread items on many connections",
    resource: "unread items of all sessions",
    kind: "ITEM",
    connections: 100,
    budget: 256 * MiB,
    ms: 6000,
    async *script(peer) {
      for (const id of ids()) {
        if (id > 2048 || peer.stopped || peer.ended) return;
        yield request(id, M.up, EMPTY);
        for (const [length, flags] of [[32_600, MORE], [100_000, 0]] as const) {
          if (!peer.mayItem(id)) break;
          yield await peer.credit(message(K.ITEM, id, bin(length), flags));
        }
        if (id % 64 === 1) await pause(1);
      }
    },
  },
];
