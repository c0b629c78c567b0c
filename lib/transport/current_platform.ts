/**
 * The choice of the platform whose sockets this process uses.
 *
 * @module
 */
import { denoPlatform } from "./deno_platform.ts";
import type { FailureContext } from "./error_mapping.ts";
import { TransportError } from "./errors.ts";
import type { Platform } from "./platform.ts";

/** The platform outside of Deno, whose own sockets are always used. */
let current: Platform | undefined;

/**
 * Sets the platform of this process; it has no effect in Deno.
 *
 * @param platform the sockets of another runtime
 */
export function setPlatform(platform: Platform): void {
  current = platform;
}

/**
 * Returns the platform of this process.
 *
 * @param context the attempted operation
 * @throws {TransportError} with code `"unsupported"` if the runtime has no sockets
 */
export function requirePlatform({ verb, address }: FailureContext): Platform {
  if ("Deno" in globalThis) return denoPlatform;
  if (current !== undefined) return current;
  throw new TransportError(
    `Cannot ${verb} ${address}: this runtime has no sockets of the operating system; in Node.js and Bun, call useNodeSockets() of "@lengthwise/lengthwise/node"; memory and WebSocket connections work in every runtime`,
    { code: "unsupported", address },
  );
}
