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
import { unmetTransportAttacks } from "./transport_attacks.ts";

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
  ...unmetTransportAttacks,
];
