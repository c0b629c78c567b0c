/**
 * The sessions of a server that can be resumed.
 *
 * ```text
 *   open ──cut──▶ hibernating ──resume──▶ open
 *     │               │
 *     └──── end ──────┴──▶ gone: a tombstone says how far the server had read
 * ```
 *
 * @module
 */
import type { ResumeRefusal } from "../session/wire/resumption.ts";
import { SessionTokens } from "./session_tokens.ts";

/** A session that can be resumed. */
export interface ResumableSession {
  /** Position up to which the server has read. */
  readonly received: number;
  /** Whether a frame has arrived on the current link. */
  readonly heard: boolean;
  /** Ends the session, which waits for a link. */
  endHibernation(why: string): void;
}

/** Limits of the sessions that wait for a link. */
export interface HibernationLimits {
  /** Number of sessions of one principal, or of one address without it. */
  readonly perPrincipal: number;
  /** Heap bytes of all sessions. */
  readonly memory: number;
}

/** A session and how it can be resumed. */
export interface ResumeEntry<S extends ResumableSession> {
  /** The session. */
  readonly session: S;
  /** The principal; `undefined` if clients are not authenticated. */
  principal: string | undefined;
  /** Name of the sessions that count together while they wait. */
  group: string;
  /** The session's tokens. */
  readonly tokens: SessionTokens;
  /** Number of the last attempt that succeeded. */
  generation: number;
  /** Heap bytes that the session holds. */
  held: number;
}

/** Heap bytes of a waiting session itself. */
const SESSION_COST = 4 * 1024;

/** Milliseconds for which tombstones are kept. */
const TOMBSTONE_TIME = 10 * 60_000;

/** Number of tombstones that are kept. */
const MAX_TOMBSTONES = 10_000;

const UNKNOWN: ResumeRefusal = { reason: "unknown", received: undefined };
/** Another principal learns nothing about the session. */
const OTHER_PRINCIPAL: ResumeRefusal = {
  reason: "other-principal",
  received: undefined,
};

/** Facts about a session that has ended. */
interface Tombstone {
  /** Position up to which the server had read. */
  readonly received: number;
  /** The principal, as of a {@linkcode ResumeEntry}. */
  readonly principal: string | undefined;
  /** Time in ms at which it is removed. */
  readonly until: number;
}

/**
 * Returns the name of the sessions that share a limit.
 *
 * They belong to one principal or, if it has no name, to one address.
 */
export function groupOf(
  principal: string | undefined,
  address: string,
): string {
  return principal ? `p ${principal}` : `a ${address}`;
}

/** Sessions of one principal that wait for a link. */
class Group<S extends ResumableSession> {
  /** In the order in which they lost their links. */
  readonly entries: Set<ResumeEntry<S>> = new Set();
  held = 0;

  /** Ends one session, which removes it from the group. */
  endOldest(why: string): void {
    const [oldest] = this.entries;
    oldest?.session.endHibernation(why);
  }
}

/** The sessions of one server that can be resumed. */
export class ResumeRegistry<S extends ResumableSession> {
  /** Number of sessions that wait for a link. */
  hibernating = 0;
  readonly #limits: HibernationLimits;
  readonly #entries: Map<S, ResumeEntry<S>> = new Map();
  readonly #byHash: Map<string, ResumeEntry<S>> = new Map();
  /** Sessions without a link, by principal or address. */
  readonly #groups: Map<string, Group<S>> = new Map();
  readonly #tombstones: Map<string, Tombstone> = new Map();
  #held = 0;

  /** @param limits limits of the sessions that wait for a link */
  constructor(limits: HibernationLimits) {
    this.#limits = limits;
  }

  /** Number of tokens and tombstones. */
  get size(): number {
    return this.#byHash.size + this.#tombstones.size;
  }

  /**
   * Adds a session that was opened.
   *
   * @param session the session
   * @param principal its principal, if clients are authenticated
   * @param hash hash of its token
   */
  add(session: S, principal: string | undefined, hash: string): void {
    const tokens = new SessionTokens(hash);
    const entry = {
      ...{ session, principal, tokens },
      ...{ group: "", generation: 0, held: 0 },
    };
    this.#entries.set(session, entry);
    this.#byHash.set(hash, entry);
  }

  /** Sets the principal of a session, whose credentials were refreshed. */
  setPrincipal(session: S, principal: string | undefined): void {
    const entry = this.#entries.get(session);
    if (entry !== undefined) entry.principal = principal;
  }

  /** Returns whether a session with this token exists. */
  knows(hash: string): boolean {
    return this.#byHash.has(hash);
  }

