/**
 * Makes calls at a rate, or as fast as they complete.
 *
 * In an open loop, each call has an intended start, and its latency counts from
 * there: a server that stalls for a second delays all calls of that second, as
 * it would delay users. In a closed loop, the generator waits for the server,
 * so that a stall delays few calls and percentiles look better than they are.
 *
 * @module
 */

/** The clock of the generator. */
export interface Clock {
  /** Returns the time in ms. */
  now(): number;
  /** Waits; resolves early if the signal is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets other tasks run. */
  turn(): Promise<void>;
}

/** The kind of loop. */
export type Loop =
  | { readonly kind: "open"; readonly rate: number }
  | { readonly kind: "closed"; readonly concurrency: number };

/** When the generator makes calls. */
export interface LoadOptions {
  /** Open: calls per second; closed: calls at the same time. */
  readonly loop: Loop;
  /** Milliseconds of measuring. */
  readonly duration: number;
  /** Milliseconds before, whose calls are not measured. */
  readonly warmup: number;
  /** Milliseconds after which calls in flight are cut at the end. */
  readonly grace: number;
  /** Milliseconds before the first call of an open loop. @default {0} */
  readonly delay?: number | undefined;
}

/** Result of one call. */
export interface Attempt {
  /** `"ok"` or the code of the error. */
  readonly outcome: string;
  /** Time at which the first item arrived, if one did. */
  readonly firstItem?: number | undefined;
  /** Number of items. */
  readonly items?: number | undefined;
}

/** Makes one call; a rejection ends the generator. */
export type MakeCall = (signal: AbortSignal) => Promise<Attempt>;

/** A call that has ended. */
export interface MeasuredCall extends Attempt {
  /** Time at which it should have started, relative to the measuring. */
  readonly start: number;
  /** Time at which it ended, relative to the measuring. */
  readonly end: number;
}

/** Receives the measurements of the generator. */
export interface LoadObserver {
  /** A call has ended that began while measuring. */
  called(call: MeasuredCall): void;
  /** The generator was late by some milliseconds. */
  late(ms: number): void;
  /** A call was cut at the end. */
  cut(): void;
}

/**
 * Largest error of times that are added up, in ms.
 *
 * Without it, a call whose intended start is the end may count or not.
 */
const ROUNDING = 0.001;

/** Most calls that are sent before other tasks run. */
const MAX_BATCH = 256;

/** Timers are late by 1 to 4 ms; shorter pauses are spent in turns, in ms. */
const TIMER_MARGIN = 4;

/** Interval at which a closed loop measures its own lag, in ms. */
const LAG_INTERVAL = 10;

/**
 * Makes calls until the duration is over, or the signal is aborted.
 *
 * @param call makes one call
 * @param observer receives measurements
 * @param signal ends the generator early
 */
export async function generateLoad(
  options: LoadOptions,
  clock: Clock,
  call: MakeCall,
  observer: LoadObserver,
  signal: AbortSignal,
): Promise<void> {
  const generator = new Generator(options, clock, call, observer, signal);
  const { loop } = options;
  if (loop.kind === "open") await generator.open(loop.rate);
  else await generator.closed(loop.concurrency);
  await generator.finish();
}

class Generator {
  readonly #clock: Clock;
  readonly #call: MakeCall;
  readonly #observer: LoadObserver;
  readonly #signal: AbortSignal;
  readonly #grace: number;
  readonly #delay: number;
  /** Time at which measuring begins. */
  readonly #measured: number;
  readonly #begin: number;
  readonly #end: number;
  readonly #cut = new AbortController();
  readonly #flying: Set<Promise<void>> = new Set();
  #failed = false;
  #failure: unknown = undefined;

  constructor(
    { duration, warmup, grace, delay = 0 }: LoadOptions,
    clock: Clock,
    call: MakeCall,
    observer: LoadObserver,
    signal: AbortSignal,
  ) {
    this.#clock = clock;
    this.#call = call;
    this.#observer = observer;
    this.#signal = signal;
    this.#grace = grace;
    this.#delay = delay;
    this.#begin = clock.now();
    this.#measured = this.#begin + warmup;
    this.#end = this.#measured + duration;
  }

  get #over(): boolean {
    return this.#signal.aborted || this.#failed;
  }

  /** Makes calls at a rate, whatever the server does. */
  async open(rate: number): Promise<void> {
    const interval = 1000 / rate;
    const first = this.#begin + this.#delay;
    for (let next = 0; !this.#over;) {
      const due = first + next * interval;
      if (due >= this.#end - ROUNDING) return;
      const now = this.#clock.now();
      if (due > now) {
        await this.#pause(due - now);
        continue;
      }
      for (let sent = 0; sent < MAX_BATCH; sent++, next++) {
        const intended = first + next * interval;
        if (intended > now || intended >= this.#end - ROUNDING) break;
        this.#late(intended, this.#clock.now() - intended);
        this.#fly(intended);
      }
      await this.#clock.turn();
    }
  }

  /** Makes the next call of each worker after its last one. */
  async closed(concurrency: number): Promise<void> {
    const workers = Array.from({ length: concurrency }, async () => {
      while (!this.#over && this.#clock.now() < this.#end) {
        const ok = await this.#measure(this.#clock.now());
        if (!ok) await this.#clock.turn(); // an error may come at once
      }
    });
    const measuring = this.#measureLag();
    for (const worker of workers) this.#track(worker);
    await measuring;
  }

  /** Measures how late the timers of a closed loop are. */
  async #measureLag(): Promise<void> {
    while (!this.#over) {
      const start = this.#clock.now();
      const pause = Math.min(LAG_INTERVAL, this.#end - start);
      if (pause <= 0) return;
      await this.#clock.wait(pause, this.#signal);
      this.#late(start, this.#clock.now() - start - pause);
    }
  }

  /** Waits for the calls in flight, and cuts slow ones. */
  async finish(): Promise<void> {
    const waited = new AbortController();
    const all = Promise.all(this.#flying);
    const grace = this.#over ? 0 : this.#grace;
    await Promise.race([all, this.#clock.wait(grace, waited.signal)]);
    waited.abort();
    this.#cut.abort(new Error("the benchmark is over"));
    await Promise.all(this.#flying);
    if (this.#failed) throw this.#failure;
  }

  async #pause(ms: number): Promise<void> {
    if (ms > TIMER_MARGIN) {
      await this.#clock.wait(ms - TIMER_MARGIN, this.#signal);
    } else {
      await this.#clock.turn();
    }
  }

  #late(at: number, ms: number): void {
    if (at >= this.#measured - ROUNDING) this.#observer.late(ms);
  }

  #fly(intended: number): void {
    this.#track(this.#measure(intended));
  }

  #track(flying: Promise<unknown>): void {
    const done = flying.catch((error) => {
      this.#failed = true;
      this.#failure ??= error;
    }).then(() => void this.#flying.delete(done));
    this.#flying.add(done);
  }

  /** Makes a call; returns whether it succeeded. */
  async #measure(intended: number): Promise<boolean> {
    const attempt = await this.#call(this.#cut.signal);
    const now = this.#clock.now();
    if (this.#cut.signal.aborted) this.#observer.cut();
    else if (intended >= this.#measured - ROUNDING) {
      this.#observer.called({
        ...attempt,
        start: Math.max(0, intended - this.#measured),
        end: now - this.#measured,
        firstItem: attempt.firstItem === undefined
          ? undefined
          : attempt.firstItem - this.#measured,
      });
    }
    return attempt.outcome === "ok";
  }
}
