/**
 * Failures of attempts to connect over WebSocket.
 *
 * @module
 */
import { transportError } from "../error_mapping.ts";

/**
 * Converts the error of an attempt to connect.
 *
 * Deno's `NotCapable` stays itself. Its message names the permission, so clients
 * for browsers need no table of flags.
 *
 * @param error the thrown value
 * @param address the address, for the message
 */
export function connectFailure(error: unknown, address: string): Error {
  return error instanceof Error && error.name === "NotCapable"
    ? error
    : transportError(error, { verb: "connect to", address });
}
