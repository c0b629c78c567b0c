/**
 * Ejection of addresses whose calls fail: decides which addresses receive none
 * for a while.
 *
 * ```text
 *   serving ──eject──▶ ejected
 *      ▲                  │
 *      └──────expire──────┘
 * ```
 *
 * It follows outlier detection of gRPC (A50) and Envoy, without their timers:
 * every function takes the time.
 *
 * @module
 */
import type { ResolvedEjection } from "./ejection_options.ts";

type State = "serving" | "ejected";
type Event = "succeed" | "fail" | "eject" | "expire";

/**
 * Transitions; a state ignores the events that it does not list. The outcomes of
 * earlier calls reach an address that is ejected, and so do those of a panic.
 */
const NEXT: Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>> = {
  serving: { succeed: "serving", fail: "serving", eject: "ejected" },
  ejected: { expire: "serving" },
};

/** Outcomes of the calls to one address. */
export class AddressHealth {
  /** Whether it receives calls. */
  state: State = "serving";
  /** Number of calls that failed since the last success. */
  consecutive = 0;
  /** Number of calls in the current interval. */
  calls = 0;
  /** Number of them that failed. */
  failures = 0;
  /** Time in ms at which the interval ends; it begins with a failure. */
  intervalEnd = -Infinity;
  /** Time in ms at which the last ejection ends. */
  until = -Infinity;
  /** Number of ejections that determine the length of the next one. */
  level = 0;
  /** Number of ejections in total. */
  ejections = 0;

  /** Follows a transition; returns whether there is one. */
  on(event: Event): boolean {
    const next = NEXT[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }
}

/** An address with its health. */
export interface WithHealth {
  /** The health, as returned by {@linkcode Ejection.add}. */
  readonly health: AddressHealth;
}

/** The addresses of a client, and which of them are ejected. */
export class Ejection {
  readonly #options: ResolvedEjection;
  readonly #all: Set<AddressHealth> = new Set();
  /** Time in ms at which the last of all ejections ends. */
  #lastEnd = -Infinity;

  /** @param options when addresses are ejected, and for how long */
  constructor(options: ResolvedEjection) {
    this.#options = options;
  }

  /** Adds an address. */
  add(): AddressHealth {
    const health = new AddressHealth();
    this.#all.add(health);
    return health;
  }

  /** Removes an address. */
  remove(health: AddressHealth): void {
    this.#all.delete(health);
  }

  /** Returns whether an address is ejected at a time in ms. */
  isEjected(health: AddressHealth, now: number): boolean {
    if (health.until <= now) health.on("expire");
    return health.state === "ejected";
  }

  /**
   * Returns the members that receive calls.
   *
   * Members that are ejected receive none, unless too many are (panic).
   *
   * @param connected the members that could receive calls
   * @param now the time in ms
   */
  serving<M extends WithHealth>(
    connected: readonly M[],
    now: number,
  ): readonly M[] {
    if (this.#lastEnd <= now) return connected;
    const serving = connected.filter(({ health }) =>
      !this.isEjected(health, now)
    );
    const most = this.#options.maxShare * connected.length;
    const panic = serving.length === 0 ||
      connected.length - serving.length > most;
    return panic ? connected : serving;
  }

  /** Counts calls to an address that succeeded. */
  succeeded(health: AddressHealth, count: number, now: number): void {
    this.isEjected(health, now);
    if (count === 0 || !health.on("succeed")) return;
    health.consecutive = 0;
    health.calls += count;
  }

  /**
   * Counts a call to an address that failed.
   *
   * @returns the ms for which the address is ejected because of it, or 0
   */
  failed(health: AddressHealth, now: number): number {
    this.isEjected(health, now);
    if (!health.on("fail")) return 0;
    if (health.intervalEnd <= now) {
      health.intervalEnd = now + this.#options.interval;
      health.calls = health.failures = 0;
    }
    health.calls++;
    health.failures++;
    health.consecutive++;
    if (!this.#isOutlier(health) || !this.#mayEject(now)) return 0;
    return this.#eject(health, now);
  }

  #isOutlier({ consecutive, calls, failures }: AddressHealth): boolean {
    const { consecutiveFailures, failureRatio, minCalls } = this.#options;
    return consecutive >= consecutiveFailures ||
      calls >= minCalls && failures >= failureRatio * calls;
  }

  /** Returns whether the share of ejected addresses permits another one. */
  #mayEject(now: number): boolean {
    let ejected = 0;
    for (const health of this.#all) {
      if (this.isEjected(health, now)) ejected++;
    }
    return ejected + 1 <= this.#options.maxShare * this.#all.size;
  }

  /**
   * Each further ejection takes longer by the base time. Each interval that an
   * address has served since makes the next one shorter again.
   */
  #eject(health: AddressHealth, now: number): number {
    const { baseTime, maxTime, interval } = this.#options;
    health.on("eject");
    const served = health.level === 0
      ? 0
      : Math.floor((now - health.until) / interval);
    health.level = Math.max(0, health.level - served) + 1;
    const time = Math.min(baseTime * health.level, maxTime);
    health.until = now + time;
    health.consecutive = 0;
    health.intervalEnd = -Infinity;
    health.ejections++;
    this.#lastEnd = Math.max(this.#lastEnd, health.until);
    return time;
  }
}
