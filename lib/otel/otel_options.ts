/**
 * The options of `otel()`, and their checks.
 *
 * @module
 */
import type {
  MeterProvider,
  TextMapPropagator,
  TracerProvider,
} from "@opentelemetry/api";
import type { CallInfo } from "../messages/observe/observer.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { describeType } from "../support/describe_type.ts";
import { EXTRA_METRICS } from "./names.ts";

/** Options for `otel()`. */
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
   * Metrics to record in addition, by their names.
   *
   * - `"lengthwise.session.rtt"`: round trips of sessions, in seconds.
   * - `"lengthwise.message.size"`: sizes of messages, in bytes.
   * - `"lengthwise.server.memory"`: heap bytes that the sessions of servers hold;
   *   each collection takes time for each session.
   *
   * @default {[]}
   */
  readonly extraMetrics?:
    | readonly (
      | "lengthwise.session.rtt"
      | "lengthwise.message.size"
      | "lengthwise.server.memory"
    )[]
    | undefined;
  /**
   * Keys of metadata whose values become attributes of spans.
   *
   * Metadata may contain secrets, so no other key is reported.
   *
   * @default {[]}
   */
  readonly metadata?: readonly string[] | undefined;
  /**
   * Lets more than the trace context travel with calls, such as baggage.
   *
   * Its fields become metadata of calls, 4 KiB at most; longer ones are dropped
   * and counted. A `TextMapPropagator` of `@opentelemetry/api`, such as its
   * `propagation`. With `parent: "link"`, only ids are read from callers, and no
   * baggage. Without `traces`, it has no effect.
   *
   * @default {the trace context alone}
   */
  readonly propagator?:
    | {
      inject(...args: never[]): void;
      extract(...args: never[]): object;
      fields(): string[];
    }
    | undefined;
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
  traces: "flag",
  metrics: "flag",
  parent: true,
  streams: true,
  notifications: "flag",
  extraMetrics: true,
  metadata: true,
  propagator: true,
  filter: true,
  meterProvider: true,
  tracerProvider: true,
};

/** @throws {TypeError} if a provider has not the function that is needed */
export function providersOf({ meterProvider, tracerProvider }: OtelOptions): {
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

/** @throws {TypeError} if the propagator has not the functions that are needed */
export function propagatorOf(
  { propagator }: OtelOptions,
): TextMapPropagator | undefined {
  if (propagator === undefined || propagates(propagator)) return propagator;
  throw notAProvider("propagator", propagator, "extract");
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

function propagates(
  propagator: NonNullable<OtelOptions["propagator"]>,
): propagator is TextMapPropagator {
  return typeof propagator?.inject === "function" &&
    typeof propagator.extract === "function";
}

function notAProvider(name: string, value: unknown, method: string): TypeError {
  return new TypeError(
    `Cannot use ${
      describeType(value)
    } as ${name} of otel(): expected an object with the function ${method}()`,
  );
}

/** @throws {TypeError} if an option is unknown or has another type */
export function checkOtelOptions(options: OtelOptions): void {
  checkOptions("otel()", options, OPTIONS);
  const { parent = "link", streams = "lifetime", filter } = options;
  checkChoice("otel()", "parent", parent, ["link", "remote"]);
  checkChoice("otel()", "streams", streams, ["lifetime", "start", "none"]);
  for (const name of ["traces", "metrics", "notifications"] as const) {
    checkType(name, options[name], "boolean");
  }
  checkType("filter", filter, "function");
  const { extraMetrics = [], metadata = [] } = options;
  for (const name of checkArray("extraMetrics", extraMetrics)) {
    checkChoice("otel()", "extraMetrics", name, EXTRA_METRICS);
  }
  for (const key of checkArray("metadata", metadata)) {
    checkType("a key of metadata", key, "string");
  }
}

/** @throws {TypeError} if an option is no array */
function checkArray<Each>(
  name: string,
  value: readonly Each[],
): readonly Each[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(
    `Cannot use ${describeType(value)} as ${name} of otel(): expected an array`,
  );
}

/** @throws {TypeError} if an option has another type */
function checkType(
  name: string,
  value: unknown,
  type: "boolean" | "function" | "string",
): void {
  if (value === undefined || typeof value === type) return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as ${name} of otel(): expected a ${type}`,
  );
}
