/**
 * A ledger of the chat: which member heard which line, and why it did not.
 *
 * @module
 */
import { type Line, type Missed, now } from "./chat.ts";

/** The sums of the ledger. A line counts once for each member of its room. */
export interface Balance {
  /** Number of lines that were published. */
  lines: number;
  /** Lines that the members should have heard. */
  owed: number;
  /** Lines that were heard. */
  heard: number;
  /** Lines whose absence the members were notified of. */
  notified: number;
  /** Lines that were published while the member moved to another session. */
  moving: number;
  /** Last lines of a killed process, which ended with it. */
  lastWords: number;
  /** Lines that are missing for no known reason. */
  unexplained: number;
  /** Lines that were heard twice. */
  doubled: number;
  /** Lines that were heard after a later one of the same process. */
  disordered: number;
}

/** A process as a publisher of a room. */
interface Publisher {
  /** Number of its last line. */
  last: number;
  /** Time of its first line, in ms since 1970. */
  since: number;
}

/** The accounts of all members. */
export class Ledger {
  /** Ids of the processes that were killed. */
  readonly killed: Set<string> = new Set();
  readonly #accounts: Account[] = [];
  readonly #publishers: Map<string, Map<string, Publisher>> = new Map();

  /** Opens the account of a member before anything is said. */
  member(room: string): Account {
    const account = new Account(room, this);
    this.#accounts.push(account);
    return account;
  }

  /** Notes a line that was published, or heard by anyone. */
  published(room: string, { from, number, at }: Line): void {
    const publishers = this.publishers(room);
    const { last = 0, since = at } = publishers.get(from) ?? {};
    publishers.set(from, {
      last: Math.max(last, number),
      since: Math.min(since, at),
    });
  }

  /** Returns the publishers of a room by the id of the process. */
  publishers(room: string): Map<string, Publisher> {
    const publishers = this.#publishers.get(room) ?? new Map();
    this.#publishers.set(room, publishers);
    return publishers;
  }

  /** Closes the ledger. */
  balance(): Balance {
    const sums: Balance = {
      ...{ lines: 0, owed: 0, heard: 0, notified: 0, moving: 0, lastWords: 0 },
      ...{ unexplained: 0, doubled: 0, disordered: 0 },
    };
    for (const publishers of this.#publishers.values()) {
      for (const { last } of publishers.values()) sums.lines += last;
    }
    for (const account of this.#accounts) account.addTo(sums);
    return sums;
  }
}

/** A process, as a member knows it. */
interface Known {
  /** Number of the last line that was heard. */
  last: number;
  /** Time in ms at which the session of that line began. */
  movedAt: number;
  /** Number of lines before the first one that was heard. */
  early: number;
  /** Time at which the session of that first line began. */
  arrivedAt: number;
  /** Lines that are missing although the member has not moved. */
  holes: number;
  /** Lines whose absence the member was notified of. */
  notified: number;
}

/** The account of one member. */
export class Account {
  readonly #room: string;
  readonly #ledger: Ledger;
  readonly #processes: Map<string, Known> = new Map();
  readonly #heard: Set<string> = new Set();
  /** Time at which the member entered its room; `Infinity` while it does. */
  #movedAt = Infinity;
  #moving = 0;
  #doubled = 0;
  #disordered = 0;

  constructor(room: string, ledger: Ledger) {
    this.#room = room;
    this.#ledger = ledger;
  }

  /** Notes that the member has a new session, outside its room. */
  enters(): void {
    this.#movedAt = Infinity;
  }

  /** Notes that the member is in its room again. */
  entered(): void {
    this.#movedAt = now();
  }

  /** Notes a line. */
  heard(line: Line): void {
    const { from, number } = line;
    const { size } = this.#heard;
    if (this.#heard.add(`${from} ${number}`).size === size) {
      this.#doubled++;
      return;
    }
    this.#ledger.published(this.#room, line);
    const known = this.#of(from);
    if (number < known.last) {
      this.#disordered++;
      return;
    }
    const missing = number - known.last - 1;
    if (known.last === 0) {
      known.early = missing;
      known.arrivedAt = this.#movedAt;
    } else if (this.#movedAt > known.movedAt) this.#moving += missing;
    else known.holes += missing;
    known.last = number;
    known.movedAt = this.#movedAt;
  }

  /** Notes that the member was notified of missing lines. */
  missed({ from, count }: Missed): void {
    this.#of(from).notified += count;
  }

  /** Adds the account to the sums of all. */
  addTo(sums: Balance): void {
    sums.heard += this.#heard.size;
    sums.doubled += this.#doubled;
    sums.disordered += this.#disordered;
    for (const [from, process] of this.#ledger.publishers(this.#room)) {
      sums.owed += process.last;
      const known = this.#of(from);
      if (known.arrivedAt >= process.since) this.#moving += known.early;
      else known.holes += known.early;
      const unheard = process.last - known.last;
      if (this.#ledger.killed.has(from)) sums.lastWords += unheard;
      else if (this.#movedAt > known.movedAt) this.#moving += unheard;
      else known.holes += unheard;
      sums.notified += Math.min(known.holes, known.notified);
      sums.unexplained += Math.max(0, known.holes - known.notified);
    }
    sums.moving += this.#moving;
  }

  #of(from: string): Known {
    let known = this.#processes.get(from);
    if (known === undefined) {
      known = {
        ...{ last: 0, movedAt: 0, early: 0, arrivedAt: 0 },
        ...{ holes: 0, notified: 0 },
      };
      this.#processes.set(from, known);
    }
    return known;
  }
}
