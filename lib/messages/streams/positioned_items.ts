/**
 * Streams whose items have positions, as handlers return them.
 *
 * @module
 */
import type { ItemFields } from "../session/wire/fields.ts";

/**
 * A step of a stream with positions: an item, or a change of the position
 * without one.
 */
export interface StreamStep extends ItemFields {
  /** The item; its value may be `undefined`. */
  readonly item?: { readonly value: unknown } | undefined;
}

/** Name of the method that returns the steps of a stream. */
export const STEPS: unique symbol = /* @__PURE__ */ Symbol("steps of a stream");

/** A stream whose items have positions. */
export interface PositionedItems<Item> extends AsyncIterable<Item> {
  /** Returns the steps, which include the items. */
  [STEPS](): AsyncIterable<StreamStep>;
}

/** Returns whether a stream has positions. */
export function hasPositions<Item>(
  items: AsyncIterable<Item>,
): items is PositionedItems<Item> {
  return STEPS in items;
}
