/**
 * The part of a session that handles the calls of its peer.
 *
 * @module
 */
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { IncomingCalls } from "../session/calls/incoming_calls.ts";
import type { ServedMethod } from "../session/calls/incoming_call.ts";
import { RecentSizes } from "../session/calls/recent_sizes.ts";
import { servedTable } from "../session/calls/served_table.ts";
import type { NewIncomingCalls } from "../session/session_host.ts";
import { bindHandlers, type BoundHandler } from "./bind_handlers.ts";
import { CallHandling } from "./call_handling.ts";
import { NotificationHandling } from "./notification_handling.ts";

/** The parts that handle the calls of a peer. */
export interface Serving {
  /** Name of the plugin. */
  readonly name: "serving";
  /** Handles their frames. */
  readonly calls: NewIncomingCalls;
  /** Returns the methods of one side by name. */
  tableOf(methods: readonly BoundMethod[]): ReadonlyMap<string, ServedMethod>;
  /** Returns the sizes of responses and items that all sessions remember. */
  recentSizes(): RecentSizes;
  /**
   * Matches the methods of one side with its handlers.
   *
   * @throws {TypeError} if a handler is missing, or a function matches no method
   */
  bind(
    methods: readonly BoundMethod[],
    handlers: object,
  ): readonly BoundHandler[];
  /** The handling of a call. */
  readonly CallHandling: typeof CallHandling;
  /** The handling of a notification. */
  readonly NotificationHandling: typeof NotificationHandling;
}

/** Milliseconds for which the sizes of all sessions are remembered, at least. */
const SIZES_PERIOD = 600_000;

/** Handles calls and notifications. */
export const SERVING: Serving = {
  name: "serving",
  calls: IncomingCalls,
  tableOf: servedTable,
  recentSizes: () => new RecentSizes(SIZES_PERIOD),
  bind: bindHandlers,
  CallHandling,
  NotificationHandling,
};
