/**
 * Results of a comparison, and statistics over its rounds.
 *
 * @module
 */

/** The workloads, in the order of tables. */
export const WORKLOADS = ["unary1", "unary64", "unary256", "stream"] as const;

/** A workload: calls with some in flight, or a server stream. */
export type Workload = typeof WORKLOADS[number];

/** One measurement: calls or items per second, and times of calls in µs. */
export interface Sample {
  readonly rate: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** Samples of one workload, one for each round. */
export type Samples = Partial<Record<Workload, readonly Sample[]>>;

/** A peer's samples, or why it has none. */
export interface PeerResult {
  readonly name: string;
  readonly title: string;
  readonly runtime: string;
  readonly samples: Samples;
  /** Why the peer was dropped; it then has no samples. */
  readonly failure?: string;
}

/** A complete comparison. The first peer is the baseline. */
export interface Results {
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly PeerResult[];
}

/** The middle and the ends of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Returns the median and the ends of values.
 *
 * @throws {RangeError} if there are no values
 */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) {
    throw new RangeError("No values have no median");
  }
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min, max };
}

/** Figures of a peer under one workload. */
export interface Figures {
  readonly rate: Spread;
  /** Ratios of rates to those of the baseline in the same rounds. */
  readonly ratio: Spread;
  readonly p50: Spread | undefined;
  readonly p99: Spread | undefined;
}

/** Returns the figures of a peer, or `undefined` if it was not measured. */
export function figuresOf(
  { peers }: Results,
  peer: PeerResult,
  workload: Workload,
): Figures | undefined {
  const own = peer.samples[workload] ?? [];
  const base = peers[0]?.samples[workload] ?? [];
  if (peer.failure !== undefined || own.length === 0) return undefined;
  if (base.length !== own.length) return undefined;
  const times = (key: "p50" | "p99") => {
    const values = own.map((sample) => sample[key]);
    return values.every((value) => value !== undefined)
      ? spread(values)
      : undefined;
  };
  return {
    rate: spread(own.map(({ rate }) => rate)),
    ratio: spread(own.map(({ rate }, round) => rate / base[round]!.rate)),
    p50: times("p50"),
    p99: times("p99"),
  };
}
