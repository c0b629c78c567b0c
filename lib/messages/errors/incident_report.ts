/**
 * Text that a peer receives about an undeclared failure.
 *
 * @module
 */

/**
 * Details that the peer receives about an undeclared failure.
 *
 * - `"none"`: only the incident id.
 * - `"message"`: the error's name and message as well.
 * - `"stack"`: the error's stack as well.
 */
export type ErrorExposure = "none" | "message" | "stack";

/** A failure that was reported to `onError`. */
export interface IncidentReport {
  /** Id of the incident. */
  readonly incident: string;
  /** Text about the error, for the peer; `""` if none. */
  readonly exposed: string;
}

/** Returns the error message for the peer. */
export function publicMessage(
  what: string,
  { incident, exposed }: IncidentReport,
): string {
  return exposed === ""
    ? `${what}; see the peer's log for incident ${incident}`
    : `${what} (incident ${incident}): ${exposed}`;
}

/** Returns the part of a thrown value's text that the exposure permits. */
export function exposedText(thrown: unknown, exposure: ErrorExposure): string {
  if (exposure === "none") return "";
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const { name, message, stack } = thrown;
    // `stack` can be overwritten with a value of any type.
    return exposure === "stack" && typeof stack === "string" && stack !== ""
      ? stack
      : `${name}: ${message}`;
  } catch {
    return "a thrown value that has no text"; // a getter or toString() threw
  }
}

/** @throws {RangeError} if the value is not an {@linkcode ErrorExposure} */
export function checkExposure(exposure: ErrorExposure): void {
  if (["none", "message", "stack"].includes(exposure)) return;
  throw new RangeError(
    `Cannot expose errors as "${exposure}": exposeErrors must be "none", "message" or "stack"`,
  );
}

/**
 * Returns a random id in the form of a UUID. Pages on plain http have no
 * `crypto.randomUUID`.
 */
export function newIncidentId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6]! & 0x0f | 0x40; // in range, as below: version 4
  bytes[8] = bytes[8]! & 0x3f | 0x80; // the variant of RFC 9562
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
