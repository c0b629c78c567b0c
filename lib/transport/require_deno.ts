/**
 * The check that this runtime is Deno.
 *
 * @module
 */
import type { FailureContext } from "./error_mapping.ts";
import { TransportError } from "./errors.ts";

/**
 * Throws outside Deno, where operating system sockets are not available.
 *
 * @param context the attempted operation
 * @throws {TransportError} with code `"unsupported"` outside Deno
 */
export function requireDeno({ verb, address }: FailureContext): void {
  if ("Deno" in globalThis) return;
  throw new TransportError(
    `Cannot ${verb} ${address}: operating system sockets need Deno; memory and WebSocket connections work in every runtime`,
    { code: "unsupported", address },
  );
}
