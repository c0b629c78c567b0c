/**
 * An observer that reports traces and metrics through the OpenTelemetry API.
 *
 * @module
 */
import {
  type Context,
  context,
  type MeterProvider,
  metrics as metricsApi,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  trace as traceApi,
} from "@opentelemetry/api";
import type { CallInfo, Observer } from "../messages/observe/observer.ts";
import {
  callMetrics,
  SizedCallMetrics,
  SizedTracedCall,
  TracedCall,
} from "./call_telemetry.ts";
import { type Instruments, instrumentsOf } from "./instruments.ts";
import type { CallMetrics } from "./method_metrics.ts";
import { ATTRIBUTE, METRIC } from "./names.ts";
import {
  checkOtelOptions,
  type OtelOptions,
  propagatorOf,
  providersOf,
} from "./otel_options.ts";
import { readContext, writeContext } from "./propagation.ts";
import { Spans } from "./spans.ts";
import { readTrace } from "./trace_context.ts";

/**
 * Returns an observer that reports traces and metrics to OpenTelemetry.
 *
 * Pass it with the option `observers`, on both sides. The observer uses the
 * providers that are registered when a call begins: with `OTEL_DENO=true`, Deno's
 * own.
 * Without providers, the observer does nothing.
 *
 * @param options what is reported, and to which providers
 * @throws {TypeError} if an option is unknown or has another type
 *
 * @example Trace calls between services that trust each other
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { otel } from "@lengthwise/lengthwise/otel";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const observers = [otel({ parent: "remote" })];
 * await using server = await serve(Shop, { port: 0 }, { observers })
 *   .handle({ price: (sku) => sku.length });
 * await using session = await connect(Shop, server.addr, { observers });
 * assertEquals(await session.remote.price("A-1"), 3); // one trace of two spans
 * ```
 */
export function otel(options: OtelOptions = {}): Observer {
  checkOtelOptions(options);
  const { filter, notifications = false, parent = "link" } = options;
  const { metrics = true, traces = true, streams = "lifetime" } = options;
  const { extraMetrics = [], metadata = [] } = options;
  const { meters, tracers } = providersOf(options);
  const propagator = propagatorOf(options);
  // A provider may be registered after this function was called.
  let provider: MeterProvider | undefined;
  let known: Instruments | undefined;
  const instruments = () => {
    const current = meters ?? metricsApi.getMeterProvider();
    if (known === undefined || provider !== current) {
      provider = current;
      known = instrumentsOf(current);
    }
    return known;
  };
  const spans = new Spans(tracers, metadata);
  const sized = extraMetrics.includes(METRIC.messageSize);
  const inject = propagator &&
    ((own: Context, fields: Record<string, string>) =>
      writeContext(propagator, own, fields, () => {
        if (!metrics) return;
        instruments().dropped.add(1, { [ATTRIBUTE.reason]: "propagation" });
      }));

  /** Whether a call has a span. */
  function hasSpan({ side, shape }: CallInfo): boolean {
    if (shape === "notification") return notifications && side === "callee";
    return shape === "unary" || shape === undefined || streams !== "none";
  }

  function traced(info: CallInfo, measured?: CallMetrics): TracedCall {
    const { side, shape } = info;
    let outer: Context;
    let remote: SpanContext | undefined;
    if (side === "caller") {
      outer = context.active();
    } else {
      // The context in which frames are read belongs to no call.
      const received = receivedContext(info, propagator);
      outer = parent === "remote" ? received : ROOT_CONTEXT;
      if (received !== ROOT_CONTEXT) remote = traceApi.getSpanContext(received);
    }
    const span = hasSpan(info)
      ? spans.start(info, outer, parent === "link" ? remote : undefined)
      : undefined;
    const own = span === undefined || side === "caller"
      ? outer
      : traceApi.setSpan(outer, span);
    const end = streams === "start" && shape !== "unary" ? "start" : "lifetime";
    return measured instanceof SizedCallMetrics
      ? new SizedTracedCall(measured, info, span, own, end, inject)
      : new TracedCall(measured, info, span, own, end, inject);
  }

  const connections = metrics ? sessionMetrics(instruments, extraMetrics) : {};
  if (!traces && !metrics) return {};
  return {
    ...connections,
    call(info) {
      if (filter !== undefined && !filter(info)) return undefined;
      const measured = metrics
        ? callMetrics(instruments(), info, sized)
        : undefined;
      return traces ? traced(info, measured) : measured;
    },
  };
}

/** Returns the context that a caller has sent. */
function receivedContext(
  info: CallInfo,
  propagator: TextMapPropagator | undefined,
): Context {
  if (propagator !== undefined) {
    const received = readContext(propagator, info);
    // The trace context arrives even if the propagator is for others.
    if (traceApi.getSpanContext(received) !== undefined) return received;
    const remote = readTrace(info.trace);
    return remote === undefined
      ? received
      : traceApi.setSpanContext(received, remote);
  }
  const remote = readTrace(info.trace);
  return remote === undefined
    ? ROOT_CONTEXT
    : traceApi.setSpanContext(ROOT_CONTEXT, remote);
}

/** Returns an observer that counts sessions and connections. */
function sessionMetrics(
  instruments: () => Instruments,
  extra: NonNullable<OtelOptions["extraMetrics"]>,
): Observer {
  const measuresTrips = extra.includes(METRIC.roundTrip);
  const measuresMemory = extra.includes(METRIC.memory);
  return {
    session(info) {
      const { role } = info;
      const own = instruments(); // also counts the end, whatever is registered then
      if (role === "server") own.sessions.add(1);
      const memory = measuresMemory && role === "server"
        ? own.sessionsInMemory.add(info)
        : undefined;
      return {
        roundTrip(ms) {
          if (!measuresTrips) return;
          own.roundTrips.record(ms / 1000, { [ATTRIBUTE.role]: role });
        },
        ended({ code }) {
          memory?.delete(info);
          if (role === "server") own.sessions.add(-1);
          own.ended.add(1, {
            [ATTRIBUTE.role]: role,
            [ATTRIBUTE.reason]: code,
          });
        },
        dropped(reason, count) {
          own.dropped.add(count, { [ATTRIBUTE.reason]: reason });
        },
      };
    },
    refused({ reason }) {
      instruments().refused.add(1, { [ATTRIBUTE.reason]: reason });
    },
    connect({ outcome }) {
      instruments().connects.add(1, { [ATTRIBUTE.outcome]: outcome });
    },
  };
}
