import { assert, assertEquals, assertThrows } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  context,
  type ContextManager,
  metrics,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import { connect } from "../../lib/messages/client/connect.ts";
import type {
  CallInfo,
  Observer,
} from "../../lib/messages/observe/observer.ts";
import {
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { otel } from "../../lib/otel/mod.ts";
import { ATTRIBUTE, METRIC } from "../../lib/otel/names.ts";
import { all, dial, failureOf, incidents, turns } from "../messages/kit.ts";
import { K, RawPeer, request, value } from "../messages/raw_peer.ts";
import { recordingMeters, recordingTracers } from "./recording_providers.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>(),
    ticks: serverStream<number, number>(),
    echo: duplex<number, number>(),
    note: notification<string>(),
  },
});

const handlers = {
  price(sku: string) {
    if (sku === "") throw new Error("a bug");
    return sku.length;
  },
  async *ticks(count: number) {
    for (let tick = 0; tick < count; tick++) yield await tick;
  },
  async *echo(items: AsyncIterable<number>) {
    yield* items;
  },
  note() {},
};

/** Makes a call of each shape with observers at both ends. */
async function callAll(near: Observer, far: Observer = near): Promise<void> {
  await using server = createServer(Shop, { observers: [far], onError() {} })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), {
    observers: [near],
  });
  assertEquals(await session.remote.price("abc"), 3);
  await failureOf(session.remote.price(""));
  assertEquals(await all(session.remote.ticks(2)), [0, 1]);
  const echo = session.remote.echo([1, 2]);
  assertEquals(await all(echo), [1, 2]);
  await session.remote.note("n");
  await session.remote.price("last"); // handled after the notification
}

Deno.test("otel() with streams: none has no spans for streams", async () => {
  const tracerProvider = recordingTracers();
  await callAll(otel({ tracerProvider, metrics: false, streams: "none" }));
  assertEquals(tracerProvider.names(), [
    ...Array(6).fill("shop/price"),
  ]);
});

Deno.test("otel() with streams: start ends their spans at the first item", async () => {
  const tracerProvider = recordingTracers();
  const meterProvider = recordingMeters();
  await callAll(otel({ tracerProvider, meterProvider, streams: "start" }));
  for (const name of ["shop/ticks", "shop/echo"]) {
    const spans = tracerProvider.spans.filter((span) => span.name === name);
    assertEquals(spans.length, 2);
    for (const { attributes, ends } of spans) {
      assertEquals(ends, 1);
      assertEquals(attributes[ATTRIBUTE.stream], "start");
      assertEquals(attributes[ATTRIBUTE.status], undefined);
    }
    const durations = meterProvider.values(METRIC.clientDuration)
      .filter(({ attributes }) => attributes[ATTRIBUTE.method] === name);
    assertEquals(
      durations.map(({ attributes }) => attributes[ATTRIBUTE.status]),
      ["ok"],
    );
  }
  const price = tracerProvider.spans.find(({ name }) => name === "shop/price");
  assertEquals(price!.attributes[ATTRIBUTE.stream], undefined);
});

Deno.test("otel() ends each span once, as an error only if the call is one", async () => {
  const tracerProvider = recordingTracers();
  await callAll(otel({ tracerProvider, metrics: false }));
  const statuses = tracerProvider.spans.map(({ name, ends, status }) => {
    assertEquals(ends, 1, name);
    return status;
  });
  assertEquals(
    statuses.filter((status) => status !== undefined),
    [SpanStatusCode.ERROR, SpanStatusCode.ERROR], // both ends of one call
  );
});

