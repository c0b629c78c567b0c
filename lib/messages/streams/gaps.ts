/**
 * Gaps of streams with positions, as errors.
 *
 * @module
 */
import type { Gap } from "../session/wire/positions.ts";

/** Returns what is missing, for the message of an error. */
export function gapText({ from, to, reason }: Gap): string {
  if (reason === "unknown") {
    return "items may be missing: the server has another numbering than before";
  }
  const items = from === to ? `item ${from} is` : `items ${from} to ${to} are`;
  return reason === "slow"
    ? `${items} missing: the reader was too slow, and they are no longer kept`
    : `${items} missing: they are no longer kept`;
}
