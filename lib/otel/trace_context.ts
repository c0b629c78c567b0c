/**
 * Conversion between span contexts and the trace context of a call.
 *
 * @module
 */
import {
  createTraceState,
  INVALID_SPANID,
  INVALID_TRACEID,
  isSpanContextValid,
  type SpanContext,
} from "@opentelemetry/api";
import type { TraceFields } from "../messages/observe/observer.ts";
import { TraceCarrier } from "../messages/observe/trace_carrier.ts";

/** Most bytes of `tracestate` that a call carries. */
const MAX_STATE = 512;

/** Writes a span context, in the form of W3C Trace Context. */
export function writeTrace(span: SpanContext, carrier: TraceFields): void {
  const { traceId, spanId, traceFlags, traceState } = span;
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return;
  if (carrier instanceof TraceCarrier) {
    // The carrier checks the digits.
    carrier.setIds({ traceId, parentId: spanId, flags: traceFlags & 0xff });
  } else {
    if (!isSpanContextValid(span)) return;
    const flags = (traceFlags & 0xff).toString(16).padStart(2, "0");
    carrier.traceparent = `00-${traceId}-${spanId}-${flags}`;
  }
  const state = traceState?.serialize() ?? "";
  if (state.length <= MAX_STATE) carrier.tracestate = state;
}

/**
 * Reads the span context that a caller sent.
 *
 * @returns `undefined` if the caller sent no valid context
 */
export function readTrace(
  fields: TraceFields | undefined,
): SpanContext | undefined {
  if (fields === undefined) return undefined;
  const [version, traceId = "", spanId = "", flags = ""] = fields.traceparent
    .split("-");
  if (version === "ff") return undefined; // forbidden by W3C Trace Context
  const span: SpanContext = {
    traceId,
    spanId,
    // Other bits have no meaning that this version of the context defines.
    traceFlags: parseInt(flags, 16) & 1,
    isRemote: true,
    ...(fields.tracestate === ""
      ? {}
      : { traceState: createTraceState(fields.tracestate) }),
  };
  return isSpanContextValid(span) ? span : undefined;
}
