/**
 * The cost of observers, beside the bare API of OpenTelemetry with Deno's own
 * providers. A process of its own is needed, as Deno reads `OTEL_DENO` when it
 * starts.
 *
 * @module
 */
const PROGRAM = "tests/bench/programs/observed_calls.ts";

/**
 * The tables. Each runs in a process of its own, as a program has one kind of
 * observer: code that has run with several kinds is slower.
 */
const TABLES: readonly string[] = [
  "metrics-caller",
  "metrics-callee",
  "spans-caller",
  "spans-callee",
  "calls-counting",
  "calls-metrics",
  "calls-otel",
];

/** Runs the benchmark with a collector that drops what it receives. */
export async function run(): Promise<void> {
  await using collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  for (const table of TABLES) await runTable(table, collector.addr.port);
}

async function runTable(table: string, port: number): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--allow-net=127.0.0.1", PROGRAM, table],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER: "always_off",
    },
  }).output();
  if (code !== 0) throw new Error(`${PROGRAM} exited with ${code}`);
}
