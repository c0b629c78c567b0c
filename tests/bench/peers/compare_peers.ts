/**
 * Runs all peers in interleaved rounds.
 *
 * @module
 */
import type { Installation } from "./install.ts";
import type { Peer } from "./peers.ts";
import {
  type PeerResult,
  type Sample,
  spread,
  type Workload,
  WORKLOADS,
} from "./results.ts";
import { type Command, RunningPeer } from "./running_peer.ts";

const IN_FLIGHT = { unary1: 1, unary64: 64, unary256: 256 } as const;

/** Items of the streams that warm up and measure how many fill the time. */
const FIRST_ITEMS = [1_000, 5_000] as const;

/** How a comparison runs. */
export interface Plan {
  readonly peers: readonly Peer[];
  /** Rounds that count, after one for warming up. */
  readonly rounds: number;
  /** Seconds of each measurement. */
  readonly seconds: number;
  /** Called with a line after each round. */
  readonly progress: (line: string) => void;
}

/** A peer in the comparison. */
interface Entry {
  readonly peer: Peer;
  readonly samples: Partial<Record<Workload, Sample[]>>;
  running?: RunningPeer;
  failure?: string;
  /** Items of a stream that takes the time of a measurement. */
  items: number;
}

/**
 * Measures all peers.
 *
 * All processes stay for all rounds, and each round starts with another peer. A
 * peer that fails once is dropped, and nothing of it is reported but the failure.
 */
export async function comparePeers(
  { peers, rounds, seconds, progress }: Plan,
  installation: Pick<Installation, "commandOf" | "failures">,
): Promise<readonly PeerResult[]> {
  await using stack = new AsyncDisposableStack();
  const entries: Entry[] = peers.map((peer) => ({
    peer,
    samples: {},
    items: FIRST_ITEMS[0],
  }));
  for (const entry of entries) {
    const failure = installation.failures.get(entry.peer.name);
    if (failure !== undefined) {
      await drop(entry, failure, progress);
      continue;
    }
    try {
      const command = installation.commandOf(entry.peer);
      entry.running = stack.use(await RunningPeer.start(command));
    } catch (error) {
      await drop(entry, error, progress);
    }
  }
  const start = performance.now();
  for (let round = 0; round <= rounds; round++) {
    for (const workload of WORKLOADS) {
      for (let k = 0; k < entries.length; k++) {
        const entry = entries[(round + k) % entries.length]!;
        if (workload === "stream" && !entry.peer.streams) continue;
        try {
          const sample = round === 0
            ? await warmUp(entry, workload, seconds)
            : await measure(entry, workload, seconds);
          if (sample !== undefined) {
            (entry.samples[workload] ??= []).push(sample);
          }
        } catch (error) {
          await drop(entry, error, progress);
        }
      }
    }
    const passed = (performance.now() - start) / 1000;
    const left = passed / (round + 1) * (rounds - round);
    const name = round === 0 ? "warm-up" : `round ${round} of ${rounds}`;
    progress(`${name}: ${ratioLine(entries)}${Math.ceil(left)} s left`);
  }
  return entries.map(({ peer, samples, failure }) => ({
    name: peer.name,
    title: peer.title,
    runtime: peer.runtime,
    ...failure === undefined ? { samples } : { samples: {}, failure },
  }));
}

async function drop(
  entry: Entry,
  error: unknown,
  progress: (line: string) => void,
): Promise<void> {
  entry.failure = error instanceof Error ? error.message : String(error);
  const { running } = entry;
  delete entry.running;
  progress(`${entry.peer.name} is dropped: ${entry.failure}`);
  // A client that is late might go on, and slow the others down.
  await running?.[Symbol.asyncDispose]();
}

/** Measures without keeping the sample, and determines the length of streams. */
async function warmUp(
  entry: Entry,
  workload: Workload,
  seconds: number,
): Promise<undefined> {
  if (workload !== "stream") {
    await measure(entry, workload, seconds);
    return;
  }
  for (const items of [...FIRST_ITEMS, 0]) {
    if (items > 0) entry.items = items;
    const sample = await measure(entry, workload, seconds);
    if (sample === undefined) return;
    entry.items = Math.max(FIRST_ITEMS[0], Math.round(sample.rate * seconds));
  }
}

async function measure(
  { running, items }: Entry,
  workload: Workload,
  seconds: number,
): Promise<Sample | undefined> {
  const command: Command = workload === "stream"
    ? { stream: items }
    : { unary: IN_FLIGHT[workload], seconds };
  return await running?.measure(command);
}

/** Returns the ratios of Lengthwise so far, for the line of a round. */
function ratioLine(entries: readonly Entry[]): string {
  const base = entries[0]?.samples.unary64;
  const own = entries.find(({ peer }) => peer.name === "lengthwise")?.samples
    .unary64;
  if (base === undefined || own?.length !== base.length) return "";
  const ratio = spread(own.map(({ rate }, i) => rate / base[i]!.rate)).median;
  return `Lengthwise is ${ratio.toFixed(2)} × bare with 64 in flight; `;
}