Deno.test("otel() describes the calls of both ends by their outcomes", async () => {
  const tracerProvider = recordingTracers();
  await callAll(otel({ tracerProvider, metrics: false }));
  const described = tracerProvider.spans.map(({ name, attributes }) => {
    const of = (attribute: keyof typeof ATTRIBUTE) =>
      attributes[ATTRIBUTE[attribute]];
    assert(Number(of("bytesSent")) > 0);
    return [
      ...[name, of("status"), of("error"), of("processed")],
      ...[of("bytesReceived"), of("itemsSent"), of("itemsReceived")],
    ].join(" ");
  });
  assertEquals(described.toSorted(), [
    "shop/echo ok  yes 2 2 2",
    "shop/echo ok  yes 2 2 2",
    "shop/price internal internal yes 0  ", // an error is no message
    "shop/price internal internal yes 1  ",
    "shop/price ok  yes 1  ",
    "shop/price ok  yes 1  ",
    "shop/price ok  yes 4  ",
    "shop/price ok  yes 5  ",
    "shop/ticks ok  yes 1 2 0",
    "shop/ticks ok  yes 2 0 2",
  ]);
});

Deno.test("otel() describes the peer of a call by its address", async () => {
  const peers: [remoteAddr: object, described: unknown[]][] = [
    [{ hostname: "192.0.2.7", port: 9 }, ["192.0.2.7", 9]],
    [{ path: "/run/shop" }, ["/run/shop", undefined]],
    [{}, [undefined, undefined]],
  ];
  for (const [remoteAddr, described] of peers) {
    const tracerProvider = recordingTracers();
    const observers = [otel({ tracerProvider, metrics: false })];
    await using server = createServer(Shop, { observers }).handle(handlers);
    const [near, far] = memoryPair();
    server.accept(far, {
      info: { remoteAddr: { transport: "test", ...remoteAddr } },
    });
    await using session = await connect(Shop, near);
    assertEquals(await session.remote.price("abc"), 3);
    assertEquals(
      [ATTRIBUTE.peerAddress, ATTRIBUTE.peerPort].map((name) =>
        tracerProvider.spans[0]?.attributes[name]
      ),
      described,
    );
  }
});

Deno.test("otel() with notifications makes a server span for each", async () => {
  const tracerProvider = recordingTracers();
  await callAll(otel({ tracerProvider, metrics: false, notifications: true }));
  const notes = tracerProvider.spans.filter(({ name }) => name === "shop/note");
  assertEquals(notes.map(({ attributes }) => attributes[ATTRIBUTE.shape]), [
    "notification",
  ]);
});

Deno.test("otel() with a filter reports only the calls that pass it", async () => {
  const tracerProvider = recordingTracers();
  const meterProvider = recordingMeters();
  const filter = ({ method }: CallInfo) => method === "ticks";
  await callAll(otel({ tracerProvider, meterProvider, filter }));
  assertEquals(tracerProvider.names(), ["shop/ticks", "shop/ticks"]);
  assertEquals(
    meterProvider.values(METRIC.clientDuration).map(({ attributes }) =>
      attributes[ATTRIBUTE.method]
    ),
    ["shop/ticks"],
  );
});

Deno.test("otel() without traces or metrics observes nothing", () => {
  assertEquals(otel({ traces: false, metrics: false }), {});
  const { call, session } = otel({ metrics: false });
  assert(call !== undefined && session === undefined);
});

Deno.test("otel() continues the trace of a caller only if it is trusted", async () => {
  for (const parent of ["link", "remote"] as const) { // the two choices
    const near = recordingTracers();
    const far = recordingTracers();
    await callAll(
      otel({ tracerProvider: near, metrics: false }),
      otel({ tracerProvider: far, metrics: false, parent }),
    );
    const callers = near.spans.filter(({ name }) => name === "shop/price");
    const callees = far.spans.filter(({ name }) => name === "shop/price");
    assertEquals(callees.length, 3);
    for (const [at, { links, outer }] of callees.entries()) {
      const { spanId } = callers[at]!.spanContext();
      assertEquals(
        [links.map(({ context }) => context.spanId), outer?.spanId],
        parent === "link" ? [[spanId], undefined] : [[], spanId],
      );
    }
  }
});

