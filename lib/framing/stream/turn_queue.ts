/**
 * Turns: divides the time of a thread among the connections that have frames to
 * handle.
 *
 * A connection works for at most `turnTime` per round and then waits for its
 * turn. Between two such turns, sockets are polled, and the connections that
 * have not worked that long in this round go first:
 *
 * ```text
 *   ┌─▶ poll sockets ──▶ turns of light connections ──▶ a turn of one heavy ─┐
 *   └────────────────────────────────────────────────────────────────────────┘
 * ```
 *
 * A round ends when each heavy connection has had a turn.
 *
 * If other processes want the processor, a poll may take longer than many turns,
 * and a connection counts as heavy because its thread was interrupted. After such
 * a poll, all light connections begin, and heavy ones for about as long as the
 * poll took. Otherwise, a heavy connection would wait for seconds.
 *
 * Polling takes many iterations of the event loop and is rarely necessary: a
 * read that had to wait shows that the runtime has polled sockets by itself.
 *
 * @module
 */
import {
  afterIteration,
  afterPause,
  iterationsToPoll,
} from "./event_loop_turn.ts";

/** Milliseconds of work, of all connections together, after which sockets are polled. */
const BEFORE_POLL = 4;

/**
 * Milliseconds of work after which sockets are polled in any case: over some
 * transports, a read can wait although no socket is polled.
 */
const WITHOUT_POLL = 32;

/**
 * Milliseconds of polling in iterations, after which a pause polls sockets. The
 * iterations take 0.05 ms, but if other processes want the processor as well,
 * each may wait for its share of it: 64 iterations took more than a second.
 */
const LONGEST_POLL = 1;

/**
 * Number of microtasks within which a read of ready bytes resolves. A TCP
 * connection takes 4.
 */
const READY_WITHIN = 16;

/** The environment of a {@linkcode TurnQueue}. */
export interface TurnQueueHost {
  /** Returns the current time in ms. */
  now(): number;
  /** Calls a function in a later iteration of the event loop. */
  later(callback: () => void): void;
  /** Calls a function after a pause, in which sockets are polled. */
  afterPause(callback: () => void): void;
  /** Number of iterations after which sockets have been polled. */
  readonly iterationsToPoll: number;
}

/** The turns of all connections of a thread. */
export class TurnQueue {
  /** Number of the round. */
  round = 0;
  /** Milliseconds of work since sockets were polled. */
  worked = 0;
  readonly host: TurnQueueHost;
  /** Time up to which work has been counted. */
  #countedUntil = 0;
  /** Connections that have time left in this round. */
  readonly #light: (() => void)[] = [];
  /** Connections that have used their time. */
  readonly #heavy: (() => void)[] = [];
  /** Number of heavy connections without a turn in this round. */
  #heavyLeft = 0;
  #running = false;
  /** Milliseconds of work since the queue itself polled sockets. */
  #unpolled = 0;
  /** Number of iterations left until sockets have been polled. */
  #polling = 0;
  /** Time at which polling began. */
  #pollStart = 0;
  /** Milliseconds that the last poll took, if it took a pause; otherwise 0. */
  #paused = 0;
  /** Whether the poll in progress takes a pause. */
  #pauses = false;
  /** Whether sockets have been polled since the last heavy turn. */
  #polled = false;
  readonly #onIteration = (): void => this.#advance();

  /** @param host the clock and the event loop */
  constructor(host: TurnQueueHost) {
    this.host = host;
  }

  /** Whether sockets must be polled before another connection begins its turn. */
  get full(): boolean {
    return this.worked >= BEFORE_POLL;
  }

  /** Whether connections wait for their turns. */
  get waits(): boolean {
    return this.#running;
  }

