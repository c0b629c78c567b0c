/**
 * Outcomes of calls, as signs of servers that work or do not.
 *
 * @module
 */
import type { CallError, CallErrorCode } from "../errors/call_error.ts";

/**
 * A sign of a server that works or does not.
 *
 * - `failed`: the server cannot serve calls, or not in time.
 * - `replied`: the server works; the call itself was refused.
 * - `none`: the caller or the end of the session has ended the call.
 */
export type ServerOutcome = "failed" | "replied" | "none";

const OUTCOMES: Readonly<Partial<Record<CallErrorCode, ServerOutcome>>> = {
  internal: "failed",
  unavailable: "failed",
  overloaded: "failed",
  deadline: "failed",
  cancelled: "none",
  disconnected: "none", // the pause before the next session keeps calls away
  moving: "none",
};

/**
 * Returns the sign that the error of a call is.
 *
 * @param takesCalls whether its session does; if not, the session has ended it
 */
export function serverOutcome(
  { code }: Pick<CallError, "code">,
  takesCalls: boolean,
): ServerOutcome {
  if (code === "unavailable" && !takesCalls) return "none";
  return OUTCOMES[code] ?? "replied";
}