/** Contexts that follow asynchronous work, as those of a program do. */
class StoredContexts implements ContextManager {
  readonly #store = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#store.getStore() ?? ROOT_CONTEXT;
  }

  with: ContextManager["with"] = (own, run, receiver, ...args) =>
    this.#store.run(own, () => run.call(receiver, ...args));

  bind<T>(_: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

Deno.test("the span in which a client connects is no parent of later calls to it", async () => {
  const tracerProvider = recordingTracers();
  const Feed = protocol({ name: "feed", client: { ask: unary<void, void>() } });
  const active: (Span | undefined)[] = [];
  await using server = createServer(Feed).handle({});
  assert(context.setGlobalContextManager(new StoredContexts()));
  try {
    const outer = tracerProvider.getTracer("test").startSpan("outer");
    await using _session = await context.with(
      trace.setSpan(ROOT_CONTEXT, outer),
      () =>
        connect(Feed, dial(server), {
          observers: [otel({ tracerProvider, metrics: false })],
          handlers: { ask: () => void active.push(trace.getActiveSpan()) },
        }),
    );
    const [served] = server.sessions;
    await served!.remote.ask();
  } finally {
    context.disable();
  }
  const ask = tracerProvider.spans.find(({ name }) => name === "feed/ask");
  assertEquals(ask?.outer, undefined);
  assertEquals(
    active.map((span) => span?.spanContext().spanId),
    [ask?.spanContext().spanId],
  );
});

Deno.test("otel() describes no span of a caller that is not sampled", async () => {
  for (const traceFlags of [1, 0]) {
    const tracerProvider = recordingTracers("", traceFlags);
    await callAll(otel({ tracerProvider, metrics: false }), {});
    for (const { name, attributes, ends } of tracerProvider.spans) {
      assertEquals(ends, 1, name);
      assertEquals(ATTRIBUTE.method in attributes, true);
      assertEquals(ATTRIBUTE.bytesSent in attributes, traceFlags === 1, name);
    }
  }
});

Deno.test("otel() keeps the state of a trace, and leaves out one that is too long", async () => {
  const long = `a=${"x".repeat(253)},b=${"x".repeat(254)}`;
  for (const [state, expected] of [[long, 512], [`${long}x`, 0]] as const) { // pairs
    const near = recordingTracers(state);
    const far = recordingTracers();
    await callAll(
      otel({ tracerProvider: near, metrics: false }),
      otel({ tracerProvider: far, metrics: false, parent: "remote" }),
    );
    const [{ outer } = {}] = far.spans;
    assertEquals(outer?.traceState?.serialize().length ?? 0, expected);
  }
});

Deno.test("2,000 unknown method names are one series", async () => {
  const COUNT = 2_000; // a HELLO with many more would be too large
  const meterProvider = recordingMeters();
  const tracerProvider = recordingTracers();
  await using server = createServer(Shop, {
    observers: [otel({ meterProvider, tracerProvider })],
    limits: { maxMethods: COUNT },
  }).handle(handlers);
  const peer = new RawPeer(dial(server));
  await peer.hello({
    methods: Array.from({ length: COUNT }, (_, at) => [`made-up.m${at}`, 0]),
  });
  for (let at = 0; at < COUNT; at++) {
    await peer.frame(K.REQUEST, 2 * at + 1, request(at, value("a")));
    await peer.error();
  }
  await Promise.all([server.abort(), peer[Symbol.asyncDispose]()]);
  const points = meterProvider.values(METRIC.serverDuration);
  assertEquals(points.length, COUNT);
  assertEquals(new Set(points.map(({ attributes }) => attributes)).size, 1);
  assertEquals(points[0]!.attributes, {
    [ATTRIBUTE.system]: "lengthwise",
    [ATTRIBUTE.method]: "_OTHER",
    [ATTRIBUTE.status]: "unimplemented",
    [ATTRIBUTE.error]: "unimplemented",
  });
  const last = tracerProvider.spans.at(-1)!;
  assertEquals(last.name, "lengthwise");
  assertEquals(last.attributes[ATTRIBUTE.methodOriginal], "made-up.m1999");
});

Deno.test("providers that are registered after otel() was called are used", async () => {
  const observer = otel();
  await callAll(observer); // without providers, nothing happens
  const meters = recordingMeters();
  const tracers = recordingTracers();
  try {
    metrics.setGlobalMeterProvider(meters);
    trace.setGlobalTracerProvider(tracers);
    await callAll(observer);
  } finally {
    metrics.disable();
    trace.disable();
  }
  assertEquals(meters.values(METRIC.clientDuration).length, 6);
  assertEquals(tracers.spans.length, 10);
  await callAll(observer);
  assertEquals(tracers.spans.length, 10);
});

Deno.test("observers of one provider share their instruments", async () => {
  const meterProvider = recordingMeters();
  for (let count = 0; count < 5; count++) {
    await callAll(otel({ meterProvider, traces: false }));
  }
  assertEquals(meterProvider.meters, 1);
  assertEquals(meterProvider.callbacks, 2);
  const open = meterProvider.observe(METRIC.calls);
  assertEquals(open.map(({ value }) => value), Array(open.length).fill(0));
  const attempts = meterProvider.observe(METRIC.attempts);
  assertEquals(
    attempts.map(({ attributes, value }) => [attributes.kind, value]),
    [["first", 25], ["first", 5]],
  );
});

Deno.test("calls in progress are counted by method", async () => {
  const meterProvider = recordingMeters();
  const gate = Promise.withResolvers<void>();
  await using server = createServer(Shop, {
    observers: [otel({ meterProvider })],
  }).handle({
    ...handlers,
    async *ticks() {
      yield 1;
      await gate.promise;
    },
  });
  await using session = await connect(Shop, dial(server));
  const streams = [session.remote.ticks(1), session.remote.ticks(1)];
  await Promise.all(
    streams.map((stream) => stream[Symbol.asyncIterator]().next()),
  );
  assertEquals(meterProvider.observe(METRIC.calls), [
    { attributes: { [ATTRIBUTE.method]: "shop/ticks" }, value: 2 },
  ]);
  gate.resolve();
  await turns(3);
  assertEquals(meterProvider.observe(METRIC.calls)[0]!.value, 0);
});

Deno.test("a provider that throws fails no call", async () => {
  const broken = () => {
    throw new Error("a broken provider");
  };
  const { list, onError } = incidents();
  const observers = [
    otel({ meterProvider: { getMeter: broken } }),
    otel({ tracerProvider: { getTracer: broken }, metrics: false }),
  ];
  await using server = createServer(Shop, { observers, onError })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), {
    observers,
    onError,
  });
  assertEquals(await session.remote.price("abc"), 3);
  assertEquals(await all(session.remote.ticks(2)), [0, 1]);
  assert(list.length > 0);
});

