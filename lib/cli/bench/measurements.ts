/**
 * Measurements of a benchmark, as they arrive and as JSON.
 *
 * @module
 */
import { isRecord } from "../../messages/schema/json_schema.ts";
import { usage } from "../errors.ts";
import { Histogram, type HistogramData } from "../histogram.ts";
import type { LoadObserver, Loop, MeasuredCall } from "./load.ts";

/** Number of parts of the duration that have figures of their own. */
const SLOTS = 100;

/** Version of the saved form. */
const FORMAT = "lengthwise-bench-1";

/** Figures of one part of the duration. */
export interface Slot {
  /** Number of successful calls that began in it. */
  readonly ok: number;
  /** Number of failed calls that began in it. */
  readonly failed: number;
  /** Percentiles of the successful calls, in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Result of a benchmark, as `--save` writes it. */
export interface BenchResult {
  /** Version of this form. */
  readonly format: typeof FORMAT;
  /** Date of the benchmark, in ISO 8601. */
  readonly date: string;
  /** Name and version of the client. */
  readonly agent: string;
  /** The server. */
  readonly url: string;
  /** The method. */
  readonly method: string;
  /** The kind of loop. */
  readonly loop: Loop;
  /** Number of connections. */
  readonly connections: number;
  /** Number of workers that made the calls. */
  readonly workers: number;
  /** Milliseconds of measuring. */
  readonly duration: number;
  /** Milliseconds before, which were not measured. */
  readonly warmup: number;
  /** Latencies by outcome. */
  readonly outcomes: Readonly<Record<string, HistogramData>>;
  /** Times until the first item of a stream. */
  readonly firstItem: HistogramData;
  /** Number of items. */
  readonly items: number;
  /** Number of calls that were cut at the end. */
  readonly cut: number;
  /** Times by which the generator itself was late. */
  readonly lag: HistogramData;
  /** Bytes on all connections. */
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Figures over time. */
  readonly timeline: readonly Slot[];
}

/** The measurements of a worker, which can be sent and added up. */
export interface MeasurementsData {
  /** Latencies by outcome. */
  readonly outcomes: readonly (readonly [name: string, data: HistogramData])[];
  /** Times until the first item of a stream. */
  readonly firstItem: HistogramData;
  /** Times by which the generator was late. */
  readonly lag: HistogramData;
  /** Number of items. */
  readonly items: number;
  /** Number of calls that were cut at the end. */
  readonly cut: number;
  /** Calls of each part of the duration. */
  readonly slots: readonly {
    readonly ok: HistogramData;
    readonly failed: number;
  }[];
}

/** Collects the measurements of a benchmark. */
export class Measurements implements LoadObserver {
  readonly #duration: number;
  /** Latencies by outcome. */
  readonly outcomes: Map<string, Histogram> = new Map();
  /** Times until the first item. */
  readonly firstItem: Histogram = new Histogram();
  /** Lag of the generator. */
  readonly lag: Histogram = new Histogram();
  readonly #slots: { readonly ok: Histogram; failed: number }[];
  /** Number of items. */
  items = 0;
  /** Number of calls that were cut. */
  cuts = 0;

  /** @param duration milliseconds of measuring */
  constructor(duration: number) {
    this.#duration = duration;
    this.#slots = Array.from(
      { length: SLOTS },
      () => ({ ok: new Histogram(), failed: 0 }),
    );
  }

  called({ outcome, start, end, firstItem, items = 0 }: MeasuredCall): void {
    const latency = end - start;
    this.#histogramOf(outcome).record(latency);
    if (firstItem !== undefined) this.firstItem.record(firstItem - start);
    this.items += items;
    const index = Math.floor(start / this.#duration * SLOTS);
    const slot = this.#slots[Math.min(SLOTS - 1, Math.max(0, index))]!; // in range
    if (outcome === "ok") slot.ok.record(latency);
    else slot.failed++;
  }

  late(ms: number): void {
    this.lag.record(ms);
  }

  cut(): void {
    this.cuts++;
  }

  #histogramOf(outcome: string): Histogram {
    let histogram = this.outcomes.get(outcome);
    if (histogram === undefined) {
      histogram = new Histogram();
      this.outcomes.set(outcome, histogram);
    }
    return histogram;
  }

