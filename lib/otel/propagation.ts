/**
 * Context that travels with calls beside the trace context, such as baggage.
 *
 * @module
 */
import {
  type Context,
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from "@opentelemetry/api";
import type { CallInfo } from "../messages/observe/observer.ts";

/** Most bytes that propagators add to a call: half of its metadata. */
const MAX_BYTES = 4096;

type Carrier = Record<string, string>;

const SETTER: TextMapSetter<Carrier> = {
  set(carrier, key, value) {
    carrier[key.toLowerCase()] = value;
  },
};

const GETTER: TextMapGetter<Carrier> = {
  get: (carrier, key) => carrier[key.toLowerCase()],
  keys: (carrier) => Object.keys(carrier),
};

/** Names of the trace context, which has a field of its own. */
const TRACE_CONTEXT: readonly string[] = ["traceparent", "tracestate"];

const encoder = new TextEncoder();

/**
 * Writes a context as metadata; what is too long is dropped.
 *
 * @param onDropped called for each key that is dropped
 */
export function writeContext(
  propagator: TextMapPropagator,
  context: Context,
  metadata: Carrier,
  onDropped: () => void,
): void {
  const carrier: Carrier = {};
  propagator.inject(context, carrier, SETTER);
  let bytes = 0;
  for (const [key, value] of Object.entries(carrier)) {
    if (TRACE_CONTEXT.includes(key)) continue;
    const size = key.length + encoder.encode(value).length;
    if (bytes + size > MAX_BYTES) {
      onDropped();
      continue;
    }
    bytes += size;
    metadata[key] = value;
  }
}

/** Reads the context that a caller has sent, with its trace context. */
export function readContext(
  propagator: TextMapPropagator,
  { metadata, trace }: CallInfo,
): Context {
  const carrier: Carrier = Object.assign(Object.create(null), metadata);
  for (const key of TRACE_CONTEXT) delete carrier[key];
  if (trace !== undefined) Object.assign(carrier, trace);
  return propagator.extract(ROOT_CONTEXT, carrier, GETTER);
}
