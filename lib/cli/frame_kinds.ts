/**
 * Names of the kinds of frames.
 *
 * @module
 */
import { Kind } from "../messages/session/wire/frame_header.ts";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Kind).map(([name, kind]) => [kind, name]),
);

/** Names of all kinds, in lower case. */
export const KIND_NAMES: readonly string[] = Object.keys(Kind)
  .map((name) => name.toLowerCase());

/** Returns the name of a kind of frame, or its number. */
export function kindName(kind: number): string {
  return NAMES.get(kind) ?? `0x${kind.toString(16).padStart(2, "0")}`;
}
