/**
 * Attacks that the library does not withstand yet.
 *
 * `deno task attacks --unmet` runs them. When one no longer fails, move it to
 * the file of its kind.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { FRAME, PROCESS, sessionBudget } from "./budgets.ts";
import { upgradeRequest } from "./connections.ts";
import { encode, request } from "./frames.ts";
import { times } from "./scripts.ts";
import { M } from "./target.ts";
import { together } from "./together_attacks.ts";
import { unmetTransportAttacks } from "./transport_attacks.ts";

/**
 * Milliseconds that handlers wait before they do what is attacked. Thousands of
 * results are then made at once. They are collected late: a script
 * without the library takes 900 MB from the system for as many.
 */
const WAITS = [100, 1000];

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
  ...unmetTransportAttacks,
];
