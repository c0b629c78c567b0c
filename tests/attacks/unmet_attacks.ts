/**
 * Attacks that the library does not withstand yet.
 *
 * `deno task attacks --unmet` runs them. When one no longer fails, move it to
 * the file of its kind.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { FRAME, MiB, PROCESS, sessionBudget } from "./budgets.ts";
import { upgradeRequest } from "./connections.ts";
import { bin, EMPTY, encode, K, message, MORE, request } from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { ids, inFlight, times } from "./scripts.ts";
import { M } from "./target.ts";
import { unmetTransportAttacks } from "./transport_attacks.ts";

const open = { victim: "server", state: "open" } as const;

/** One hundred connections that do their worst together. */
const together = {
  ...open,
  connections: 100,
  budget: 256 * MiB,
  ms: 6000,
} as const;

/** Milliseconds that handlers wait before they do what is attacked. */
const WAITS = [10, 100, 1000];

/** The attacks. */
export const unmetAttacks: readonly Attack[] = [
  // TLS and WebSockets.
  {
    // Each failed handshake leaves 17 KB; node:tls alone leaves 6.5 KB.
    victim: "server",
    setup: { over: "tls" },
    state: "waiting",
    name: "bytes that are not TLS",
    resource: "TLS handshakes",
    kind: "none",
    plain: true,
    hello: null,
    sees: ["end"],
    connections: 50,
    total: 150,
    ms: 3000,
    budget: PROCESS,
    *script() {
      yield new Uint8Array(10_000).fill(0x55);
    },
  },
  {
    victim: "server",
    state: "closed",
    name: "WebSockets whose peers do not answer the closing handshake",
    resource: "closing handshakes",
    kind: "none",
    plain: true,
    hello: null,
    sees: ["end"],
    connections: 50,
    budget: sessionBudget(50, FRAME),
    setup: { over: "websocket", limits: { handshakeTimeout: 300 } },
    *script() {
      yield upgradeRequest();
    },
  },
  // All connections together.
  {
    ...together,
    name: "unread items on many connections",
    resource: "unread items of all sessions",
    kind: "ITEM",
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
  ...WAITS.map((ms): Attack => ({
    ...together,
    name: `results on many connections after ${ms} ms`,
    resource: `results of all sessions after ${ms} ms`,
    kind: "REQUEST",
    reads: false,
    *script() {
      yield* times(40, (id) => request(id, M.bigLater, encode(ms)));
    },
  })),
  {
    ...together,
    name: "inputs that handlers hold on many connections",
    resource: "inputs of all sessions",
    kind: "REQUEST",
    async *script(peer) {
      const value = bin(120_000);
      yield* inFlight(peer, 256, (id) => request(id, M.hold, value));
    },
  },
  ...unmetTransportAttacks,
];
