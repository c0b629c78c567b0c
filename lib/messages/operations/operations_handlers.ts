/**
 * The handlers of {@linkcode Operations}.
 *
 * @module
 */
import { formatAddress } from "../../transport/address.ts";
import type { SocketAddress } from "../../transport/connection.ts";
import type { TopicFigures } from "../broadcast/fanout.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { CallError } from "../errors/call_error.ts";
import type { ServerHealth } from "../health/health_registry.ts";
import type { ServerStats, SessionStats } from "../observe/stats.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type {
  ServerReport,
  SessionOrder,
  SessionRow,
  SessionsPage,
  SessionsRequest,
  TopicOrder,
  TopicRow,
  TopicsPage,
  TopicsRequest,
} from "./operations_protocol.ts";

/** Most sessions in one reply. */
const MAX_ROWS = 1_000;

/** Most names of methods in the figures of a session. */
const MAX_NAMES = 8;

/** Most characters of such a name, and of a topic's. */
const MAX_NAME = 100;

/**
 * Options for {@linkcode operations}.
 *
 * @typeParam Auth type of what `authenticate` returns
 *
 * @category Server
 */
export interface OperationsOptions<Auth> {
  /**
   * Returns whether a client may read the figures.
   *
   * It is called for each call, with the result of the server's `authenticate`.
   */
  readonly authorize: (auth: Auth) => boolean | Promise<boolean>;
}

const OPTIONS: OptionNames<OperationsOptions<unknown>> = { authorize: true };

/**
 * A session whose figures are reported.
 *
 * @category Server
 */
export interface OperatedSession {
  /** Random id of the session. */
  readonly id: string;
  /** Address of the client. */
  readonly remoteAddr: SocketAddress;
  /** Name of its principal. */
  readonly principal: string;
  /** Methods that the client declares differently. */
  readonly mismatches: readonly MethodMismatch[];
  /** Figures of the session. */
  readonly stats: SessionStats;
}

/**
 * A topic whose figures are reported.
 *
 * @category Server
 */
export interface OperatedTopic {
  /** Its name. */
  readonly name: string;
  /** Number of subscribed sessions of this server. */
  readonly size: number;
  /** Figures of the topic. */
  readonly stats: TopicFigures;
  /** The session for which most bytes wait; `undefined` if none wait. */
  readonly slowest: OperatedSession | undefined;
}

/**
 * Context that the handlers of `Operations` need.
 *
 * @typeParam Auth type of what `authenticate` returns
 *
 * @category Server
 */
export interface OperationsContext<Auth> {
  /** The session. */
  readonly session: {
    /** Result of `authenticate`. */
    readonly auth: Auth;
    /** The server. */
    readonly server: {
      /** Random id of the instance. */
      readonly instance: string;
      /** Figures of the server. */
      readonly stats: ServerStats;
      /** Health of the server. */
      readonly health: ServerHealth;
      /** Its open sessions. */
      readonly sessions: Iterable<OperatedSession>;
      /** Its topics with subscribers. */
      readonly topics: Iterable<OperatedTopic>;
      /** Figures of `server.broadcast`. */
      readonly broadcastStats: TopicFigures;
    };
  };
}

/**
 * Handlers of `Operations`.
 *
 * @typeParam Auth type of what `authenticate` returns
 *
 * @category Server
 */
export interface OperationsHandlers<Auth> {
  /** Handlers of the group. */
  operations: {
    /** Handles `operations.server`. */
    server(
      input: void,
      context: OperationsContext<Auth>,
    ): Promise<ServerReport>;
    /** Handles `operations.sessions`. */
    sessions(
      request: SessionsRequest,
      context: OperationsContext<Auth>,
    ): Promise<SessionsPage>;
    /** Handles `operations.topics`. */
    topics(
      request: TopicsRequest,
      context: OperationsContext<Auth>,
    ): Promise<TopicsPage>;
  };
}

/**
 * Returns handlers for the protocol `Operations`, for clients that may use them.
 *
 * Spread them into the server's handlers. Reading the figures takes time for each
 * session and each subscription to a topic, so let only operators do that.
 *
 * @typeParam Auth the value that `authenticate` returns
 * @param options `authorize`: returns whether a client may read the figures; the
 * calls of others fail with `forbidden`
 * @returns the handlers
 * @throws {TypeError} if `authorize` is not a function
 *
 * @example
 * ```ts
 * import { operations } from "@lengthwise/lengthwise/operations";
 * import { assertEquals } from "@std/assert";
 *
 * const handlers = operations({ authorize: (auth: { admin: boolean }) => auth.admin });
 * assertEquals(Object.keys(handlers.operations), ["server", "sessions", "topics"]);
 * ```
 *
 * @category Server
 */
