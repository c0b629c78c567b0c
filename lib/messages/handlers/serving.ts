/**
 * The part of a session that handles the calls of its peer.
 *
 * @module
 */
import type { ObservedCall } from "../observe/observed_call.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { IncomingCalls } from "../session/calls/incoming_calls.ts";
import type { IncomingCall } from "../session/calls/incoming_call.ts";
import type { NewIncomingCalls } from "../session/session_host.ts";
import type { Fields } from "../session/wire/fields.ts";
import { bindHandlers, type BoundHandler } from "./bind_handlers.ts";
import { CallHandling } from "./call_handling.ts";
import type { HandlingHost } from "./handling.ts";
import {
  NotificationHandling,
  type NotificationHost,
} from "./notification_handling.ts";

/** A call or notification of the peer that has arrived. */
export interface Arrival {
  /** The handler of its method. */
  readonly served: BoundHandler;
  /** Its observers. */
  readonly observed: ObservedCall | undefined;
  /** The encoded input; valid during this turn only. */
  readonly body: Uint8Array;
}

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
  /** Handles a call. */
  handleCall(host: HandlingHost, call: IncomingCall, arrival: Arrival): void;
  /**
   * Handles a notification.
   *
   * @returns the run of its handler
   */
  handleNotification(
    host: NotificationHost,
    fields: Readonly<Fields>,
    arrival: Arrival,
  ): NotificationHandling;
}

/** Handles calls and notifications. */
export const SERVING: Serving = {
  name: "serving",
  calls: IncomingCalls,
  bind: bindHandlers,
  handleCall(host, call, { served, observed, body }) {
    const handling = new CallHandling(host, call, served, observed);
    call.observer = handling;
    handling.begin(body);
  },
  handleNotification(host, fields, { served, observed, body }) {
    const handling = new NotificationHandling(host, served, fields, observed);
    handling.begin(body);
    return handling;
  },
};
