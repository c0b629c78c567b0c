/**
 * Credit (PROTOCOL.md, "Credit"): how many bytes a sender may send on an
 * account before the receiver has processed earlier ones. Both ends keep the
 * same two sums for an account:
 *
 * ```text
 *   0 ───────────── charges ───────────────── total
 *                      └─────── available ──────┘   below 0 by at most one frame
 * ```
 *
 * @module
 */
import type { Source } from "./send_scheduler.ts";
import type { FrameWriter } from "./frame_writer.ts";
import {
  FRAME_CHARGE,
  getU64,
  HEADER,
  Kind,
  putU64,
} from "../wire/frame_header.ts";

/** Highest credit that a sender may have (PROTOCOL.md, "Credit"). */
export const MAX_CREDIT: number = 0x7fff_ffff;

/** Owed bytes that are granted in any case: a sender writes as many in a burst. */
export const LARGE_GRANT: number = 128 * 1024;

/** Accounts of a connection; a WINDOW frame has the account as its id. */
export const Account = {
  /** Charged by REQUEST. */
  REQUESTS: 0,
  /** Charged by NOTIFY. */
  NOTIFICATIONS: 1,
  /** Charged by ITEM, for all calls together. */
  ITEMS: 2,
} as const;

/** The sender's end of an account. */
export class SendCredit {
  #total: number;
  #charges = 0;
  /** Sources that wait, in the order of their arrival, by their reserve. */
  #waiting: Map<number, Set<Source>> | undefined = undefined;

  /** @param total initial total */
  constructor(total: number) {
    this.#total = total;
  }

  /** Number of bytes that may still be sent; the last frame may exceed it. */
  get available(): number {
    return this.#total - this.#charges;
  }

  /** Charges a frame that was sent. */
  charge(amount: number): void {
    this.#charges += amount;
  }

