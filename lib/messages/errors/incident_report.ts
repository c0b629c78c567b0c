/**
 * What the other side hears of a failure that no method declares.
 *
 * @module
 */

/** How much of it: nothing but an incident's id, what was thrown, or where as well. */
export type ErrorExposure = "none" | "message" | "stack";

/** A failure that has been reported. */
export interface Report {
  /** Under which id. */
  readonly incident: string;
  /** What the other side may know besides, or `""`. */
  readonly exposed: string;
}

/** The sentence for the other side. */
export function publicMessage(
  what: string,
  { incident, exposed }: Report,
): string {
  return exposed === ""
    ? `${what}; the other side knows more under incident ${incident}`
    : `${what} (incident ${incident}): ${exposed}`;
}

/** As much of what was thrown as may be told. */
export function exposedText(thrown: unknown, exposure: ErrorExposure): string {
  if (exposure === "none") return "";
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const { name, message, stack } = thrown;
    // Its own text, whatever it is: `stack` may be anything.
    return exposure === "stack" && typeof stack === "string" && stack !== ""
      ? stack
      : `${name}: ${message}`;
  } catch {
    return "something that cannot be shown"; // anything can be thrown
  }
}

/** @throws {RangeError} for what is no exposure */
export function checkExposure(exposure: ErrorExposure): void {
  if (["none", "message", "stack"].includes(exposure)) return;
  throw new RangeError(
    `Cannot expose errors as "${exposure}": exposeErrors is "none", "message" or "stack"`,
  );
}
