#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A service that can be operated: traces, metrics, logs, health, and an orderly
 * end on SIGTERM.
 *
 * ```sh
 * OTEL_DENO=true OTEL_SERVICE_NAME=shop examples/observed/server.ts 7000 8080
 * ```
 *
 * With `OTEL_DENO=true`, Deno sends traces, metrics and all that is printed to a
 * collector, by default at `http://localhost:4318`. Lines that a handler prints
 * have the ids of its span. Without it, the lines are printed and nothing else.
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { healthHandlers, healthResponse } from "@lengthwise/lengthwise/health";
import type { Observer } from "@lengthwise/lengthwise/observe";
import { otel } from "@lengthwise/lengthwise/otel";
import { Shop } from "./shop.ts";

/** Prints a line of JSON, for a search in the log. */
function log(event: string, details: Record<string, unknown>): void {
  console.log(JSON.stringify({ event, ...details }));
}

/** Logs sessions, refused clients, and calls that failed or were slow. */
const logs: Observer = {
  session: ({ id, mismatches }) => {
    log("session opened", { id, mismatches: mismatches.length });
    return {
      ended: ({ code }) => log("session ended", { id, code }),
      dropped: (reason, count) => log("dropped", { id, reason, count }),
    };
  },
  refused: ({ reason, error }) =>
    log("refused", { reason, why: error.message }),
  call: ({ method, methodOriginal, session }) => ({
    end({ code, ms, incident }) {
      if (code === "ok" && ms < 500) return;
      const id = session?.id;
      log("call", { id, method: method ?? methodOriginal, code, ms, incident });
    },
  }),
};

const [port = 7000, httpPort = 8080] = Deno.args.map(Number);
const server = await serve(Shop, { port }, {
  observers: [otel({ parent: "remote", streams: "start" }), logs],
  onListen: ({ hostname, port }) => log("listening", { hostname, port }),
  onError: ({ id, method, error }) =>
    log("incident", { id, method, error: String(error) }),
}).handle({
  ...healthHandlers(),
  price({ sku }) {
    if (sku === "") throw new Error("the list of prices has no empty row");
    return { cents: sku.length * 100 };
  },
  async *watch({ sku }, { draining }) {
    for (let cents = sku.length; !draining.aborted; cents++) yield cents;
  },
});
const probe = Deno.serve(
  {
    port: httpPort,
    hostname: "127.0.0.1",
    onListen: ({ port }) => log("probe", { port }),
  },
  () => healthResponse(server),
);

Deno.addSignalListener("SIGTERM", () => {
  log("stopping", { ...server.stats.sessions });
  // The probe answers 503 for a second before clients are sent elsewhere.
  server.shutdown({ drainDelay: 1_000, grace: 10_000, retryAfter: 1_000 });
});
await server.finished;
await probe.shutdown();
log("stopped", { calls: server.stats.callsHandled });
