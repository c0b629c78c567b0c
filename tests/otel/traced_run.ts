/**
 * Runs the traced services until a collector has all that they measure.
 *
 * @module
 */
import { METRIC } from "../../lib/otel/names.ts";
import type { Collector } from "./collector.ts";

const PROGRAM = "tests/otel/programs/traced_services.ts";

/** Attempts of all calls by kind and code. */
export const ATTEMPTS = [
  "first cancelled 1",
  "first internal 1",
  "first ok 6",
  "first overloaded 1",
  "first unimplemented 1",
  "retry ok 1",
];

/** Runs the program until all that it measures has arrived. */
export async function runTraced(collector: Collector): Promise<void> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      PROGRAM,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: {
      NO_COLOR: "1",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      OTEL_PROPAGATORS: "tracecontext",
      OTEL_TRACES_SAMPLER: "parentbased_always_on",
    },
  }).spawn();
  const stdout = new Response(child.stdout).text();
  const stderr = new Response(child.stderr).text();
  let ended = false;
  child.status.then(() => ended = true);
  // Deno collects what is read on demand until the process ends, not at its end.
  await Promise.race([
    child.status,
    collector.until(() =>
      ended || collector.logs.some(({ text }) => text === "done\n") &&
        collector.points(METRIC.attempts).length === ATTEMPTS.length &&
        collector.points(METRIC.calls).every(({ value }) => value === 0)
    ),
  ]);
  await child.stdin.close().catch(() => {});
  const { success } = await child.status;
  if (!success || await stdout !== "done\n") throw new Error(await stderr);
}
