/**
 * Attacks that the library does not withstand yet.
 *
 * `deno task attacks --unmet` runs them. When one no longer fails, move it to
 * the file of its kind.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { FRAME, sessionBudget } from "./budgets.ts";
import { upgradeRequest } from "./connections.ts";
import { unmetTransportAttacks } from "./transport_attacks.ts";

/** The attacks. */
export const unmetAttacks: readonly Attack[] = [
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
