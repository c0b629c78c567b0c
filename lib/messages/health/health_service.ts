/**
 * The protocol {@linkcode Health}: whether a server can serve calls.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import type { ServerStream, Unary } from "../protocol/method.ts";
import { serverStream, unary } from "../protocol/method_builders.ts";
import { protocol } from "../protocol/protocol.ts";
import type { Protocol } from "../protocol/protocol_types.ts";
import type { HealthStatus, ServerHealth } from "./health_registry.ts";

/**
 * Name of a service whose health a client asks for.
 *
 * @category Protocol
 */
export interface HealthRequest {
  /** The service; `""` is the server as a whole. */
  service: string;
}

/**
 * Health of a service.
 *
 * @category Protocol
 */
export interface HealthReply {
  /** Whether it can serve calls. */
  status: HealthStatus;
}

/**
 * Sides of {@linkcode Health}.
 *
 * @category Protocol
 */
export interface HealthSides {
  /** Methods that the server handles. */
  server: HealthMethods;
  /** Methods that the client handles: none. */
  client: Record<never, never>;
}

/**
 * Methods that the server handles in {@linkcode Health}.
 *
 * @category Protocol
 */
export interface HealthMethods {
  /** Group that keeps the methods apart from those of other protocols. */
  health: {
    /** Returns the health of a service. */
    check: Unary<HealthRequest, HealthReply>;
    /** Sends the health of a service now, and after each change. */
    watch: ServerStream<HealthRequest, HealthReply>;
    /** Returns the health of all services. */
    list: Unary<void, Record<string, HealthStatus>>;
  };
}

/**
 * Protocol that lets clients query the health of a server.
 *
 * A server offers it only if you merge it into the server's protocol and add
 * the handlers that {@linkcode healthHandlers} returns. A client can connect with
 * this protocol alone, or merge it into its own.
 *
 * @example
 * ```ts
 * import { connect, mergeProtocols, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { Health, healthHandlers } from "@lengthwise/lengthwise/health";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * await using server = await serve(mergeProtocols(Shop, Health), { port: 0 }).handle({
 *   price: (sku) => sku.length,
 *   ...healthHandlers(),
 * });
 * server.health.set("database", "not-serving");
 *
 * await using session = await connect(Health, server.addr);
 * const { check } = session.remote.health;
 * assertEquals(await check({ service: "" }), { status: "serving" });
 * assertEquals(await check({ service: "database" }), { status: "not-serving" });
 * ```
 *
 * @category Protocol
 */
export const Health: Protocol<HealthSides> = protocol<HealthSides>({
  name: "health",
  server: {
    health: {
      check: unary({
        description: "Whether a service can serve calls",
        idempotent: true,
      }),
      watch: serverStream({
        description: "Whether a service can serve calls, now and later",
      }),
      list: unary({
        description: "Whether each service can serve calls",
        idempotent: true,
      }),
    },
  },
  client: {},
});

/**
 * Context that the handlers of {@linkcode Health} need.
 *
 * @category Protocol
 */
export interface HealthContext {
  /** Aborted when the session drains. */
  readonly draining: AbortSignal;
  /** The session. */
  readonly session: {
    /** The server. */
    readonly server: {
      /** Its health. */
      readonly health: ServerHealth;
    };
  };
}

/**
 * Handlers of {@linkcode Health}.
 *
 * @category Protocol
 */
export interface HealthHandlers {
  /** Handlers of the group. */
  health: {
    /** Handles `health.check`. */
    check(request: HealthRequest, context: HealthContext): HealthReply;
    /** Handles `health.watch`. */
    watch(
      request: HealthRequest,
      context: HealthContext,
    ): AsyncIterable<HealthReply>;
    /** Handles `health.list`. */
    list(
      input: void,
      context: HealthContext,
    ): Record<string, HealthStatus>;
  };
}

/**
 * Returns handlers for {@linkcode Health}, which answer from `server.health`.
 *
 * Spread them into the server's handlers. Every client that can connect can use
 * them; to restrict access, check the calls in a middleware.
 *
 * @returns the handlers
 *
 * @example
 * ```ts
 * import { healthHandlers } from "@lengthwise/lengthwise/health";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Object.keys(healthHandlers().health), ["check", "watch", "list"]);
 * ```
 *
 * @category Protocol
 */
export function healthHandlers(): HealthHandlers {
  return {
    health: {
      check: (request, { session }) => ({
        status: session.server.health.get(serviceIn(request)),
      }),
      watch: (request, { session, draining }) =>
        watching(session.server.health, serviceIn(request), draining),
      list: (_, { session }) => session.server.health.list(),
    },
  };
}

/** Yields each status; ends when the session drains. */
async function* watching(
  health: ServerHealth,
  service: string,
  draining: AbortSignal,
): AsyncGenerator<HealthReply> {
  const statuses = health.watch(service);
  const stop = () => void statuses.return?.();
  draining.addEventListener("abort", stop, { once: true });
  if (draining.aborted) stop();
  try {
    for await (const status of statuses) yield { status };
  } finally {
    draining.removeEventListener("abort", stop);
    stop();
  }
}

/** Longest name of a service in UTF-16 units. */
const MAX_NAME = 256;

/** @throws {CallError} `invalid` if the request has no name of a service */
function serviceIn(request: unknown): string {
  const given = typeof request === "object" && request !== null &&
      "service" in request
    ? request.service
    : undefined;
  if (typeof given === "string" && given.length <= MAX_NAME) return given;
  throw new CallError(
    `Cannot check the health: "service" must be a string of at most ${MAX_NAME} characters; "" is the server as a whole`,
    { code: "invalid" },
  );
}