Deno.test("otel() reports only the metadata whose keys are named, on spans alone", async () => {
  const tracerProvider = recordingTracers();
  const meterProvider = recordingMeters();
  const observers = [
    otel({ tracerProvider, meterProvider, metadata: ["tenant", "none"] }),
  ];
  await using server = createServer(Shop, { observers }).handle(handlers);
  await using session = await connect(Shop, dial(server), { observers });
  await session.remote.price("a", {
    metadata: { tenant: "acme", password: "secret" },
  });
  await session.remote.price("a");
  assertEquals(
    tracerProvider.spans.map(({ attributes }) =>
      attributes["rpc.request.metadata.tenant"]
    ),
    [["acme"], ["acme"], undefined, undefined],
  );
  const seen = JSON.stringify([
    tracerProvider.spans,
    meterProvider.values(METRIC.clientDuration),
    meterProvider.values(METRIC.serverDuration),
  ]);
  assert(!seen.includes("secret") && !seen.includes("metadata.none"));
  assert(
    !JSON.stringify(meterProvider.values(METRIC.clientDuration))
      .includes("acme"),
  );
});

/** A propagator that sends fields, and keeps the fields that it receives. */
function fieldsPropagator(fields: Record<string, string>) {
  const received: Record<string, string | undefined>[] = [];
  const propagator: TextMapPropagator = {
    inject(_context, carrier, setter) {
      for (const [name, value] of Object.entries(fields)) {
        setter.set(carrier, name, value);
      }
    },
    extract(context, carrier, getter) {
      received.push(Object.fromEntries(
        getter.keys(carrier).map((
          key,
        ) => [key, String(getter.get(carrier, key))]),
      ));
      return context;
    },
    fields: () => Object.keys(fields),
  };
  return { propagator, received };
}

