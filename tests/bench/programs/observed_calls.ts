/**
 * Compares the cost of observers for each call with that of the bare API of
 * OpenTelemetry. Runs with `OTEL_DENO=true` and a sampler that drops all spans;
 * see `observers.ts`.
 *
 * @module
 */
import {
  context,
  metrics,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import { connect, createServer, protocol, unary } from "../../../mod.ts";
import type { Observer } from "../../../lib/messages/observe/mod.ts";
import { Observers } from "../../../lib/messages/observe/observers.ts";
import { otel } from "../../../lib/otel/mod.ts";
import { DURATION_BOUNDS } from "../../../lib/otel/names.ts";
import { memoryPair } from "../../../lib/testing/mod.ts";
import { compare, type Comparison, type Subject } from "../compare.ts";

/** Calls of a round without a connection. */
const STEPS = 20_000;
/** Calls of a round over a connection. */
const CALLS = 4_000;
/** Calls that are in flight at once. */
const IN_FLIGHT = 64;

const Echo = protocol({
  name: "bench",
  server: { echo: unary<string, string>() },
});

function dial(observers: readonly Observer[]) {
  const server = createServer(Echo, { observers }).handle({
    echo: (text) => text,
  });
  const [near, far] = memoryPair();
  server.accept(far);
  return connect(Echo, near, { observers });
}

// ── steps of a call ──────────────────────────────────────────────────────────

const session = await dial([]);
const observable = {
  id: "1",
  protocol: "bench",
  role: "client",
  endpoint: "tcp://127.0.0.1:7000",
  localAddr: session.localAddr,
  remoteAddr: session.remoteAddr,
  sameProtocol: true,
  principal: "",
  mismatches: [],
  stats: session.stats,
  now: () => now,
  get recent() {
    return now;
  },
} as const; // literal types
/** A session reads its clock once for many frames. */
let now = performance.now();
const attempt = { sent: true };
const handler = () => 1;

/** Observes calls as a caller does. */
function caller(name: string, observer: Observer): Subject {
  const observers = new Observers([observer], console.error);
  return steps(name, () => {
    const call = observers.call({
      side: "caller",
      protocol: "bench",
      method: "echo",
      methodOriginal: "echo",
      shape: "unary",
      session: observable,
      timeLeft: Infinity,
      traceBytes: undefined,
      metadata: undefined,
    });
    call?.attempt(observable, attempt);
    call?.traceField();
    now += 0.01; // the response arrives with a later read
    call?.end(undefined);
  });
}

/** Observes calls as a callee does. */
function callee(name: string, observer: Observer): Subject {
  const observers = new Observers([observer], console.error);
  return steps(name, () => {
    const call = observers.call({
      side: "callee",
      protocol: "bench",
      method: "echo",
      methodOriginal: "echo",
      shape: "unary",
      session: observable,
      timeLeft: Infinity,
      traceBytes: undefined,
      metadata: undefined,
    });
    call?.run(handler);
    call?.handled(undefined, true);
  });
}

function steps(name: string, step: () => void): Subject {
  return {
    name,
    run() {
      for (let at = 0; at < STEPS; at++) {
        now += 0.01;
        step();
      }
      return STEPS;
    },
  };
}

const histogram = metrics.getMeter("bench").createHistogram("bench.duration", {
  unit: "s",
  advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
});
const attributes = {
  "rpc.system.name": "lengthwise",
  "rpc.method": "bench/echo",
  "rpc.status_code": "ok",
  "server.address": "127.0.0.1",
  "server.port": 7000,
};
const { "server.address": _a, "server.port": _p, ...atCallee } = attributes;
const tracer = trace.getTracer("bench");

function startSpan(kind: SpanKind, recorded: typeof atCallee): Span {
  return tracer.startSpan("bench/echo", {
    kind,
    attributes: { ...recorded, "lengthwise.shape": "unary" },
  }, ROOT_CONTEXT);
}

/** Ids that a caller would have sent. */
let sent = "";

/** Uses the API as a caller must, which sends the ids of its span. */
function bareCaller(): void {
  const span = startSpan(SpanKind.CLIENT, attributes);
  sent = span.spanContext().traceId;
  span.end();
  histogram.record(0.001, attributes);
}

/** Uses the API as a callee must, whose handler runs in the span's context. */
function bareCallee(): void {
  const span = startSpan(SpanKind.SERVER, atCallee);
  context.with(trace.setSpan(ROOT_CONTEXT, span), handler);
  span.end();
  histogram.record(0.001, atCallee);
}

const counting: Observer = (() => {
  let count = 0;
  return { call: () => ({ end: () => void count++ }) };
})();

// ── whole calls ──────────────────────────────────────────────────────────────

async function calls(name: string, observers: Observer[]): Promise<Subject> {
  const { remote } = await dial(observers);
  return {
    name,
    async run() {
      let begun = 0;
      await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
        while (begun++ < CALLS) await remote.echo("a text of some length");
      }));
      return CALLS;
    },
  };
}

/** The tables; each runs in a process of its own, with one kind of observer. */
const TABLES: Readonly<Record<string, () => Promise<Comparison>>> = {
  "metrics-caller": () =>
    Promise.resolve({
      title: "Metrics of a call at the caller",
      unit: "calls",
      rounds: 20,
      time: "processor",
      subjects: [
        steps("record()", () => histogram.record(0.001, attributes)),
        caller("otel({ traces: false })", otel({ traces: false })),
      ],
    }),
  "metrics-callee": () =>
    Promise.resolve({
      title: "Metrics of a call at the callee",
      unit: "calls",
      rounds: 20,
      time: "processor",
      subjects: [
        steps("record()", () => histogram.record(0.001, atCallee)),
        callee("otel({ traces: false })", otel({ traces: false })),
      ],
    }),
  "spans-caller": () =>
    Promise.resolve({
      title: "A span that is not sampled, and metrics, at the caller",
      unit: "calls",
      rounds: 20,
      time: "processor",
      subjects: [
        steps("startSpan(), spanContext(), end(), record()", bareCaller),
        caller("otel()", otel()),
      ],
    }),
  "spans-callee": () =>
    Promise.resolve({
      title: "A span that is not sampled, and metrics, at the callee",
      unit: "calls",
      rounds: 20,
      time: "processor",
      subjects: [
        steps("startSpan(), with(), end(), record()", bareCallee),
        callee("otel()", otel()),
      ],
    }),
  "calls-counting": async () => ({
    title: `Unary calls in memory, both ends, ${IN_FLIGHT} in flight`,
    unit: "calls",
    rounds: 20,
    time: "processor",
    subjects: [
      await calls("no observer", []),
      await calls("an observer that counts", [counting]),
    ],
  }),
  "calls-metrics": async () => ({
    title: `Unary calls in memory, both ends, ${IN_FLIGHT} in flight`,
    unit: "calls",
    rounds: 20,
    time: "processor",
    subjects: [
      await calls("no observer", []),
      await calls("otel({ traces: false })", [otel({ traces: false })]),
    ],
  }),
  "calls-otel": async () => ({
    title: `Unary calls in memory, both ends, ${IN_FLIGHT} in flight`,
    unit: "calls",
    rounds: 20,
    time: "processor",
    subjects: [
      await calls("no observer", []),
      await calls("otel(), not sampled", [otel()]),
    ],
  }),
};

const [name = ""] = Deno.args;
const table = TABLES[name];
if (table === undefined) throw new TypeError(`Unknown table "${name}"`);
await compare(await table());
if (name === "spans-caller" && sent === "") throw new Error("no id was read");
Deno.exit(0); // the sessions are open
