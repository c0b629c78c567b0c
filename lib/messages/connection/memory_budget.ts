/**
 * The memory that sessions hold for their peers.
 *
 * A server has one budget for all its sessions, and so has each client.
 *
 * ```text
 *  0 ──────── 3/8 ─ 7/16 ─ 1/2 ──── limit
 *  │           │     │      │        └ the rest is for garbage: what sessions
 *  │           │     │      │          have dropped stays for some time
 *  │           │     │      └ the heaviest sessions end, first those whose
 *  │           │     │        handshake is incomplete; no session is opened
 *  │           │     └ results of sessions that send slowly are dropped
 *  │           └ sessions above their share get no calls and no credit
 *  └ a session above a quarter of the limit ends in any case
 * ```
 *
 * Hibernating sessions, which wait for a connection, end before any other accepted
 * one.
 *
 * V8 collects buffers only after about 100 MB of them have been dropped. So that
 * the process stays near the limit, sessions may hold half of it. The share of a
 * session is that half divided by the number of sessions: whenever all sessions
 * together exceed the half, at least one of them is above its share.
 *
 * @module
 */
import type { Side } from "../protocol/protocol_types.ts";
import type { MemoryStats } from "../observe/stats.ts";
import type { RunningHandlers } from "../session/calls/running_handlers.ts";
import { CreditPool } from "../session/flow/credit_pool.ts";
import type { SessionBudget } from "../session/session_host.ts";

/** The session of an account. */
export interface MemoryHolder {
  /** Whether the handshake is complete. */
  readonly accepted: boolean;
  /** Refuses calls and withholds credit, or stops doing so. */
  restrict(restricted: boolean): void;
  /** Ends the session. */
  evict(message: string): void;
}

/**
 * Default of the option `memory`: 256 MiB.
 *
 * A session may hold a quarter, which is more than what a peer that keeps the
 * default limits makes it hold: 16 MiB each of inputs, of unfinished messages and
 * of queued calls, and 8 MiB of unsent bytes.
 */
export const DEFAULT_MEMORY: number = 256 * 1024 * 1024;

/** Milliseconds to wait after a session ended because of memory. */
export const BUSY_PAUSE = 1000;

/** Part of the limit above which sessions over their share are restricted. */
const PRESSURE = 3 / 8;
/** Part of the limit above which results are dropped. */
const SCARCE = 7 / 16;
/** Part of the limit above which sessions end. */
const CAPACITY = 1 / 2;
/**
 * Part of the limit by which memory must grow between evictions. It
 * applies if none could end: handlers of ended sessions hold the memory.
 */
const GROWTH = 1 / 64;
/** Part of the limit that one session may hold. */
const MOST_PER_SESSION = 1 / 4;

/** The memory that one session holds. */
export class MemoryAccount implements SessionBudget {
  /** Heap bytes that the session holds. */
  held = 0;
  /** Whether the session is under pressure. */
  restricted = false;
  /** The session; `undefined` before its start and after its end. */
  holder: MemoryHolder | undefined = undefined;
  /** Messages of topics that wait for the session. */
  backlog: { readonly held: number } | undefined = undefined;
  /** Receives what the session holds while it waits for a connection. */
  observer: { update(held: number): void } | undefined = undefined;
  readonly #budget: MemoryBudget;

  /** @param budget the budget of the server */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** @inheritdoc */
  get raises(): CreditPool {
    return this.#budget.raises;
  }

  /** @inheritdoc */
  runningHandlers(
    create: new (limit: number) => RunningHandlers,
  ): RunningHandlers {
    return this.#budget.runningHandlers(create);
  }

  /** @inheritdoc */
  get dropsResults(): boolean {
    return this.#budget.dropsResults(this.held);
  }

  /**
   * Sets the bytes that the session holds now.
   *
   * @param held the bytes
   * @param own the part of them that calls of this side take; those of a client
   * do not count, as its program has chosen to make them
   */
  update(held: number, own: number): void {
    const counted = this.#budget.countsOwnCalls ? held : held - own;
    const all = counted + (this.backlog?.held ?? 0);
    this.#budget.update(this, all);
    this.observer?.update(all);
  }
}

/** The memory of a server or a client. */
export class MemoryBudget {
  /** Heap bytes that all sessions hold. */
  used = 0;
  /** Credit for raising windows; half of the limit. */
  readonly raises: CreditPool;
  /** Ends a hibernating session; returns whether there was one. */
  endHibernating: () => boolean = () => false;
  /** Maximum number of heap bytes. */
  readonly limit: number;
  /** Heap bytes that all sessions may hold. */
  readonly #capacity: number;
  /** Heap bytes above which sessions end. */
  #evictAbove: number;
  #evicting = false;
  readonly #accounts: Set<MemoryAccount> = new Set();
  readonly #restricted: Set<MemoryAccount> = new Set();
  readonly #side: Side;
  readonly #owner: string;
  /** The handlers that run, once a session handles calls. */
  #running: RunningHandlers | undefined = undefined;

