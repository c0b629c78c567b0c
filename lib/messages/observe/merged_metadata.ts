/**
 * Metadata of a call, with what its observers add.
 *
 * @module
 */
import { encodeMetadata, type Metadata } from "../session/wire/metadata.ts";

/**
 * Adds metadata of observers as far as it is valid and fits: it must not fail the
 * call.
 *
 * @param own metadata of the call, whose keys are kept
 * @param injected metadata of the observers
 * @param limit most bytes of all metadata
 * @param onDropped called with the reason for each key that is not added
 */
export function mergedMetadata(
  own: Metadata,
  injected: Metadata,
  limit: number,
  onDropped: (reason: unknown) => void,
): Metadata {
  let merged = own;
  for (const [key, value] of Object.entries(injected)) {
    if (Object.hasOwn(own, key)) continue;
    try {
      const more = { ...merged, [key]: value };
      encodeMetadata(more, limit);
      merged = more;
    } catch (error) {
      onDropped(error);
    }
  }
  return merged;
}
