/**
 * The command `bench`: measures latency and throughput of a method.
 *
 * @module
 */
import { AGENT } from "../../messages/session/wire/agent.ts";
import type { BenchJob } from "../bench/bench_job.ts";
import { BenchWorkers } from "../bench/bench_workers.ts";
import type { LoadOptions, Loop } from "../bench/load.ts";
import { type Generators, LoadRun } from "../bench/load_run.ts";
import {
  type BenchResult,
  figuresOf,
  type Measurements,
  readResult,
} from "../bench/measurements.ts";
import { resultPage } from "../bench/result_page.ts";
import {
  comparisonText,
  invalidity,
  percent,
  resultText,
} from "../bench/result_text.ts";
import { describeTarget, readTarget } from "../connecting.ts";
import { CliError, EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  type FlagValues,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import { readInput } from "../inputs.ts";
import type { Io } from "../io.ts";
import { CALL_FLAGS, callOptions, methodOf } from "../method_flags.ts";
import { Printer } from "../output.ts";
import { drawProgress } from "../progress_bar.ts";
import {
  countOf,
  formatCount,
  formatMs,
  optionalDuration,
  parseCount,
  parseDuration,
  parseNumber,
  parseShare,
} from "../quantities.ts";
import { readFileText } from "../secrets.ts";
import { TextFiles } from "../write_file.ts";

const FLAGS = {
  ...CALL_FLAGS,
  rate: {
    type: "string",
    value: "1000",
    summary: "calls per second (open loop)",
  },
  concurrency: {
    type: "string",
    value: "16",
    summary: "calls at the same time (closed loop)",
  },
  connections: {
    type: "string",
    value: "1",
    summary: "number of sessions; by default, one for each worker",
  },
  workers: {
    type: "string",
    value: "1",
    summary: "threads that make the calls, if one is too slow",
  },
  duration: { type: "string", value: "10s", summary: "time of measuring" },
  warmup: {
    type: "string",
    value: "2s",
    summary: "time before, which is not measured",
  },
  "at-end": {
    type: "string",
    value: "wait",
    summary: "calls in flight at the end: wait (up to 10s) or cancel",
  },
  save: { type: "string", value: "file.json", summary: "write the result" },
  compare: {
    type: "string",
    value: "file.json",
    summary: "compare with a saved result",
  },
  report: {
    type: "string",
    value: "file.html",
    summary: "write a page with plots",
  },
  "max-p99": {
    type: "string",
    value: "5ms",
    summary: "end with 4 if the 99th percentile is above",
  },
  "max-errors": {
    type: "string",
    value: "0.1%",
    summary: "end with 4 if more calls fail",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "bench <url> <method> [json | @file | -] [flags]",
  examples: [
    [
      `bench tcp://localhost:7000 price '{"sku":"tea"}' --rate 1000`,
      "make 1,000 calls per second, whatever the server does",
    ],
    [
      `bench tcp://localhost:7000 price '{"sku":"tea"}' --concurrency 32`,
      "make calls as fast as 32 at a time allow",
    ],
    [
      "bench tcp://localhost:7000 ping --rate 500 --max-p99 5ms --max-errors 0.1%",
      "fail a build if the service is slow",
    ],
  ],
  notes:
    `With --rate, the latency of a call counts from its intended start, so that a
stall of the server counts for all calls that it delays. With --concurrency, it
counts from the actual start: the result says "closed loop". One is required.

If the result is invalid because the generator was late, use --workers. Each
worker makes its share of the calls on its share of the connections.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Longest wait for calls in flight at the end, in ms. */
const GRACE = 10_000;

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const files = new TextFiles(io);
  try {
    return await measure(args, io, files);
  } finally {
    files.close();
  }
}

async function measure(
  args: readonly string[],
  io: Io,
  files: TextFiles,
): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [2, 3],
  );
  const [url = "", name = "", input] = positionals;
  const printer = new Printer(io, flags);
  const loop = loopOf(flags);
  const load = {
    loop,
    duration: parseDuration("duration", flags.duration ?? "10s"),
    warmup: flags.warmup === "0"
      ? 0
      : parseDuration("warmup", flags.warmup ?? "2s"),
    grace:
      parseChoice("at-end", flags["at-end"] ?? "wait", ["wait", "cancel"]) ===
          "wait"
        ? GRACE
        : 0,
  };
  const workers = parseCount("workers", flags.workers ?? "1");
  const connections = parseCount(
    "connections",
    flags.connections ?? String(workers),
  );
  const thresholds = thresholdsOf(flags);
  const base = flags.compare === undefined
    ? undefined
    : readResult(await readFileText(flags.compare, io), flags.compare);
  const save = await files.open(flags.save);
  const report = await files.open(flags.report);
  const options = callOptions(flags);
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const method = await methodOf(name, target, flags, io);
  const job: BenchJob = {
    target,
    method,
    input: await readInput(input, io),
    options,
    load,
    connections,
  };

  const generators = workers === 1
    ? await LoadRun.open(job, io)
    : await BenchWorkers.open(job, workers, io);
  const start = io.now();
  await runGenerators(generators, load, workers, io);
  const { measurements, bytes, lost } = generators;
  const ran = Math.min(load.duration, io.now() - start - load.warmup);
  const result = measurements.result({
    date: io.date().toISOString(),
    agent: AGENT,
    url,
    method: name,
    loop,
    connections,
    workers,
    duration: lost === undefined && !io.interrupted.aborted
      ? load.duration
      : Math.max(1, ran),
    warmup: load.warmup,
    bytes,
  });
  await print(result, base, printer);
  await save?.write(`${JSON.stringify(result)}\n`);
  await report?.write(resultPage(result));
  if (lost !== undefined) throw lost;
  return judge(result, thresholds);
}

/** Makes the calls, with a progress bar, until the user interrupts them. */
async function runGenerators(
  generators: Generators,
  { warmup, duration }: LoadOptions,
  workers: number,
  io: Io,
): Promise<void> {
  const stop = () => generators.stop();
  const start = io.now();
  const drawn = new AbortController();
  const drawing = drawProgress(
    io,
    () => (io.now() - start) / (warmup + duration),
    () =>
      workers > 1
        ? countOf(workers, "worker")
        : progressText(generators.measurements, io.now() - start - warmup),
    drawn.signal,
  );
  drawing.catch(stop); // it is awaited below
  io.interrupted.addEventListener("abort", stop, { once: true });
  try {
    if (io.interrupted.aborted) stop();
    await generators.run();
  } finally {
    drawn.abort();
    io.interrupted.removeEventListener("abort", stop);
    try {
      await drawing;
    } finally {
      await generators.close();
    }
  }
}

/** Returns the kind of loop; exactly one of two flags names it. */
function loopOf({ rate, concurrency }: FlagValues<typeof FLAGS>): Loop {
  if ((rate === undefined) === (concurrency === undefined)) {
    throw usage(
      "bench needs either --rate or --concurrency",
      "--rate 1000 makes an open loop, whose latencies include the wait during a stall; --concurrency 16 makes a closed loop",
    );
  }
  return rate === undefined
    ? {
      kind: "closed",
      concurrency: parseCount("concurrency", concurrency ?? ""),
    }
    : { kind: "open", rate: parseNumber("rate", rate) };
}

function progressText({ outcomes }: Measurements, elapsed: number): string {
  const ok = outcomes.get("ok");
  if (ok === undefined || elapsed <= 0) return "warming up";
  return `${formatCount(ok.count / elapsed * 1000)}/s  p99 ${
    formatMs(ok.percentile(0.99))
  }`;
}

async function print(
  result: BenchResult,
  base: BenchResult | undefined,
  printer: Printer,
): Promise<void> {
  if (printer.format === "pretty") {
    await printer.print(resultText(result, printer.columns));
    if (base !== undefined) {
      await printer.print(`\n${comparisonText(result, base)}`);
    }
  } else {
    await printer.value(summaryOf(result));
    if (base !== undefined) await printer.note(comparisonText(result, base));
  }
  const warning = invalidity(result);
  if (warning !== undefined) await printer.note(warning);
}

/** Returns the figures of a result for programs, without the histograms. */
function summaryOf(result: BenchResult): Record<string, unknown> {
  const { ok, calls, rate, errors, lag, valid } = figuresOf(result);
  const { loop, method, connections, workers, duration, bytes, items, cut } =
    result;
  return {
    method,
    loop,
    connections,
    workers,
    duration,
    calls,
    rate,
    errors,
    outcomes: Object.fromEntries(
      Object.entries(result.outcomes).map(([name, { count }]) => [name, count]),
    ),
    p50: ok.percentile(0.5),
    p90: ok.percentile(0.9),
    p99: ok.percentile(0.99),
    p999: ok.percentile(0.999),
    max: ok.max,
    items,
    cut,
    lag,
    valid,
    bytes,
  };
}

/** Limits that a result must keep. */
interface Thresholds {
  readonly p99: number | undefined;
  readonly errors: number | undefined;
}

function thresholdsOf(flags: FlagValues<typeof FLAGS>): Thresholds {
  const errors = flags["max-errors"];
  return {
    p99: optionalDuration("max-p99", flags["max-p99"]),
    errors: errors === undefined ? undefined : parseShare("max-errors", errors),
  };
}

/**
 * Returns the exit code.
 *
 * @throws {CliError} with the code `no` if a threshold is broken, or cannot be
 * judged
 */
function judge(result: BenchResult, { p99, errors }: Thresholds): number {
  const figures = figuresOf(result);
  const measured = figures.ok.percentile(0.99);
  const broken = [
    ...(p99 !== undefined && !(figures.ok.count > 0 && measured <= p99)
      ? [
        figures.ok.count === 0
          ? "no call succeeded"
          : `p99 is ${formatMs(measured)}, the limit is ${formatMs(p99)}`,
      ]
      : []),
    ...(errors !== undefined && figures.errors > errors
      ? [
        `${percent(figures.errors)} of the calls failed, the limit is ${
          percent(errors)
        }`,
      ]
      : []),
    ...(p99 !== undefined && !figures.valid
      ? ["p99 is not valid: the generator was late"]
      : []),
  ];
  if (broken.length === 0) return EXIT.ok;
  throw new CliError(broken.join("; "), { code: "no" });
}