  /** Returns the measurements in a form that can be sent. */
  toData(): MeasurementsData {
    return {
      outcomes: [...this.outcomes].map(([name, each]) => [name, each.toJSON()]),
      firstItem: this.firstItem.toJSON(),
      lag: this.lag.toJSON(),
      items: this.items,
      cut: this.cuts,
      slots: this.#slots.map(({ ok, failed }) => ({ ok: ok.toJSON(), failed })),
    };
  }

  /** Adds what a worker has measured at the same time. */
  add({ outcomes, firstItem, lag, items, cut, slots }: MeasurementsData): void {
    for (const [name, data] of outcomes) {
      this.#histogramOf(name).merge(Histogram.from(data));
    }
    this.firstItem.merge(Histogram.from(firstItem));
    this.lag.merge(Histogram.from(lag));
    this.items += items;
    this.cuts += cut;
    slots.forEach(({ ok, failed }, index) => {
      const slot = this.#slots[index]!; // as many slots
      slot.ok.merge(Histogram.from(ok));
      slot.failed += failed;
    });
  }

  /** Returns the result. */
  result(
    facts: Omit<
      BenchResult,
      | "format"
      | "outcomes"
      | "firstItem"
      | "items"
      | "cut"
      | "lag"
      | "timeline"
    >,
  ): BenchResult {
    return {
      format: FORMAT,
      ...facts,
      outcomes: Object.fromEntries(
        [...this.outcomes].map(([name, each]) => [name, each.toJSON()]),
      ),
      firstItem: this.firstItem.toJSON(),
      items: this.items,
      cut: this.cuts,
      lag: this.lag.toJSON(),
      timeline: this.#slots.map(({ ok, failed }) => ({
        ok: ok.count,
        failed,
        p50: ok.percentile(0.5),
        p99: ok.percentile(0.99),
        max: ok.max,
      })),
    };
  }
}

/** Figures that follow from a result. */
export interface Figures {
  /** Number of calls, cut ones excluded. */
  readonly calls: number;
  /** Calls per second that ended. */
  readonly rate: number;
  /** Share of calls that failed. */
  readonly errors: number;
  /** Latencies of successful calls. */
  readonly ok: Histogram;
  /** 99th percentile of the generator's lag, in ms. */
  readonly lag: number;
  /** Whether the generator was fast enough for its figures to mean something. */
  readonly valid: boolean;
}

/** Largest share of the measured p99 that the generator's lag may have. */
const MAX_LAG = 0.1;

/** Returns the figures of a result. */
export function figuresOf(
  { outcomes, lag, duration }: Pick<
    BenchResult,
    "outcomes" | "lag" | "duration"
  >,
): Figures {
  const entries = Object.entries(outcomes);
  const calls = entries.reduce((sum, [, { count }]) => sum + count, 0);
  const ok = outcomes["ok"] === undefined
    ? new Histogram()
    : Histogram.from(outcomes["ok"]);
  const late = Histogram.from(lag).percentile(0.99);
  return {
    calls,
    rate: calls / duration * 1000,
    errors: calls === 0 ? 0 : 1 - ok.count / calls,
    ok,
    lag: late,
    valid: ok.count === 0 || late <= MAX_LAG * ok.percentile(0.99),
  };
}

/**
 * Returns the result in a file that `--save` has written.
 *
 * @throws {CliError} if it is anything else
 */
export function readResult(text: string, path: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isRecord(value) && value["format"] === FORMAT) {
    return value as unknown as BenchResult; // --save has written it
  }
  throw usage(
    `${path} is not a saved benchmark`,
    "write one with bench … --save base.json",
  );
}