  /**
   * @param side the end of the connections
   * @param limit maximum number of heap bytes
   * @param owner the owner of the memory, for messages
   * @throws {RangeError} if the limit is not an integer of at least 1 MiB
   */
  constructor(side: Side, limit: number, owner: string = side) {
    if (!Number.isSafeInteger(limit) || limit < 2 ** 20) {
      throw new RangeError(
        `Cannot use ${limit} as option "memory": it must be an integer of at least 1048576 (bytes)`,
      );
    }
    this.#side = side;
    this.#owner = owner;
    this.limit = limit;
    this.#capacity = this.#evictAbove = limit * CAPACITY;
    this.raises = new CreditPool(limit / 2);
  }

  /** Returns the handlers that run; they may return half of the limit. */
  runningHandlers(
    create: new (limit: number) => RunningHandlers,
  ): RunningHandlers {
    return this.#running ??= new create(this.limit / 2);
  }

  /** Whether calls to the peers count. */
  get countsOwnCalls(): boolean {
    return this.#side === "server";
  }

  /** Whether no session may be opened. */
  get full(): boolean {
    return this.used >= this.#capacity;
  }

  /** Whether a session that holds this much may hold no more results. */
  dropsResults(held: number): boolean {
    const limit = this.limit * SCARCE;
    return this.used > limit && held > limit / this.#accounts.size;
  }

  /** Why no session may be opened, if none may. */
  get refusal(): string | undefined {
    return this.full ? `the ${this.#owner}'s memory is used up` : undefined;
  }

  get #pressureAt(): number {
    return this.limit * PRESSURE;
  }

  /** Returns the figures of the budget. */
  figures(): MemoryStats {
    const { used, limit } = this;
    const restricted = this.#restricted.size;
    return { used, limit, pressureAt: this.#pressureAt, restricted };
  }

  /** Opens the account of a session. */
  open(): MemoryAccount {
    const account = new MemoryAccount(this);
    this.#accounts.add(account);
    return account;
  }

  /**
   * Ends the account of a session. Inputs that its running handlers hold still
   * count until the handlers settle.
   */
  close(account: MemoryAccount): void {
    account.holder = undefined;
    this.#accounts.delete(account);
    this.#restricted.delete(account);
  }

  /** Sets what a session holds, and reacts if it is too much. */
  update(account: MemoryAccount, held: number): void {
    this.used += held - account.held;
    account.held = held;
    if (held > this.limit * MOST_PER_SESSION) {
      this.#evict(account, "one session may hold a quarter of");
    }
    if (this.used <= this.#capacity) this.#evictAbove = this.#capacity;
    else if (this.used > this.#evictAbove && !this.#evicting) this.#relieve();
    this.#restrict(account);
    if (this.#restricted.size === 0 || this.#underPressure) return;
    for (const restricted of [...this.#restricted]) this.#restrict(restricted);
  }

  get #underPressure(): boolean {
    return this.used > this.#pressureAt;
  }

  get #share(): number {
    return this.#capacity / this.#accounts.size;
  }

  #restrict(account: MemoryAccount): void {
    const restricted = this.#underPressure && account.held > this.#share;
    if (restricted === account.restricted) return;
    account.restricted = restricted;
    if (restricted) this.#restricted.add(account);
    else this.#restricted.delete(account);
    account.holder?.restrict(restricted);
  }

  #relieve(): void {
    this.#evicting = true; // sessions that end report what they still hold
    this.#evictHeaviest();
    this.#evicting = false;
    if (this.used <= this.#capacity) return;
    this.#evictAbove = this.used + this.limit * GROWTH;
  }

  #evictHeaviest(): void {
    for (const accepted of [false, true]) {
      while (accepted && this.used > this.#capacity && this.endHibernating());
      // One is enough as a rule, and found without sorting all of them.
      const heaviest = this.#holders(accepted)
        .reduce<MemoryAccount | undefined>(heavier, undefined);
      if (heaviest === undefined) continue;
      this.#evictAll([heaviest], accepted);
      if (this.used <= this.#capacity) return;
      const others = this.#holders(accepted).sort((a, b) => b.held - a.held);
      this.#evictAll(others, accepted);
    }
  }

  #holders(accepted: boolean): MemoryAccount[] {
    return [...this.#accounts]
      .filter(({ holder }) => holder?.accepted === accepted);
  }

  /** Ends sessions, the heaviest first, until there is memory. */
  #evictAll(accounts: readonly MemoryAccount[], accepted: boolean): void {
    for (const account of accounts) {
      if (this.used <= this.#capacity) return;
      if (accepted && account.held <= this.#share) return;
      this.#evict(account, "all sessions together have used up");
    }
  }

  #evict(account: MemoryAccount, why: string): void {
    const { holder } = account;
    account.holder = undefined;
    holder?.evict(
      `the session held ${account.held} bytes, and ${why} the ${this.#owner}'s memory (option memory, ${this.limit} bytes)`,
    );
  }
}

function heavier(
  heaviest: MemoryAccount | undefined,
  account: MemoryAccount,
): MemoryAccount {
  return heaviest !== undefined && heaviest.held >= account.held
    ? heaviest
    : account;
}
