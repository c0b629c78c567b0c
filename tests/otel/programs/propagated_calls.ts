/**
 * A call with baggage and metadata, and the metrics that are off by default, as
 * Deno exports them. Prints `done` after the call, and goes on until its standard
 * input ends.
 *
 * @module
 */
import { context, propagation, trace } from "@opentelemetry/api";
import { connect, protocol, serve, unary } from "../../../mod.ts";
import { otel } from "../../../lib/otel/mod.ts";

const Stock = protocol({
  name: "stock",
  server: { count: unary<string, string>() },
});

const observers = [otel({
  parent: "remote",
  propagator: propagation,
  metadata: ["tenant"],
  extraMetrics: [
    "lengthwise.session.rtt",
    "lengthwise.message.size",
    "lengthwise.server.memory",
  ],
})];

await using server = await serve(Stock, { port: 0 }, { observers }).handle({
  count: (sku) => {
    trace.getTracer("test").startSpan("inside").end();
    const baggage = propagation.getActiveBaggage();
    return `${sku} ${baggage?.getEntry("user")?.value}`;
  },
});
await using session = await connect(Stock, server.addr, {
  observers,
  limits: { heartbeat: 200 },
});
const baggage = propagation.createBaggage({ user: { value: "ann" } });
const answer = await context.with(
  propagation.setBaggage(context.active(), baggage),
  () => session.remote.count("A-1", { metadata: { tenant: "acme" } }),
);
while (session.roundTrip === undefined) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
console.log(answer);
await new Response(Deno.stdin.readable).text();
