/**
 * Receives the trace context of a call from its observers.
 *
 * @module
 */
import { traceField, traceIdsField } from "../session/wire/fields.ts";
import type { TraceFields, TraceIds } from "../session/wire/trace_field.ts";

/**
 * The trace context that observers set.
 *
 * An observer that has the ids apart sets them with `setIds()`: text that was
 * just joined is slow to read again.
 */
export class TraceCarrier implements TraceFields {
  tracestate = "";
  #text = "";
  #ids: TraceIds | undefined = undefined;

  /** @inheritdoc */
  get traceparent(): string {
    if (this.#ids === undefined) return this.#text;
    const { traceId, parentId, flags } = this.#ids;
    return `00-${traceId}-${parentId}-${flags.toString(16).padStart(2, "0")}`;
  }

  /** @inheritdoc */
  set traceparent(text: string) {
    this.#ids = undefined;
    this.#text = text;
  }

  /** Sets valid ids, and flags of 8 bits. */
  setIds(ids: TraceIds): void {
    this.#ids = ids;
  }

  /**
   * Returns the field TRACE, encoded; no bytes if nothing was set.
   *
   * @throws {TypeError} if the text of `traceparent` is not valid
   */
  encoded(): Uint8Array {
    return this.#ids === undefined
      ? traceField(this)
      : traceIdsField(this.#ids, this.tracestate);
  }
}
