/**
 * The spans, metrics and logs of two services, as Deno exports them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  ATTRIBUTE,
  DURATION_BOUNDS,
  EXTRA_METRICS,
  METRIC,
  ROUND_TRIP_BOUNDS,
  SIZE_BOUNDS,
} from "../../lib/otel/names.ts";
import { type SeenSpan, startCollector } from "./collector.ts";
import { ATTEMPTS, runExported, runTraced } from "./traced_run.ts";

/** Kinds of spans in OTLP. */
const KIND = { server: 2, client: 3 };

/** Names of earlier conventions, which must not come back. */
const OLD = [
  "rpc.system",
  "rpc.service",
  "rpc.grpc.status_code",
  "rpc.response.status_code",
  "rpc.client.duration",
  "rpc.server.duration",
  "net.peer.name",
  "net.peer.port",
  "client.address",
  "client.port",
  "network.transport",
  "network.type",
];

Deno.test("Deno exports the spans, metrics and logs of calls", async (t) => {
  await using collector = startCollector();
  await runTraced(collector);
  const spans = collector.spans.filter(({ scope }) =>
    scope.startsWith("@lengthwise/")
  );
  const byId = new Map(collector.spans.map((span) => [span.spanId, span]));
  const sideOf = ({ kind, name }: SeenSpan) =>
    `${kind === KIND.client ? "→" : kind === KIND.server ? "←" : ""}${name}`;

  /** Returns the spans from the outermost to this one. */
  function trail(span: SeenSpan): string {
    const parent = byId.get(span.parentSpanId);
    if (parent === undefined) return sideOf(span);
    assertEquals(span.traceId, parent.traceId);
    return `${trail(parent)} ${sideOf(span)}`;
  }
  const trails = spans.map(trail).toSorted();

  await t.step("nested calls and calls back are in one trace", () => {
    const deepest =
      "checkout →shop/orders.create ←shop/orders.create →shop/confirm ←shop/confirm →stock/count ←stock/count";
    assert(trails.includes(deepest), trails.join("\n"));
  });

  await t.step(
    "a call from the third item of a stream is below the stream",
    () => {
      const nested =
        "checkout →shop/watch ←shop/watch →stock/count ←stock/count";
      assert(trails.includes(nested), trails.join("\n"));
    },
  );

  await t.step(
    "the calls of one caller have no relation, unless it has a span",
    () => {
      const outermost = spans.filter(({ parentSpanId }) => parentSpanId === "");
      assertEquals(
        outermost.map(sideOf).toSorted(),
        ["←stock/count", "→shop/fail", "→shop/refund"]
          .concat("→shop/watch", "→stock/busy"),
      );
      assertEquals(new Set(outermost.map(({ traceId }) => traceId)).size, 5);
    },
  );

  await t.step("a loop that ends early is not an error", () => {
    const left = spans.filter(({ attributes }) =>
      attributes[ATTRIBUTE.status] === "cancelled"
    );
    assertEquals(left.map(sideOf).toSorted(), ["←shop/watch", "→shop/watch"]);
    for (const { status, attributes } of left) {
      assertEquals([status, attributes[ATTRIBUTE.error]], [0, undefined]);
    }
  });

  await t.step("a call that is sent again is one span without an error", () => {
    const [busy] = spans.filter((span) => sideOf(span) === "→stock/busy");
    const { attributes, status } = busy!;
    assertEquals([status, attributes[ATTRIBUTE.error]], [0, undefined]);
    assertEquals(attributes[ATTRIBUTE.attempts], 2);
    const answers = spans.filter((span) => sideOf(span) === "←stock/busy");
    assertEquals(
      answers.map(({ attributes }) => attributes[ATTRIBUTE.status]).toSorted(),
      ["ok", "overloaded"],
    );
    assertEquals(
      collector.points(METRIC.attempts).map(({ attributes, value }) =>
        `${attributes[ATTRIBUTE.kind]} ${attributes[ATTRIBUTE.status]} ${value}`
      ).toSorted(),
      ATTEMPTS,
    );
  });

  await t.step("an incident has its id at both ends and in the log", () => {
    const failed = spans.filter(({ name }) => name === "shop/fail");
    assertEquals(failed.map(sideOf).toSorted(), ["←shop/fail", "→shop/fail"]);
    const [incident] = failed.map(({ attributes }) =>
      attributes[ATTRIBUTE.incident]
    );
    for (const { status, message, attributes } of failed) {
      assertEquals([status, message], [2, `incident ${incident}`]);
      assertEquals(attributes[ATTRIBUTE.error], "internal");
    }
    const callee = failed.find(({ kind }) => kind === KIND.server);
    const log = collector.logs.find(({ text }) => text.includes("no shelf"));
    assertStringIncludes(log?.text ?? "", String(incident));
    assertEquals(log?.spanId, callee?.spanId);
    assertEquals(log?.traceId, callee?.traceId);
  });

  await t.step(
    "a context that is not trusted is a link, not the parent",
    () => {
      const [forged] = spans.filter(({ links }) => links.length > 0);
      assertEquals(forged!.links, [
        { traceId: "ab".repeat(16), spanId: "cd".repeat(8) },
      ]);
      assertEquals(forged!.parentSpanId, "");
      assert(forged!.traceId !== "ab".repeat(16));
    },
  );

  await t.step("notifications have metrics and no spans", () => {
    assert(spans.every(({ name }) => name !== "shop/note"));
    const methods = collector.points(METRIC.serverDuration).map((point) =>
      point.attributes[ATTRIBUTE.method]
    );
    assert(methods.includes("shop/note"), `${methods}`);
  });

  await t.step("the duration of a call is that of its span", () => {
    for (
      const [metric, kind] of [
        [METRIC.clientDuration, KIND.client],
        [METRIC.serverDuration, KIND.server],
      ] as const // tuples
    ) {
      for (const { attributes, value, sum } of collector.points(metric)) {
        const same = spans.filter((span) =>
          span.kind === kind && Object.entries(attributes).every((
            [name, own],
          ) => span.attributes[name] === own)
        );
        if (attributes[ATTRIBUTE.method] === "shop/note") continue;
        assertEquals(same.length, value, JSON.stringify(attributes));
        const seconds = same.reduce(
          (all, { start, end }) => all + Number(end - start) / 1e9,
          0,
        );
        assert(Math.abs(seconds - sum) < 1e-5, `${seconds} ${sum}`);
      }
    }
  });

  await t.step(
    "histograms have the bounds and the unit of the conventions",
    () => {
      for (const metric of [METRIC.clientDuration, METRIC.serverDuration]) {
        for (const { bounds, unit } of collector.points(metric)) {
          assertEquals([bounds, unit], [DURATION_BOUNDS, "s"]);
        }
      }
    },
  );

  await t.step("sessions are counted, also at the end of the process", () => {
    const sums = (metric: string) =>
      collector.points(metric).map(({ attributes, value }) =>
        [...Object.values(attributes).toSorted(), value].join(" ")
      ).toSorted();
    assertEquals(sums(METRIC.sessions), ["0"]);
    assertEquals(sums(METRIC.connects), ["opened 3"]);
    assertEquals(sums(METRIC.ended), ["client closed 3", "closed server 4"]);
  });

  await t.step(
    "all names are listed, and none is of earlier conventions",
    () => {
      const known: string[] = Object.values(ATTRIBUTE);
      const metrics: string[] = Object.values(METRIC);
      const points = collector.metrics().filter((metric) =>
        !metric.startsWith("v8js.")
      );
      assertEquals(points.filter((metric) => !metrics.includes(metric)), []);
      const used = new Set([
        ...spans.flatMap(({ attributes }) => Object.keys(attributes)),
        ...points.flatMap((metric) => collector.points(metric)).flatMap((
          { attributes },
        ) => Object.keys(attributes)),
      ]);
      assertEquals([...used].filter((name) => !known.includes(name)), []);
      assertEquals(
        OLD.filter((name) => [...known, ...metrics].includes(name)),
        [],
      );
      const scopes = new Set(spans.map(({ scope }) => scope));
      const { version } = JSON.parse(Deno.readTextFileSync("deno.json"));
      assertEquals([...scopes], [`@lengthwise/lengthwise@${version}`]);
    },
  );

  await t.step(
    "the address of a server is the configured one, of clients only",
    () => {
      for (const span of spans) {
        const { attributes, kind } = span;
        const toServer = kind === KIND.client && span.name !== "shop/confirm";
        const address = attributes[ATTRIBUTE.serverAddress];
        assertEquals(address, toServer ? "127.0.0.1" : undefined, span.name);
        assertEquals(attributes[ATTRIBUTE.peerAddress], "127.0.0.1", span.name);
      }
      for (const { attributes } of collector.points(METRIC.serverDuration)) {
        assertEquals(attributes[ATTRIBUTE.serverAddress], undefined);
      }
    },
  );
});

