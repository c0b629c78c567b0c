/**
 * Providers of spans and instruments that keep what they receive.
 *
 * @module
 */
import {
  type Attributes,
  type AttributeValue,
  type BatchObservableCallback,
  type Context,
  createNoopMeter,
  type Link,
  type Meter,
  type MeterProvider,
  type ObservableCallback,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
  type TraceState,
} from "@opentelemetry/api";

/** A span, with what was set. */
export interface RecordedSpan {
  readonly name: string;
  readonly attributes: Attributes;
  readonly links: readonly Link[];
  /** Span context of the parent. */
  readonly outer: SpanContext | undefined;
  /** Number of ends. */
  readonly ends: number;
  readonly status: SpanStatusCode | undefined;
  spanContext(): SpanContext;
}

/** A span that keeps what is set. */
class KeptSpan implements Span, RecordedSpan {
  readonly name: string;
  readonly attributes: Attributes;
  readonly links: readonly Link[];
  readonly outer: SpanContext | undefined;
  ends = 0;
  status: SpanStatusCode | undefined = undefined;
  readonly #context: SpanContext;

  constructor(
    name: string,
    { attributes, links }: SpanOptions,
    outer: SpanContext | undefined,
    own: SpanContext,
  ) {
    this.name = name;
    this.attributes = { ...attributes };
    this.links = links ?? [];
    this.outer = outer;
    this.#context = own;
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  setAttribute(name: string, value: AttributeValue): this {
    this.attributes[name] = value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    Object.assign(this.attributes, attributes);
    return this;
  }

  setStatus({ code }: { code: SpanStatusCode }): this {
    this.status = code;
    return this;
  }

  end(): void {
    this.ends++;
  }

  isRecording(): boolean {
    return true; // also after the end, as in Deno
  }

  addEvent(): this {
    throw new Error("events cost too much");
  }

  addLink(): this {
    throw new Error("links are set at the beginning");
  }

  addLinks(): this {
    throw new Error("links are set at the beginning");
  }

  updateName(): this {
    throw new Error("names do not change");
  }

  recordException(): void {
    throw new Error("events of exceptions are deprecated");
  }
}

/** A provider of spans, which are kept. */
export interface RecordingTracers extends TracerProvider {
  readonly spans: RecordedSpan[];
  /** Returns the names of the spans. */
  names(): string[];
}

/**
 * Returns a provider whose spans are kept.
 *
 * @param state the state of the traces that begin
 * @param traceFlags 1 if the spans are sampled, 0 if not
 */
export function recordingTracers(state = "", traceFlags = 1): RecordingTracers {
  const spans: RecordedSpan[] = [];
  let last = 0;
  const digits = (length: number) =>
    (++last).toString(16).padStart(length, "0");
  const tracer: Tracer = {
    startSpan(name, options = {}, context) {
      const outer = context && outerOf(context);
      const span = new KeptSpan(name, options, outer, {
        traceId: outer?.traceId ?? digits(32),
        spanId: digits(16),
        traceFlags,
        traceState: { ...NO_STATE, serialize: () => state },
      });
      spans.push(span);
      return span;
    },
    startActiveSpan() {
      throw new Error("a call is no function");
    },
  };
  return {
    spans,
    names: () => spans.map(({ name }) => name),
    getTracer: () => tracer,
  };
}

/** A trace state, which is not changed. */
const NO_STATE: Omit<TraceState, "serialize"> = {
  get: () => undefined,
  set: () => fail("a trace state is not changed"),
  unset: () => fail("a trace state is not changed"),
};

function fail(why: string): never {
  throw new Error(why);
}

function outerOf(context: Context): SpanContext | undefined {
  return trace.getSpanContext(context);
}

/** A value with its attributes. */
export interface RecordedValue {
  readonly attributes: Attributes;
  readonly value: number;
}

/** A provider of instruments, whose values are kept. */
export interface RecordingMeters extends MeterProvider {
  /** Number of meters that were created. */
  readonly meters: number;
  /** Number of callbacks that were registered. */
  readonly callbacks: number;
  /** Returns the values of an instrument. */
  values(name: string): RecordedValue[];
  /** Reads an observable instrument. */
  observe(name: string): RecordedValue[];
}

/** Returns a provider whose instruments keep their values. */
export function recordingMeters(): RecordingMeters {
  const values = new Map<string, RecordedValue[]>();
  const callbacks = new Map<string, ObservableCallback[]>();
  let meters = 0;
  const keep = (name: string) => (value: number, attributes = {}) => {
    const kept = values.get(name) ?? [];
    kept.push({ attributes, value });
    values.set(name, kept);
  };
  const observable = (name: string) => ({
    addCallback(callback: ObservableCallback) {
      callbacks.set(name, [...callbacks.get(name) ?? [], callback]);
    },
    removeCallback() {},
  });
  const meter: Meter = Object.assign(createNoopMeter(), {
    createHistogram: (name: string) => ({ record: keep(name) }),
    createCounter: (name: string) => ({ add: keep(name) }),
    createUpDownCounter: (name: string) => ({ add: keep(name) }),
    createObservableCounter: observable,
    createObservableUpDownCounter: observable,
    addBatchObservableCallback(_callback: BatchObservableCallback) {},
  });
  return {
    get meters() {
      return meters;
    },
    get callbacks() {
      return [...callbacks.values()].flat().length;
    },
    values: (name) => values.get(name) ?? [],
    observe(name) {
      const found: RecordedValue[] = [];
      for (const callback of callbacks.get(name) ?? []) {
        callback({
          observe: (value, attributes = {}) =>
            void found.push({ attributes, value }),
        });
      }
      return found;
    },
    getMeter() {
      meters++;
      return meter;
    },
  };
}
