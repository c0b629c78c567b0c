import { assert, assertEquals } from "@std/assert";
import { connect } from "../../mod.ts";
import { Shop } from "../../examples/observed/shop.ts";
import { startCollector } from "../otel/collector.ts";

const PROGRAM = "examples/observed/server.ts";

/** A line that the service has printed. */
type Line = Readonly<Record<string, unknown>>;

Deno.test("the service of examples/observed is seen, and ends in order", async () => {
  await using collector = startCollector();
  await using service = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--quiet", // downloads are no output of the service
      "--no-prompt",
      "--allow-net=127.0.0.1",
      PROGRAM,
      ...["0", "0"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: {
      NO_COLOR: "1",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  }).spawn();
  const output = lines(service.stdout);
  const next = async (event: string): Promise<Line> => {
    for (;;) {
      const { value, done } = await output.next();
      assert(!done, `the service ended before it printed ${event}`);
      if (value.event === event) return value;
    }
  };
  const { port } = await next("listening");
  const { port: probe } = await next("probe");
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${probe}/readyz`);
    return `${response.status} ${await response.text()}`;
  };
  assertEquals(await ready(), "200 serving\n");

  await using session = await connect(Shop, { port: Number(port) });
  assertEquals(await session.remote.price({ sku: "A-1" }), { cents: 300 });
  const { incident } = await session.remote.price({ sku: "" }).catch((error) =>
    error
  );
  assertEquals((await next("incident")).id, incident);
  const failed = await next("call");
  assertEquals([failed.code, failed.incident], ["internal", incident]);
  assertEquals(failed.id, session.id);

  const stream = session.remote.watch({ sku: "A-1" })[Symbol.asyncIterator]();
  assertEquals((await stream.next()).value, 3);
  service.kill("SIGTERM");
  await next("stopping");
  assertEquals(await ready(), "503 not-serving\n");
  assert(!session.draining.aborted, "clients stay for the delay");
  const end = (async () => {
    while (!(await stream.next()).done);
  })();
  // The handler ends its stream with the drain, so it is not complete.
  assertEquals(await end.catch(({ code }) => code), "unavailable");
  await next("stopped");
  assertEquals((await service.status).code, 0);
  assertEquals(await new Response(service.stderr).text(), "");

  const name = "shop+health/price";
  const spans = collector.spans.filter((span) => span.name === name);
  assertEquals(spans.map(({ status }) => status).toSorted(), [0, 2]);
  const [log] = collector.logs.filter(({ text }) =>
    text.includes(`"event":"incident"`)
  );
  assertEquals(log?.spanId, spans.find(({ status }) => status === 2)?.spanId);
  assert(collector.metrics().includes("rpc.server.call.duration"));
});

/** Returns the lines of an output, which are JSON. */
async function* lines(
  output: ReadableStream<Uint8Array>,
): AsyncGenerator<Line, undefined> {
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) yield JSON.parse(line);
  }
  return undefined;
}
