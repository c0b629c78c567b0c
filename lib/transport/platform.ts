/**
 * What this runtime can do.
 *
 * @module
 */
import type { FailureContext } from "./failure.ts";
import { TransportError } from "./errors.ts";

/**
 * Refuses sockets of the operating system outside Deno.
 *
 * @param context what is being attempted
 * @throws {TransportError} of kind `"unsupported"`
 */
export function requireDeno({ verb, address }: FailureContext): void {
  if ("Deno" in globalThis) return;
  throw new TransportError(
    `Cannot ${verb} ${address}: sockets of the operating system need Deno; memory and WebSocket connections work in every runtime`,
    { kind: "unsupported", address },
  );
}