Deno.test("otel() lets the fields of a propagator travel as metadata", async () => {
  const { propagator, received } = fieldsPropagator({
    Baggage: "tenant=acme",
    traceparent: "not that of the call",
  });
  const tracerProvider = recordingTracers();
  const both = { tracerProvider, propagator, metrics: false };
  const seen: unknown[] = [];
  await using server = createServer(Shop, {
    observers: [otel({ ...both, parent: "remote" })],
  }).handle({
    ...handlers,
    price: (sku, { metadata }) => {
      seen.push({ ...metadata });
      return sku.length;
    },
  });
  await using session = await connect(Shop, dial(server), {
    observers: [otel(both)],
  });
  await session.remote.price("a", { metadata: { own: "1" } });
  await session.remote.price("b", { metadata: { baggage: "of the call" } });
  await session.remote.price("c");
  assertEquals(seen, [
    { own: "1", baggage: "tenant=acme" },
    { baggage: "of the call" },
    { baggage: "tenant=acme" },
  ]);
  const [first] = tracerProvider.spans;
  const { traceId, spanId } = first!.spanContext();
  assertEquals(received[0], {
    own: "1",
    baggage: "tenant=acme",
    traceparent: `00-${traceId}-${spanId}-01`, // from the field of the call
    tracestate: "",
  });
  // The trace goes on although this propagator reads no trace context.
  assertEquals(tracerProvider.spans[1]!.outer?.spanId, spanId);
});

Deno.test("baggage of 8 KiB: the call succeeds, the baggage is dropped and counted", async () => {
  const meterProvider = recordingMeters();
  const { propagator } = fieldsPropagator({
    baggage: "x".repeat(8192),
    small: "y",
  });
  const { list, onError } = incidents();
  const seen: string[][] = [];
  await using server = createServer(Shop).handle({
    ...handlers,
    price: (sku, { metadata }) => {
      seen.push(Object.keys(metadata));
      return sku.length;
    },
  });
  await using session = await connect(Shop, dial(server), {
    observers: [otel({ meterProvider, propagator })],
    onError,
  });
  assertEquals(await session.remote.price("abc"), 3);
  assertEquals(meterProvider.values(METRIC.dropped), [
    { attributes: { [ATTRIBUTE.reason]: "propagation" }, value: 1 },
  ]);
  assertEquals([seen, list], [[["small"]], []]);
  // The metadata of the call itself takes precedence.
  const big = { big: "z".repeat(8186) };
  assertEquals(await session.remote.price("abc", { metadata: big }), 3);
  assertEquals(seen[1], ["big"]);
  assertEquals(list.length, 1);
});