export function operations<Auth>(
  options: OperationsOptions<Auth>,
): OperationsHandlers<Auth> {
  checkOptions("operations()", options, OPTIONS);
  const { authorize } = options;
  if (typeof authorize !== "function") {
    throw new TypeError(
      "Cannot offer operations() without the option authorize: expected a function that says who may use them",
    );
  }
  async function check({ session }: OperationsContext<Auth>): Promise<void> {
    // A result that is not a boolean, such as an object, does not authorize.
    if (await authorize(session.auth) === true) return;
    throw new CallError("The figures are for operators only", {
      code: "forbidden",
    });
  }
  return {
    operations: {
      async server(_, context) {
        await check(context);
        const { instance, health, stats } = context.session.server;
        return { instance, health: { ...health.list() }, stats };
      },
      async sessions(request, context) {
        await check(context);
        const { sort, skip, limit } = checkRequest(request, "sessions", ORDERS);
        const now = performance.timeOrigin + performance.now();
        const rows = [...context.session.server.sessions]
          .map((session) => rowOf(session, now))
          .sort((a, b) => valueOf(b, sort) - valueOf(a, sort));
        return { total: rows.length, rows: rows.slice(skip, skip + limit) };
      },
      async topics(request, context) {
        await check(context);
        const { sort, skip, limit } = checkRequest(
          request,
          "topics",
          TOPIC_ORDERS,
        );
        const { topics, broadcastStats } = context.session.server;
        const sorted = [...topics]
          .map((topic) => ({ topic, value: topicValueOf(topic, sort) }))
          .sort((a, b) => b.value - a.value || b.topic.size - a.topic.size);
        return {
          total: sorted.length,
          rows: sorted.slice(skip, skip + limit)
            .map(({ topic }) => topicRowOf(topic)),
          broadcast: broadcastStats,
        };
      },
    },
  };
}

function rowOf(
  { id, remoteAddr, principal, mismatches, stats }: OperatedSession,
  now: number,
): SessionRow {
  const { callsMade, callsHandled } = stats;
  return {
    id,
    peer: formatAddress(remoteAddr),
    principal,
    age: Math.max(0, Math.round(now - stats.openedAt)),
    silent: Math.max(0, Math.round(now - stats.lastReceivedAt)),
    calls: callsMade.open + callsHandled.open,
    maxCalls: stats.maxCalls,
    handled: callsHandled.started,
    failed: callsHandled.failed,
    refused: callsHandled.refused,
    mismatches: mismatches.length,
    mismatched: mismatches.slice(0, MAX_NAMES).map(({ method, reason }) =>
      `${method.slice(0, MAX_NAME).toWellFormed()} ${reason}`
    ),
    bytesSent: stats.bytesSent,
    bytesReceived: stats.bytesReceived,
    roundTrip: stats.roundTrip ?? -1,
    unsentBytes: stats.unsentBytes,
    heldBytes: stats.heldBytes,
    held: Object.fromEntries(
      Object.entries(stats.held)
        .filter(([, { bytes }]) => bytes > 0)
        .map(([kind, { bytes }]) => [kind, bytes]),
    ),
    dropped: stats.droppedNotifications,
    restricted: stats.restricted,
    subscriptions: stats.subscriptions,
  };
}

/** Returns the value by which sessions are sorted. */
function valueOf(row: SessionRow, sort: SessionOrder): number {
  switch (sort) {
    case "age":
      return row.age;
    case "bytes":
      return row.bytesSent + row.bytesReceived;
    case "calls":
      return row.calls;
    case "memory":
      return row.heldBytes;
    case "rtt":
      return row.roundTrip;
  }
}

/** Returns the value by which topics are sorted. */
function topicValueOf({ size, stats }: OperatedTopic, sort: TopicOrder) {
  switch (sort) {
    case "dropped":
      return stats.dropped;
    case "published":
      return stats.published;
    case "queued":
      return stats.queuedBytes;
    case "subscribers":
      return size;
  }
}

function topicRowOf({ name, size, stats, slowest }: OperatedTopic): TopicRow {
  return {
    name: name.slice(0, MAX_NAME).toWellFormed(),
    subscribers: size,
    ...stats,
    slowest: slowest?.id ?? "",
    slowestPeer: slowest === undefined ? "" : formatAddress(slowest.remoteAddr),
    slowestPrincipal: slowest?.principal ?? "",
  };
}

const ORDERS = [
  "age",
  "bytes",
  "calls",
  "memory",
  "rtt",
] as const satisfies SessionOrder[];

const TOPIC_ORDERS = [
  "dropped",
  "published",
  "queued",
  "subscribers",
] as const satisfies TopicOrder[];

/** Request for a page of rows. */
interface PageRequest<Order> {
  readonly sort: Order;
  readonly skip: number;
  readonly limit: number;
}

/** @throws {CallError} `invalid` if the request is not one */
function checkRequest<Order extends string>(
  request: PageRequest<Order>,
  rows: string,
  orders: readonly Order[],
): PageRequest<Order> {
  const { sort, skip, limit } = request ?? {}; // a client may send anything
  const valid = orders.includes(sort) && Number.isSafeInteger(skip) &&
    skip >= 0 && Number.isSafeInteger(limit) && limit >= 1 &&
    limit <= MAX_ROWS;
  if (valid) return { sort, skip, limit };
  throw new CallError(
    `Cannot report ${rows}: expected { sort, skip, limit } with sort one of ${
      orders.join(", ")
    }, skip at least 0, and limit from 1 to ${MAX_ROWS}`,
    { code: "invalid" },
  );
}