  /** Counts the work since `start`; returns the part not counted before. */
  count(start: number): number {
    const now = this.host.now();
    const added = Math.max(0, now - Math.max(start, this.#countedUntil));
    this.#countedUntil = now;
    this.worked += added;
    return added;
  }

  /** Records that a read had to wait: sockets have been polled meanwhile. */
  onReadWaited(): void {
    if (this.#running || this.#unpolled >= WITHOUT_POLL) return;
    this.#unpolled += this.worked;
    this.#renew();
  }

  /** Resolves when a connection may work again. */
  wait(heavy: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    (heavy ? this.#heavy : this.#light).push(resolve);
    if (!this.#running) {
      this.#running = true;
      this.#poll();
    }
    return promise;
  }

  #poll(): void {
    this.#polling = this.host.iterationsToPoll;
    this.#pollStart = this.host.now();
    this.host.later(this.#onIteration);
  }

  #pollOn(): void {
    if (this.host.now() - this.#pollStart < LONGEST_POLL) {
      return this.host.later(this.#onIteration);
    }
    this.#polling = 1;
    this.#pauses = true;
    this.host.afterPause(this.#onIteration);
  }

  #advance(): void {
    if (this.#polling > 0) {
      if (--this.#polling > 0) return this.#pollOn();
      this.#onPolled();
    }
    if (this.#light.length + this.#heavy.length === 0) {
      this.#running = false;
      return;
    }
    if (!this.#beginMany() && !this.#beginLight() && !this.#beginHeavy()) {
      return this.#poll();
    }
    this.host.later(this.#onIteration); // they work before that iteration
  }

  /** Begins many turns after a pause; returns whether there was one. */
  #beginMany(): boolean {
    const paused = this.#paused;
    if (paused === 0) return false;
    this.#paused = 0;
    this.#polled = false;
    const heavy = this.#heavy.splice(0, Math.ceil(paused / BEFORE_POLL));
    this.#heavyLeft -= heavy.length;
    for (const next of this.#light.splice(0)) next();
    for (const next of heavy) next();
    return true;
  }

  /** Begins the turn of a light connection; returns whether one may begin. */
  #beginLight(): boolean {
    if (this.full) return false;
    const next = this.#light.shift();
    next?.();
    return next !== undefined;
  }

  /** Begins the turn of a heavy connection; returns whether one may begin. */
  #beginHeavy(): boolean {
    if (this.full || !this.#polled) return false;
    const next = this.#heavy.shift();
    if (next === undefined) return false;
    this.#polled = false;
    this.#heavyLeft--;
    next();
    return true;
  }

  #onPolled(): void {
    this.#unpolled = 0;
    this.#polled = true;
    if (this.#pauses) this.#paused = this.host.now() - this.#pollStart;
    this.#pauses = false;
    this.#renew();
  }

  #renew(): void {
    this.worked = 0;
    if (this.#heavyLeft > 0) return;
    this.round++;
    this.#heavyLeft = this.#heavy.length;
  }
}

/** Number of frames before the first look at the clock. */
const FIRST_CHECK = 4;

/** The turns of one connection. */
export class Turn {
  readonly #queue: TurnQueue;
  readonly #time: number;
  /** Milliseconds of work in this round. */
  #used = 0;
  #round = 0;
  #start = 0;
  #frames = 0;
  #checkAt = FIRST_CHECK;
  /** Whether the read in progress is watched. */
  #watched = false;
  /** Whether that read has taken longer than if bytes had been ready. */
  #waited = false;
  /** Number of microtasks left until then; 0 if none is queued. */
  #left = 0;
  /** Created on first use: a server may hold thousands of idle connections. */
  #onMicrotask: (() => void) | undefined = undefined;

  /**
   * @param queue the turns of the thread
   * @param time milliseconds of a turn
   */
  constructor(queue: TurnQueue, time: number) {
    this.#queue = queue;
    this.#time = time;
    this.#round = queue.round;
  }

  /** Whether the connection may work now. */
  get free(): boolean {
    if (this.#round !== this.#queue.round) this.#renew();
    return this.#used < this.#time && !this.#queue.full;
  }

  #renew(): void {
    this.#round = this.#queue.round;
    this.#used = 0;
  }

  /** Begins to count work. */
  begin(): void {
    this.#start = this.#queue.host.now();
    this.#frames = 0;
    this.#checkAt = FIRST_CHECK;
  }

  /**
   * Counts a frame; returns whether the turn is over. The clock is read less
   * and less often, so a turn takes at most half as long again.
   */
  handled(): boolean {
    if (++this.#frames < this.#checkAt) return false;
    this.#checkAt += this.#checkAt >> 1;
    return this.end();
  }

  /** Counts the work since `begin`; returns whether the turn is over. */
  end(): boolean {
    this.#used += this.#queue.count(this.#start);
    return this.#used >= this.#time;
  }

  /** Called when a read begins. */
  beginRead(): void {
    if (this.free) return;
    this.#watched = true;
    const onMicrotask = this.#onMicrotask ??= () => this.#countMicrotask();
    if (this.#left === 0) queueMicrotask(onMicrotask);
    this.#left = READY_WITHIN;
  }

  #countMicrotask(): void {
    if (--this.#left === 0) this.#waited = this.#watched;
    else if (this.#onMicrotask !== undefined) queueMicrotask(this.#onMicrotask);
  }

  /** Called when a read has ended. */
  endRead(): void {
    if (this.#waited) this.#queue.onReadWaited();
    this.#watched = this.#waited = false;
  }

  /** Waits for the connection's next turn. */
  async wait(): Promise<void> {
    const heavy = this.#used >= this.#time;
    await this.#queue.wait(heavy);
    if (heavy) this.#renew();
  }
}

/** Returns the turns of all connections of this thread. */
export function threadTurns(): TurnQueue {
  return turns ??= new TurnQueue({
    now: () => performance.now(),
    later: afterIteration,
    afterPause,
    iterationsToPoll: iterationsToPoll(),
  });
}

let turns: TurnQueue | undefined;
