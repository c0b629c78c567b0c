/**
 * The protocol {@linkcode Operations}: figures of a server and its sessions.
 *
 * @module
 */
import type { TopicFigures } from "../broadcast/fanout.ts";
import type { ServerStats } from "../observe/stats.ts";
import type { Unary } from "../protocol/method.ts";
import { unary } from "../protocol/method_builders.ts";
import { protocol } from "../protocol/protocol.ts";
import type { Protocol } from "../protocol/protocol_types.ts";

/**
 * Order of sessions; the largest value comes first.
 *
 * @category Protocol
 */
export type SessionOrder = "age" | "bytes" | "calls" | "memory" | "rtt";

/**
 * Which sessions to report.
 *
 * @category Protocol
 */
export interface SessionsRequest {
  /** The order. */
  sort: SessionOrder;
  /** Number of sessions to leave out first. */
  skip: number;
  /** Most sessions to report, 1 to 1,000. */
  limit: number;
}

/**
 * Figures of one session.
 *
 * @category Protocol
 */
export interface SessionRow {
  /** Random id of the session. */
  id: string;
  /** Address of the client, as text. */
  peer: string;
  /** Name of its principal; `""` without the option `principal`. */
  principal: string;
  /** Milliseconds since the session was opened. */
  age: number;
  /** Milliseconds since the last frame of the client. */
  silent: number;
  /** Number of calls in progress, in both directions. */
  calls: number;
  /** Number of calls that the client may have in progress. */
  maxCalls: number;
  /** Number of calls that the client has made. */
  handled: number;
  /** Number of these calls that failed, except for refused ones. */
  failed: number;
  /** Number of these calls that failed unprocessed. */
  refused: number;
  /** Number of methods that the client declares differently. */
  mismatches: number;
  /**
   * The first 8 of them with the reason, such as `orders.create shape`.
   *
   * Names are cut to 100 characters. The client may have chosen the names, so escape them before you print them.
   */
  mismatched: string[];
  /** Bytes that the server has sent. */
  bytesSent: number;
  /** Bytes that the server has received. */
  bytesReceived: number;
  /** Round trip of the last PING in ms; -1 before the first. */
  roundTrip: number;
  /** Bytes that the transport has not taken. */
  unsentBytes: number;
  /** Heap bytes that are charged to the session. */
  heldBytes: number;
  /** The same by kind, such as `topics`; see `SessionStats.held`. */
  held: Record<string, number>;
  /** Number of messages to the client that were dropped. */
  dropped: number;
  /** Whether it gets no calls and no credit; see `SessionStats`. */
  restricted: boolean;
  /** Number of topics that the client is subscribed to. */
  subscriptions: number;
}

/**
 * Some sessions of a server.
 *
 * @category Protocol
 */
export interface SessionsPage {
  /** Number of all open sessions. */
  total: number;
  /** The sessions of this page. */
  rows: SessionRow[];
}

/**
 * Order of topics; the largest value comes first.
 *
 * Topics with equal values are sorted by the number of their subscribers.
 *
 * @category Protocol
 */
export type TopicOrder = "dropped" | "published" | "queued" | "subscribers";

/**
 * Which topics to report.
 *
 * @category Protocol
 */
export interface TopicsRequest {
  /** The order. */
  sort: TopicOrder;
  /** Number of topics to leave out first. */
  skip: number;
  /** Most topics to report, 1 to 1,000. */
  limit: number;
}

/**
 * Figures of one topic since its first subscriber.
 *
 * @category Protocol
 */
export interface TopicRow {
  /**
   * Its name, cut to 100 characters.
   *
   * A client may have chosen it, so escape it before you print it.
   */
  name: string;
  /** Number of subscribed sessions of this server. */
  subscribers: number;
  /** Number of published messages. */
  published: number;
  /** Number of copies that were passed to a connection. */
  delivered: number;
  /** Number of copies that were dropped. */
  dropped: number;
  /** Number of queued copies replaced by a message with the same key. */
  conflated: number;
  /** Number of subscribers that were disconnected because they were too slow. */
  disconnected: number;
  /** Number of copies that wait for slow subscribers. */
  queued: number;
  /** Bytes of these copies. */
  queuedBytes: number;
  /** Bytes that wait for the slowest subscriber. */
  mostQueuedBytes: number;
  /** Session id of that subscriber; `""` if nothing waits. */
  slowest: string;
  /** Address of that subscriber, as text; `""` if nothing waits. */
  slowestPeer: string;
  /** Principal of that subscriber; `""` without the option `principal`. */
  slowestPrincipal: string;
}

/**
 * Some topics of a server.
 *
 * @category Protocol
 */
export interface TopicsPage {
  /** Number of topics with subscribers. */
  total: number;
  /** The topics of this page. */
  rows: TopicRow[];
  /** Figures of `server.broadcast`. */
  broadcast: TopicFigures;
}

/**
 * Figures of a server.
 *
 * @category Protocol
 */
export interface ServerReport {
  /** Random id of the server's instance. */
  instance: string;
  /** Health of the server and its services. */
  health: Record<string, string>;
  /** Figures of the server. */
  stats: ServerStats;
}

/**
 * Methods that the server handles in {@linkcode Operations}.
 *
 * @category Protocol
 */
export interface OperationsMethods {
  /** Group that keeps the methods apart from those of other protocols. */
  operations: {
    /** Returns the figures of the server. */
    server: Unary<void, ServerReport>;
    /** Returns the figures of sessions. */
    sessions: Unary<SessionsRequest, SessionsPage>;
    /** Returns the figures of topics. */
    topics: Unary<TopicsRequest, TopicsPage>;
  };
}

/**
 * Sides of {@linkcode Operations}.
 *
 * @category Protocol
 */
export interface OperationsSides {
  /** Methods that the server handles. */
  server: OperationsMethods;
  /** Methods that the client handles: none. */
  client: Record<never, never>;
}

/**
 * Protocol that lets operators read the figures of a server.
 *
 * A server offers it only if you merge it into the server's protocol and add the
 * handlers that {@linkcode operations} returns.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@lengthwise/lengthwise";
 * import { Operations, operations } from "@lengthwise/lengthwise/operations";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serve(Operations, { port: 0 }, {
 *   authenticate: (credentials) => ({ admin: credentials === "secret" }),
 * }).handle(operations({ authorize: (auth: { admin: boolean }) => auth.admin }));
 * await using session = await connect(Operations, server.addr, {
 *   credentials: "secret",
 * });
 * const { sessions } = session.remote.operations;
 * const page = await sessions({ sort: "age", skip: 0, limit: 10 });
 * assertEquals(page.total, 1);
 * assertEquals(page.rows[0]?.id, session.id);
 * ```
 *
 * @category Protocol
 */
export const Operations: Protocol<OperationsSides> = protocol<OperationsSides>({
  name: "operations",
  server: {
    operations: {
      server: unary({
        description: "Figures of the server",
        idempotent: true,
      }),
      sessions: unary({
        description: "Figures of sessions",
        idempotent: true,
      }),
      topics: unary({
        description: "Figures of topics",
        idempotent: true,
      }),
    },
  },
  client: {},
});
