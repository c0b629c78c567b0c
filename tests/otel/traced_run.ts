/**
 * Runs programs until a collector has all that they measure.
 *
 * @module
 */
import { METRIC } from "../../lib/otel/names.ts";
import type { Collector } from "./collector.ts";

/** Attempts of all calls by kind and code. */
export const ATTEMPTS = [
  "first cancelled 1",
  "first internal 1",
  "first ok 6",
  "first overloaded 1",
  "first unimplemented 1",
  "retry ok 1",
];

/** Runs the traced services until all that they measure has arrived. */
export function runTraced(collector: Collector): Promise<void> {
  return runExported(
    "tests/otel/programs/traced_services.ts",
    collector,
    "done\n",
    () =>
      collector.points(METRIC.attempts).length === ATTEMPTS.length &&
      collector.points(METRIC.calls).every(({ value }) => value === 0),
  );
}

/**
 * Runs a program whose telemetry Deno exports.
 *
 * @param expected the output of the program
 * @param complete returns whether all that it measures has arrived
 */
export async function runExported(
  program: string,
  collector: Collector,
  expected: string,
  complete: () => boolean,
): Promise<void> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      program,
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
      OTEL_PROPAGATORS: "tracecontext,baggage",
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
      ended ||
      collector.logs.some(({ text }) => text === expected) && complete()
    ),
  ]);
  await child.stdin.close().catch(() => {});
  const { success } = await child.status;
  if (!success || await stdout !== expected) {
    throw new Error(`${await stdout}${await stderr}`);
  }
}
