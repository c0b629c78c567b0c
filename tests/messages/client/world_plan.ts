/**
 * The plan of one run of the client simulation, drawn from its seed.
 *
 * @module
 */
import { mulberry32 } from "../session/simulation.ts";

/** Classes of seeds: each has its own kind of failures. */
export const CLASSES = [
  "calm",
  "cuts",
  "half-open",
  "silence",
  "restarts",
  "drains",
  "load",
  "refusals",
  "storm",
  "resumed",
  "full",
  "all",
] as const;

/** The class of a seed. */
export type SeedClass = (typeof CLASSES)[number];

/** Draws the numbers of a run. */
export interface Draw {
  /** Returns a whole number from 0 up to, but excluding, `below`. */
  (below: number): number;
}

/** The plan of a run. */
export interface Plan {
  readonly seed: number;
  readonly class: SeedClass;
  readonly servers: readonly string[];
  readonly connections: number;
  readonly maxAttempts: number;
  readonly latency: { readonly min: number; readonly max: number };
  /** Most bytes that one read or write moves. */
  readonly chunk: number;
  /** Number of calls that the application makes. */
  readonly calls: number;
  /** Milliseconds over which it makes them. */
  readonly span: number;
  /** Whether failures may delay bytes without a bound. */
  readonly stalls: boolean;
  /** Number of failures of the class. */
  readonly failures: number;
  /**
   * Stores of outcomes: one for all servers, one for each server's name, or one
   * for each process, which forgets them when it ends.
   */
  readonly stores: "one" | "each name" | "each process";
  /** Whether the sources of all servers number their items alike. */
  readonly oneEpoch: boolean;
  /** Milliseconds for which servers keep a session without a connection. */
  readonly grace: number;
  /** Most heap bytes of the frames that a session keeps. */
  readonly ring: number;
  /** Milliseconds that the client's credentials take. */
  readonly credentials: number;
  /** Whether the application closes the client while calls are in flight. */
  readonly closesEarly: boolean;
}

/** Returns the class of a seed. */
export function classOf(seed: number): SeedClass {
  return CLASSES[seed % CLASSES.length]!; // in range: a modulus
}

/** Draws the plan of a seed. */
export function planOf(seed: number): { plan: Plan; draw: Draw } {
  const draw = mulberry32(seed * 7919 + 1);
  const kind = classOf(seed);
  const load = kind === "load";
  const resumed = kind === "resumed";
  const full = kind === "full";
  const stalls = ["half-open", "silence", "resumed", "full", "all"]
    .includes(kind);
  const min = 1 + draw(20);
  const grace = resumed || full ? 120_000 : draw(3) === 0 ? 10_000 : 0;
  const plan: Plan = {
    seed,
    class: kind,
    servers: ["a", "b", "c"].slice(
      0,
      load || resumed ? 1 : 1 + draw(3),
    ),
    connections: kind === "storm" ? 1 : 1 + draw(2),
    maxAttempts: 1 + draw(4),
    latency: { min, max: min + draw(40) },
    chunk: draw(4) === 0 ? 20 + draw(80) : 65_536,
    calls: load ? 120 : 24,
    span: load ? 4_000 : 20_000,
    stalls: stalls || grace > 0, // what a resumed session sends again is late
    failures: kind === "calm" ? 0 : 3 + draw(6),
    stores: (["one", "each name", "each process"] as const)[draw(3)]!, // in range
    oneEpoch: draw(3) > 0,
    grace,
    ring: full ? 4_300 + draw(2_000) : Infinity,
    credentials: draw(2) * draw(400),
    closesEarly: !resumed && draw(4) === 0,
  };
  return { plan, draw };
}
