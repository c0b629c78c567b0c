/**
 * An observer that reports traces and metrics through the OpenTelemetry API.
 *
 * @module
 */
import {
  context,
  type MeterProvider,
  metrics as metricsApi,
  ROOT_CONTEXT,
  trace as traceApi,
  type TracerProvider,
} from "@opentelemetry/api";
import type { CallInfo, Observer } from "../messages/observe/observer.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { describeType } from "../support/describe_type.ts";
import { CallMetrics, TracedCall } from "./call_telemetry.ts";
import { type Instruments, instrumentsOf } from "./instruments.ts";
import { ATTRIBUTE } from "./names.ts";
import { Spans } from "./spans.ts";
import { readTrace } from "./trace_context.ts";

/** Options for {@linkcode otel}. */
export interface OtelOptions {
  /** Whether calls have spans, and carry their trace context. @default {true} */
  readonly traces?: boolean | undefined;
  /** Whether metrics are recorded. @default {true} */
  readonly metrics?: boolean | undefined;
  /**
   * How the span of an incoming call relates to its caller's.
   *
   * - `"link"`: it begins a trace of its own, with a link to the caller's span.
   * - `"remote"`: it is a child of the caller's span. Callers then choose the ids
   *   of traces and what is sampled, so use it only for callers that you trust.
   *
   * @default {"link"}
   */
  readonly parent?: "link" | "remote" | undefined;
  /**
   * When the spans of streams end.
   *
   * - `"lifetime"`: with the call.
   * - `"start"`: at the first item in either direction, for streams that last for
   *   hours. The attribute `lengthwise.stream` is then `start`.
   * - `"none"`: streams have no spans.
   *
   * @default {"lifetime"}
   */
  readonly streams?: "lifetime" | "start" | "none" | undefined;
  /**
   * Whether incoming notifications, also those of topics, have spans.
   *
   * @default {false}
   */
  readonly notifications?: boolean | undefined;
  /**
   * Returns whether a call is reported.
   *
   * @default {all calls}
   */
  readonly filter?: ((info: CallInfo) => boolean) | undefined;
  /**
   * Creates the instruments: a `MeterProvider` of `@opentelemetry/api`.
   *
   * @default {the global provider}
   */
  readonly meterProvider?:
    | { getMeter(name: string, version?: string): object }
    | undefined;
  /**
   * Creates the spans: a `TracerProvider` of `@opentelemetry/api`.
   *
   * @default {the global provider}
   */
  readonly tracerProvider?:
    | { getTracer(name: string, version?: string): object }
    | undefined;
}

const OPTIONS: OptionNames<OtelOptions> = {
  traces: true,
  metrics: true,
  parent: true,
  streams: true,
  notifications: true,
  filter: true,
  meterProvider: true,
  tracerProvider: true,
};

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
  const { meters, tracers } = providersOf(options);
  // A provider may be registered after this function was called.
  const instruments = () =>
    instrumentsOf(meters ?? metricsApi.getMeterProvider());
  const spans = new Spans(tracers);

  /** Whether a call has a span. */
  function hasSpan({ side, shape }: CallInfo): boolean {
    if (shape === "notification") return notifications && side === "callee";
    return shape === "unary" || shape === undefined || streams !== "none";
  }

  function traced(info: CallInfo, measured?: CallMetrics): TracedCall {
    const { side, shape } = info;
    // The context in which frames are read belongs to no call.
    const remote = side === "caller" ? undefined : readTrace(info.trace);
    const outer = side === "caller"
      ? context.active()
      : remote !== undefined && parent === "remote"
      ? traceApi.setSpanContext(ROOT_CONTEXT, remote)
      : ROOT_CONTEXT;
    const span = hasSpan(info)
      ? spans.start(info, outer, parent === "link" ? remote : undefined)
      : undefined;
    const own = span === undefined || side === "caller"
      ? outer
      : traceApi.setSpan(outer, span);
    const end = streams === "start" && shape !== "unary" ? "start" : "lifetime";
    return new TracedCall(measured, info, span, own, end);
  }

  const connections = metrics ? sessionMetrics(instruments) : {};
  if (!traces && !metrics) return {};
  return {
    ...connections,
    call(info) {
      if (filter !== undefined && !filter(info)) return undefined;
      const measured = metrics
        ? new CallMetrics(instruments(), info)
        : undefined;
      return traces ? traced(info, measured) : measured;
    },
  };
}

/** Returns an observer that counts sessions and connections. */
function sessionMetrics(instruments: () => Instruments): Observer {
  return {
    session({ role }) {
      const own = instruments(); // also counts the end, whatever is registered then
      if (role === "server") own.sessions.add(1);
      return {
        ended({ code }) {
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

/** @throws {TypeError} if a provider has not the function that is needed */
function providersOf({ meterProvider, tracerProvider }: OtelOptions): {
  readonly meters: MeterProvider | undefined;
  readonly tracers: TracerProvider | undefined;
} {
  if (meterProvider !== undefined && !createsMeters(meterProvider)) {
    throw notAProvider("meterProvider", meterProvider, "getMeter");
  }
  if (tracerProvider !== undefined && !createsTracers(tracerProvider)) {
    throw notAProvider("tracerProvider", tracerProvider, "getTracer");
  }
  return { meters: meterProvider, tracers: tracerProvider };
}

// The options are typed by what they must have, because the documentation of this
// package does not contain the types of others.

function createsMeters(
  provider: NonNullable<OtelOptions["meterProvider"]>,
): provider is MeterProvider {
  return typeof provider?.getMeter === "function";
}

function createsTracers(
  provider: NonNullable<OtelOptions["tracerProvider"]>,
): provider is TracerProvider {
  return typeof provider?.getTracer === "function";
}

function notAProvider(name: string, value: unknown, method: string): TypeError {
  return new TypeError(
    `Cannot use ${
      describeType(value)
    } as ${name} of otel(): expected an object with the function ${method}()`,
  );
}

/** @throws {TypeError} if an option is unknown or has another type */
function checkOtelOptions(options: OtelOptions): void {
  checkOptions("otel()", options, OPTIONS);
  const { parent = "link", streams = "lifetime", filter } = options;
  checkChoice("otel()", "parent", parent, ["link", "remote"]);
  checkChoice("otel()", "streams", streams, ["lifetime", "start", "none"]);
  for (const name of ["traces", "metrics", "notifications"] as const) {
    checkType(name, options[name], "boolean");
  }
  checkType("filter", filter, "function");
}

/** @throws {TypeError} if an option has another type */
function checkType(
  name: string,
  value: unknown,
  type: "boolean" | "function",
): void {
  if (value === undefined || typeof value === type) return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as ${name} of otel(): expected a ${type}`,
  );
}