  /**
   * Raises the total; ignores a total that is not higher, such as a repeated one.
   *
   * @returns `false` if more than {@linkcode MAX_CREDIT} would be available
   */
  raise(total: number): boolean {
    if (total <= this.#total) return true;
    if (total - this.#charges > MAX_CREDIT) return false;
    this.#total = total;
    return true;
  }

  /**
   * Returns whether a source must wait for credit. If so, the account remembers
   * the source for {@linkcode SendCredit.wake}.
   *
   * @param reserve bytes that must remain available for other sources
   */
  mustWait(source: Source, reserve = 0): boolean {
    if (this.available > reserve) return false;
    const waiting = this.#waiting ??= new Map();
    const sources = waiting.get(reserve);
    if (sources === undefined) waiting.set(reserve, new Set([source]));
    else sources.add(source);
    return true;
  }

  /** Forgets a source that has nothing left to send. */
  forget(source: Source): void {
    for (const sources of this.#waiting?.values() ?? []) sources.delete(source);
  }

  /**
   * Resumes waiting sources, in the order of their arrival. A
   * frame is charged at least `FRAME_CHARGE`, which bounds how many of them the
   * credit suffices for: a peer that grants little wakes few.
   */
  wake(resume: (sources: readonly Source[]) => void): void {
    for (const [reserve, sources] of this.#waiting ?? []) {
      while (sources.size > 0 && this.available > reserve) {
        const most = Math.ceil((this.available - reserve) / FRAME_CHARGE);
        resume(takeFirst(sources, most));
      }
    }
  }
}

function takeFirst(sources: Set<Source>, most: number): Source[] {
  const taken: Source[] = [];
  for (const source of sources) {
    if (taken.length === most) break;
    taken.push(source);
  }
  for (const source of taken) sources.delete(source);
  return taken;
}

/** The receiver's end of an account. */
export class GrantedCredit {
  #total: number;
  #charges = 0;
  #owed = 0;
  #unreturned = 0;

  /** @param total initial total */
  constructor(total: number) {
    this.#total = total;
  }

  /** Charges of frames that have not been processed. */
  get unreturned(): number {
    return this.#unreturned;
  }

  /** Number of bytes that the peer may still send. */
  get available(): number {
    return this.#total - this.#charges;
  }

  /** Charges of all frames so far. */
  get charged(): number {
    return this.#charges;
  }

  /**
   * Number of processed bytes that have not been granted again. It is negative
   * while more is withheld.
   */
  get owed(): number {
    return this.#owed;
  }

  /**
   * Charges a frame that has arrived.
   *
   * @returns whether the peer was allowed to send the frame
   */
  charge(amount: number): boolean {
    const allowed = this.available > 0;
    this.#charges += amount;
    this.#unreturned += amount;
    return allowed;
  }

  /** Owes the peer the charge of frames that were processed. */
  owe(amount: number): void {
    this.#owed += amount;
    this.#unreturned -= amount;
  }

  /** Counts frames as processed whose charge repays a loan. */
  repay(amount: number): void {
    this.#unreturned -= amount;
  }

  /**
   * Takes back the charge of a message that must wait after all. It is owed
   * again, with `owe()`, once the message has been processed.
   */
  withhold(amount: number): void {
    this.#owed -= amount;
    this.#unreturned += amount;
  }

  /** Grants bytes before they are owed, and returns the new total. */
  protected advance(amount: number): number {
    this.#owed -= amount;
    this.#total += amount;
    return this.#total;
  }

  /**
   * Grants the bytes that are owed.
   *
   * @param raise bytes to grant in addition
   * @returns the new total, for a CREDIT or WINDOW frame
   */
  grant(raise = 0): number {
    const owed = Math.max(0, this.#owed);
    this.#total += owed + raise;
    this.#owed -= owed;
    return this.#total;
  }
}

/**
 * The receiver's end of an account of the connection. It sends WINDOW once a
 * quarter of the window is owed.
 */
export class ConnectionCredit extends GrantedCredit {
  /** A quarter of the window, in bytes. */
  readonly quarter: number;
  /** Owed bytes at which WINDOW is sent. */
  readonly #grantAt: number;
  /** Whether nothing is granted, because too much memory is in use. */
  #paused = false;
  readonly #writer: FrameWriter;
  readonly #account: number;

  /**
   * @param writer writer of the session's frames
   * @param account the account
   * @param window initial total
   * @param grantAt owed bytes at which WINDOW is sent even before a quarter is owed
   */
  constructor(
    writer: FrameWriter,
    account: number,
    window: number,
    grantAt = Infinity,
  ) {
    super(window);
    this.quarter = window / 4;
    this.#grantAt = Math.min(this.quarter, grantAt);
    this.#writer = writer;
    this.#account = account;
  }

  /**
   * Owes the charge of processed frames, and grants it in time.
   *
   * @param grants whether another grant has just been written: one write then
   * takes both, so half of what is otherwise required suffices
   */
  release(amount: number, grants = false): void {
    this.owe(amount);
    if (grants && 2 * this.owed >= this.#grantAt && !this.#paused) this.send();
    else this.#grantInTime();
  }

  #grantInTime(): void {
    if (this.owed >= this.#grantAt && !this.#paused) this.send();
  }

  /** Grants enough for one frame, if nothing is available. */
  allowFrame(): void {
    if (this.available > 0) return;
    const total = this.advance(1 - this.available);
    writeTotal(this.#writer, Kind.WINDOW, this.#account, total);
  }

  /** Stops granting credit, or makes up for it. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#grantInTime();
  }

  /**
   * Grants the bytes that are owed, with a WINDOW frame.
   *
   * @param raise bytes to grant in addition
   */
  send(raise = 0): void {
    writeTotal(this.#writer, Kind.WINDOW, this.#account, this.grant(raise));
  }
}

/**
 * Returns the total in a CREDIT or WINDOW frame; `undefined` if the frame is
 * malformed.
 */
export function totalOf(frame: Uint8Array): number | undefined {
  if (frame.length !== HEADER + 8) return undefined;
  const total = getU64(frame, HEADER);
  return total < 2 ** 53 ? total : undefined;
}

/** Writes a CREDIT or WINDOW frame. */
export function writeTotal(
  writer: FrameWriter,
  kind: number,
  id: number,
  total: number,
): void {
  const at = writer.begin(kind, 0, id, 8);
  putU64(writer.buffer, at, total);
  writer.commit(at + 8);
}