Deno.test("otel() records the metrics that are off by default on request", async () => {
  const meterProvider = recordingMeters();
  const extraMetrics = [
    METRIC.messageSize,
    METRIC.memory,
    METRIC.roundTrip,
  ] as const; // literal types
  await callAll(otel({ meterProvider, traces: false }));
  for (const name of extraMetrics) {
    assertEquals(meterProvider.values(name), []);
    assertEquals(meterProvider.observe(name), []);
  }
  const observers = [otel({ meterProvider, traces: false, extraMetrics })];
  await using server = createServer(Shop, { observers }).handle(handlers);
  await using session = await connect(Shop, dial(server), { observers });
  await session.remote.price("abc");
  const sizes = (method: string) =>
    meterProvider.values(METRIC.messageSize)
      .filter(({ attributes }) => attributes[ATTRIBUTE.method] === method)
      .map(({ attributes, value }) => [attributes[ATTRIBUTE.direction], value]);
  // Text of 3 bytes with its head, and a number; frames also have fields.
  const [[, request] = []] = sizes("shop/price");
  assert(Number(request) >= 4);
  assertEquals(sizes("shop/price"), [
    ["sent", request],
    ["received", 4],
    ["sent", 3],
    ["received", 1],
  ]);
  assertEquals(await all(session.remote.ticks(2)), [0, 1]);
  const directions = sizes("shop/ticks").map(([direction]) => direction);
  assertEquals(directions.filter((each) => each === "sent").length, 4);
  assertEquals(directions.filter((each) => each === "received").length, 4);

  const traced = recordingMeters();
  await callAll(otel({
    ...{ meterProvider: traced, tracerProvider: recordingTracers() },
    extraMetrics,
  }));
  const both = traced.values(METRIC.messageSize)
    .filter(({ attributes }) => attributes[ATTRIBUTE.method] === "shop/price");
  assertEquals(both.length, 11); // three calls at both ends; one fails
  assert(both.every(({ value }) => Number(value) > 0));

  const [served] = server.sessions;
  const [memory] = meterProvider.observe(METRIC.memory);
  assertEquals(memory, { attributes: {}, value: served!.stats.heldBytes });
  assert(memory!.value > 0);
  await session.close();
  await turns(2);
  assertEquals(meterProvider.observe(METRIC.memory), [
    { attributes: {}, value: 0 },
  ]);
});

Deno.test("otel() records round trips in seconds", async () => {
  const meterProvider = recordingMeters();
  const extraMetrics = [METRIC.roundTrip];
  await using server = createServer(Shop).handle(handlers);
  const connection = dial(server);
  await using session = await connect(Shop, connection, {
    observers: [otel({ meterProvider, extraMetrics })],
    limits: { heartbeat: 200 },
  });
  while (session.roundTrip === undefined) await turns(1);
  await turns(1);
  const [trip, ...others] = meterProvider.values(METRIC.roundTrip);
  assertEquals(others, []);
  assertEquals(trip, {
    attributes: { [ATTRIBUTE.role]: "client" },
    value: session.roundTrip / 1000,
  });
});

Deno.test("otel() rejects options that do not exist or have another type", () => {
  // JavaScript is not checked by the compiler.
  const wrong = (options: unknown) => () => otel(options as never);
  assertThrows(wrong({ trace: true }), TypeError, 'Unknown option "trace"');
  assertThrows(wrong({ parent: "child" }), TypeError, "link, remote");
  assertThrows(wrong({ streams: true }), TypeError, "lifetime, start, none");
  assertThrows(wrong({ metrics: 1 }), TypeError, "true, false or omitted");
  assertThrows(wrong({ filter: "x" }), TypeError, "expected a function");
  assertThrows(wrong({ meterProvider: {} }), TypeError, "getMeter()");
  assertThrows(wrong({ tracerProvider: {} }), TypeError, "getTracer()");
  assertThrows(wrong({ propagator: {} }), TypeError, "extract()");
  assertThrows(wrong({ metadata: "tenant" }), TypeError, "expected an array");
  assertThrows(wrong({ metadata: [1] }), TypeError, "expected a string");
  assertThrows(wrong({ extraMetrics: ["rtt"] }), TypeError, "session.rtt");
});
