/**
 * A collector of OTLP over HTTP with JSON bodies, which decodes what it receives.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** Value of an attribute. */
export type Value = string | number | boolean;
/** Attributes by name. */
export type Attributes = Readonly<Record<string, Value>>;

/** A span. */
export interface SeenSpan {
  readonly scope: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  /** 0: unset, 1: ok, 2: error. */
  readonly status: number;
  readonly message: string;
  readonly links: readonly { traceId: string; spanId: string }[];
}

/** The newest value of a metric with its attributes. */
export interface SeenPoint {
  readonly scope: string;
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Attributes;
  /** Value of a sum or gauge, or number of values of a histogram. */
  readonly value: number;
  /** Sum of the values of a histogram. */
  readonly sum: number;
  /** Bounds of the buckets of a histogram. */
  readonly bounds: readonly number[];
}

/** A line of the log. */
export interface SeenLog {
  readonly text: string;
  readonly severity: number;
  readonly traceId: string;
  readonly spanId: string;
}

/** A collector that is listening. */
export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: SeenSpan[];
  readonly logs: SeenLog[];
  /** Returns the newest points of a metric. */
  points(metric: string): SeenPoint[];
  /** Returns all names of metrics. */
  metrics(): string[];
  /** Waits until a condition holds; it is checked after each request. */
  until(condition: () => boolean): Promise<void>;
}

/** Starts a collector on a free port. */
export function startCollector(): Collector {
  const spans: SeenSpan[] = [];
  const logs: SeenLog[] = [];
  const points = new Map<string, SeenPoint>();
  const waiting = new Set<() => void>();
  const paths: Record<string, (body: unknown) => void> = {
    "/v1/traces": (body) => spans.push(...readSpans(body)),
    "/v1/logs": (body) => logs.push(...readLogs(body)),
    "/v1/metrics": (body) => {
      for (const point of readPoints(body)) {
        const attributes = JSON.stringify(
          Object.entries(point.attributes).toSorted(),
        );
        points.set(`${point.metric} ${attributes}`, point);
      }
    },
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const read = paths[new URL(request.url).pathname];
      assert(read !== undefined, request.url);
      assertEquals(request.headers.get("content-type"), "application/json");
      read(await request.json());
      for (const check of waiting) check();
      return Response.json({});
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    logs,
    points: (metric) =>
      [...points.values()].filter((point) => point.metric === metric),
    metrics:
      () => [...new Set([...points.values()].map(({ metric }) => metric))],
    async until(condition) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = () => {
        if (condition()) resolve();
      };
      waiting.add(check);
      check();
      await promise;
      waiting.delete(check);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

// ── OTLP in JSON ─────────────────────────────────────────────────────────────

function readSpans(body: unknown): SeenSpan[] {
  return list(body, "resourceSpans").flatMap((resource) =>
    list(resource, "scopeSpans").flatMap((scoped) =>
      list(scoped, "spans").map((span) => ({
        scope: scopeOf(scoped),
        name: text(span, "name"),
        kind: number(span, "kind"),
        traceId: text(span, "traceId"),
        spanId: text(span, "spanId"),
        parentSpanId: text(span, "parentSpanId"),
        start: BigInt(text(span, "startTimeUnixNano")),
        end: BigInt(text(span, "endTimeUnixNano")),
        attributes: attributesOf(span),
        status: number(member(span, "status"), "code"),
        message: text(member(span, "status"), "message"),
        links: list(span, "links").map((link) => ({
          traceId: text(link, "traceId"),
          spanId: text(link, "spanId"),
        })),
      }))
    )
  );
}

function readLogs(body: unknown): SeenLog[] {
  return list(body, "resourceLogs").flatMap((resource) =>
    list(resource, "scopeLogs").flatMap((scoped) =>
      list(scoped, "logRecords").map((record) => ({
        text: String(valueOf(member(record, "body"))),
        severity: number(record, "severityNumber"),
        traceId: text(record, "traceId"),
        spanId: text(record, "spanId"),
      }))
    )
  );
}

function readPoints(body: unknown): SeenPoint[] {
  return list(body, "resourceMetrics").flatMap((resource) =>
    list(resource, "scopeMetrics").flatMap((scoped) =>
      list(scoped, "metrics").flatMap((metric) => {
        const kind = ["sum", "gauge", "histogram"].find((kind) =>
          Object.hasOwn(record(metric), kind)
        );
        assert(kind !== undefined, JSON.stringify(metric));
        return list(member(metric, kind), "dataPoints").map((point) => ({
          scope: scopeOf(scoped),
          metric: text(metric, "name"),
          unit: text(metric, "unit"),
          attributes: attributesOf(point),
          value: kind === "histogram"
            ? number(point, "count")
            : number(point, "asInt") || number(point, "asDouble"),
          sum: number(point, "sum"),
          bounds: list(point, "explicitBounds").map(Number),
        }));
      })
    )
  );
}

/** Returns name and version of an instrumentation scope. */
function scopeOf(scoped: unknown): string {
  const scope = member(scoped, "scope");
  return `${text(scope, "name")}@${text(scope, "version")}`;
}

/** Returns the values of attributes; the elements of arrays with commas between. */
function attributesOf(owner: unknown): Attributes {
  return Object.fromEntries(
    list(owner, "attributes").map((attribute) => [
      text(attribute, "key"),
      valueOf(member(attribute, "value")),
    ]),
  );
}

function valueOf(value: unknown): Value {
  const [[kind, content] = ["", ""]] = Object.entries(record(value));
  if (kind === "intValue" || kind === "doubleValue") return Number(content);
  if (typeof content === "boolean") return content;
  if (kind === "arrayValue") {
    return list(content, "values").map(valueOf).join(",");
  }
  assertEquals(kind, "stringValue");
  return String(content);
}

function record(value: unknown): Record<string, unknown> {
  assert(typeof value === "object" && value !== null, `no object: ${value}`);
  return { ...value };
}

function member(owner: unknown, name: string): unknown {
  return record(owner)[name] ?? {}; // the JSON form leaves out what is empty
}

function list(owner: unknown, name: string): unknown[] {
  const found = record(owner)[name] ?? [];
  assert(Array.isArray(found), `${name}: no array`);
  return found;
}

function text(owner: unknown, name: string): string {
  const found = record(owner)[name] ?? "";
  assert(typeof found === "string", `${name}: no text`);
  return found;
}

/** 64-bit numbers are text in the JSON form. */
function number(owner: unknown, name: string): number {
  return Number(record(owner)[name] ?? 0);
}
