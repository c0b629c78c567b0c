/**
 * Options of connections over NATS, and the checks of both ends.
 *
 * @module
 */
import { describeType } from "../support/describe_type.ts";
import type { OptionNames } from "../support/check_options.ts";
import type { NatsConnection } from "./nats_connection.ts";
import { SMALLEST_WINDOW } from "./window_budget.ts";

/** Options for connections over NATS. */
export interface NatsStreamOptions {
  /**
   * Maximum number of unread bytes that a peer may send.
   *
   * A connection begins with 8 KiB; its window is doubled while it is read and at
   * most half of `totalWindow` is used.
   *
   * @default {262144}
   */
  window?: number | undefined;
  /**
   * Maximum number of unread bytes that all peers may send.
   *
   * A NATS server cuts a client for which it holds more than 64 MiB. Each connection
   * has at least 8 KiB, so the default allows 1,024 of them; others are refused.
   *
   * @default {8388608}
   */
  totalWindow?: number | undefined;
  /**
   * Milliseconds between two heartbeats of a connection.
   *
   * A connection ends if its peer has sent nothing for three of them.
   *
   * @default {15000}
   */
  heartbeat?: number | undefined;
}

/** Options with their defaults. */
export interface ResolvedStreamOptions {
  /** Maximum number of bytes of one window. */
  readonly window: number;
  /** Maximum number of bytes of all windows. */
  readonly totalWindow: number;
  /** Milliseconds between two heartbeats. */
  readonly heartbeat: number;
}

/** Names of the options. */
export const STREAM_OPTIONS: OptionNames<NatsStreamOptions> = {
  window: true,
  totalWindow: true,
  heartbeat: true,
};

/** Largest window: credit has 32 bits. */
const MAX_WINDOW = 2 ** 30;

/** The longest delay of a timer in milliseconds. */
const MAX_TIME = 0x7fff_ffff;

/**
 * Returns the options with their defaults.
 *
 * @throws {RangeError} if one is out of range
 */
export function resolveStreamOptions(
  where: string,
  options: NatsStreamOptions,
): ResolvedStreamOptions {
  const { window = 262_144, totalWindow = 8 * 2 ** 20, heartbeat = 15_000 } =
    options;
  checkInteger(where, "window", window, SMALLEST_WINDOW, MAX_WINDOW);
  checkInteger(where, "totalWindow", totalWindow, window, MAX_WINDOW);
  checkInteger(where, "heartbeat", heartbeat, 1, MAX_TIME);
  return { window, totalWindow, heartbeat };
}

function checkInteger(
  where: string,
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot use ${name} ${value} of ${where}: it must be an integer from ${least} to ${most}`,
  );
}

/** Subjects without wildcards. */
export const SUBJECT = /^[^\s.*>]+(\.[^\s.*>]+)*$/;

/** @throws {RangeError} if a text is not a subject without wildcards */
export function checkSubject(where: string, name: string, value: string): void {
  if (typeof value === "string" && SUBJECT.test(value)) return;
  throw new RangeError(
    `Cannot use ${name} "${
      String(value)
    }" of ${where}: expected a subject without wildcards, such as "lw.shop"`,
  );
}

/** @throws {TypeError} if a value is not a NATS connection */
export function checkConnection(
  verb: string,
  connection: NatsConnection,
): void {
  const isConnection = typeof connection === "object" && connection !== null &&
    typeof connection.publish === "function" &&
    typeof connection.subscribe === "function" &&
    typeof connection.flush === "function" &&
    typeof connection.status === "function";
  if (isConnection) return;
  throw new TypeError(
    `Cannot ${verb} with ${
      describeType(connection)
    }: expected a NATS connection, as connect() of @nats-io/transport-node returns`,
  );
}