  /**
   * Finds the session of a token.
   *
   * @param hash hash of the token
   * @param generation number of the attempt
   * @param principal the client's principal
   * @returns the session, or why it is not resumed
   */
  find(
    { hash, generation, principal }: {
      hash: string;
      generation: number;
      principal: string | undefined;
    },
    now: number,
  ): ResumeEntry<S> | ResumeRefusal {
    const entry = this.#byHash.get(hash);
    if (entry === undefined) return this.#buried(hash, principal, now);
    if (entry.session.heard) this.#confirm(entry);
    if (!entry.tokens.accepts(hash) || generation <= entry.generation) {
      return UNKNOWN;
    }
    return principal === entry.principal ? entry : OTHER_PRINCIPAL;
  }

  #buried(
    hash: string,
    principal: string | undefined,
    now: number,
  ): ResumeRefusal {
    const tombstone = this.#tombstones.get(hash);
    if (tombstone === undefined || tombstone.until <= now) return UNKNOWN;
    return principal === tombstone.principal
      ? { reason: "expired", received: tombstone.received }
      : OTHER_PRINCIPAL;
  }

  #confirm(entry: ResumeEntry<S>): void {
    this.#changeTokens(entry, () => entry.tokens.confirm());
  }

  #changeTokens({ tokens }: ResumeEntry<S>, change: () => void): void {
    const before = [...tokens.hashes];
    change();
    for (const hash of before) {
      if (!tokens.accepts(hash)) this.#byHash.delete(hash);
    }
  }

  /**
   * Records that a session continues on another link.
   *
   * @param entry the session
   * @param used hash of the client's token
   * @param next hash of the next token
   * @param generation number of the attempt
   */
  resumed(
    entry: ResumeEntry<S>,
    { used, next, generation }: {
      used: string;
      next: string;
      generation: number;
    },
  ): void {
    entry.generation = generation;
    this.#changeTokens(entry, () => entry.tokens.rotate(used, next));
    this.#byHash.set(next, entry);
    this.#wake(entry);
  }

  /**
   * Records that a session has lost its link. Ends others if too many have.
   *
   * @param address the client's address, which counts if it has no principal
   */
  hibernate(session: S, held: number, address: string): void {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    const { principal } = entry;
    entry.group = groupOf(principal, address);
    const group = this.#groups.get(entry.group) ?? new Group<S>();
    this.#groups.set(entry.group, group);
    group.entries.add(entry);
    this.hibernating++;
    this.#charge(entry, group, SESSION_COST + held);
    if (group.entries.size > this.#limits.perPrincipal) {
      group.endOldest(
        `more than ${this.#limits.perPrincipal} sessions of its client wait for a connection`,
      );
    }
    this.#limitMemory();
  }

  /** Sets what a session holds; has no effect unless it waits for a link. */
  update(session: S, held: number): void {
    const entry = this.#entries.get(session);
    const group = entry && this.#groups.get(entry.group);
    if (entry === undefined || !group?.entries.has(entry)) return;
    this.#charge(entry, group, SESSION_COST + held);
    this.#limitMemory();
  }

  #charge(entry: ResumeEntry<S>, group: Group<S>, held: number): void {
    const more = held - entry.held;
    entry.held = held;
    group.held += more;
    this.#held += more;
  }

  #limitMemory(): void {
    while (this.#held > this.#limits.memory) {
      const why = "the sessions that wait for connections hold too much memory";
      if (!this.endHeaviest(why)) return;
    }
  }

  /**
   * Ends a session of the principal that holds most.
   *
   * @returns whether one has ended
   */
  endHeaviest(why: string): boolean {
    let heaviest: Group<S> | undefined;
    for (const group of this.#groups.values()) {
      if (heaviest === undefined || group.held > heaviest.held) {
        heaviest = group;
      }
    }
    heaviest?.endOldest(why);
    return heaviest !== undefined;
  }

  /** Ends all sessions that wait for a link. */
  endAll(why: string): void {
    for (const group of this.#groups.values()) {
      while (group.entries.size > 0) group.endOldest(why);
    }
  }

  #wake(entry: ResumeEntry<S>): void {
    const group = this.#groups.get(entry.group);
    if (!group?.entries.delete(entry)) return;
    this.hibernating--;
    this.#charge(entry, group, 0);
    if (group.entries.size === 0) this.#groups.delete(entry.group);
  }

  /** Removes a session that has ended; a tombstone replaces it. */
  remove(session: S, now: number): void {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    this.#entries.delete(session);
    this.#wake(entry);
    for (const hash of entry.tokens.hashes) {
      this.#byHash.delete(hash);
      this.#bury(hash, entry, now);
    }
  }

  #bury(hash: string, entry: ResumeEntry<S>, now: number): void {
    const { principal, session: { received } } = entry;
    const until = now + TOMBSTONE_TIME;
    this.#tombstones.set(hash, { received, principal, until });
    for (const [oldest, { until }] of this.#tombstones) {
      if (until > now && this.#tombstones.size <= MAX_TOMBSTONES) return;
      this.#tombstones.delete(oldest);
    }
  }
}
