/**
 * The part of a session that handles the calls of its peer.
 *
 * @module
 */
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { IncomingCalls } from "../session/calls/incoming_calls.ts";
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

/** Handles calls and notifications. */
export const SERVING: Serving = {
  name: "serving",
  calls: IncomingCalls,
  bind: bindHandlers,
  CallHandling,
  NotificationHandling,
};