Deno.test("Deno exports baggage, metadata and the metrics that are off by default", async () => {
  await using collector = startCollector();
  await runExported(
    "tests/otel/programs/propagated_calls.ts",
    collector,
    "A-1 ann\n", // the handler has the baggage of its caller
    // The last export comes after the sessions, and their memory is 0 then.
    () =>
      EXTRA_METRICS.every((name) => collector.points(name).length > 0) &&
      collector.points(METRIC.memory).some(({ value }) => value > 0),
  );
  const calls = collector.spans.filter(({ name }) => name === "stock/count");
  assertEquals(calls.map(({ kind }) => kind).toSorted(), [
    KIND.server,
    KIND.client,
  ]);
  assertEquals(new Set(calls.map(({ traceId }) => traceId)).size, 1);
  const key = "rpc.request.metadata.tenant";
  assertEquals(calls.map(({ attributes }) => attributes[key]), [
    "acme",
    "acme",
  ]);
  const callee = calls.find(({ kind }) => kind === KIND.server);
  const inside = collector.spans.find(({ name }) => name === "inside");
  assertEquals(inside?.parentSpanId, callee?.spanId);

  const sizes = collector.points(METRIC.messageSize);
  assertEquals(
    sizes.map(({ attributes, value, bounds, unit }) => {
      assertEquals([bounds, unit], [SIZE_BOUNDS, "By"]);
      return `${attributes[ATTRIBUTE.method]} ${
        attributes[ATTRIBUTE.direction]
      } ${value}`;
    }).toSorted(),
    ["stock/count received 2", "stock/count sent 2"],
  );
  for (const { unit, bounds, value } of collector.points(METRIC.roundTrip)) {
    assertEquals([unit, bounds], ["s", ROUND_TRIP_BOUNDS]);
    assert(value > 0);
  }
  const [memory] = collector.points(METRIC.memory);
  assertEquals(memory?.unit, "By");
});
