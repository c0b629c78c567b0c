/**
 * The health of a server, for clients, load balancers and probes.
 *
 * `server.health.set(service, status)` says whether a service can serve calls,
 * and `server.shutdown({ drainDelay })` makes all of them not serving before it
 * drains the sessions.
 *
 * @example Follow the health of a server
 * ```ts
 * import { connect, serve } from "@lengthwise/lengthwise";
 * import { Health, healthHandlers } from "@lengthwise/lengthwise/health";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await serve(Health, { port: 0 }).handle(healthHandlers());
 * await using session = await connect(Health, server.addr);
 * const seen: string[] = [];
 * try {
 *   for await (const { status } of session.remote.health.watch({ service: "" })) {
 *     seen.push(status);
 *     if (status === "serving") server.shutdown();
 *   }
 * } catch {
 *   // The session ends with the server.
 * }
 * assertEquals(seen, ["serving", "not-serving"]);
 * ```
 *
 * [Report health](/lib/messages/README.md#report-health) explains shutdowns
 * behind a load balancer.
 *
 * @module
 */
export type { HealthStatus, ServerHealth } from "./health_registry.ts";
export { healthResponse } from "./health_response.ts";
export {
  Health,
  type HealthContext,
  type HealthHandlers,
  healthHandlers,
  type HealthMethods,
  type HealthReply,
  type HealthRequest,
  type HealthSides,
} from "./health_service.ts";
