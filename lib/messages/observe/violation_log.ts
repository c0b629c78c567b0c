/**
 * Reports sessions that end because the peer violated the protocol.
 *
 * @module
 */
import type { SessionError, SessionErrorCode } from "../errors/call_error.ts";
import { reportRejection } from "../support/thenable.ts";
import type { FrameRecord } from "../errors/frame_record.ts";
import { printable, printableLines } from "../support/printable.ts";
import { formatRecording } from "./recording.ts";

/**
 * A session that ended because the peer violated the protocol.
 *
 * @category Figures
 */
export interface Violation {
  /** Id of the session. */
  readonly session: string;
  /** Why the session ended. */
  readonly error: SessionError;
  /** Address of the peer, as text. */
  readonly peer: string;
  /** The last frames of the session. */
  readonly recording: readonly FrameRecord[];
  /** Number of earlier violations that were not reported, to limit the rate. */
  readonly omitted: number;
}

/** Milliseconds between two reports: a peer chooses when they are made. */
const INTERVAL = 10_000;

/** Codes of sessions that one end ends because of the other's frames. */
const VIOLATIONS: ReadonlySet<SessionErrorCode> = new Set([
  "protocol",
  "flow-control",
  "too-large",
  "too-many",
]);

/** Returns whether a session ended because an end violated the protocol. */
export function isViolation({ code }: SessionError): boolean {
  return VIOLATIONS.has(code);
}

/** A function that reports a violation. */
type Reporter = (violation: Violation) => unknown;

/** The logs of clients, by the functions to which they report. */
const OF_CLIENTS: WeakMap<Reporter, ViolationLog> = new WeakMap();

/** Reporter of the violations of a server's or client's peers. */
export class ViolationLog {
  #reportedAt = -Infinity;
  #omitted = 0;
  readonly #report: Reporter;

  /** @param report reports a violation; its errors are ignored */
  constructor(report: Reporter = printed) {
    this.#report = report;
  }

  /**
   * Returns the log of all clients that report to the same function.
   *
   * A server must not have a report printed for each session that a loop opens.
   */
  static ofClients(report: Reporter = printed): ViolationLog {
    const log = OF_CLIENTS.get(report) ?? new ViolationLog(report);
    OF_CLIENTS.set(report, log);
    return log;
  }

  /**
   * Reports a violation, unless one was reported within 10 s.
   *
   * @param details returns the details, which cost time
   * @param now the current time in ms
   */
  add(details: () => Omit<Violation, "omitted">, now: number): void {
    if (now - this.#reportedAt < INTERVAL) {
      this.#omitted++;
      return;
    }
    this.#reportedAt = now;
    const omitted = this.#omitted;
    this.#omitted = 0;
    try {
      reportRejection(this.#report({ ...details(), omitted }), () => {});
    } catch {
      // An error in the callback must not end other sessions.
    }
  }
}

function printed(
  { error, peer, session, recording, omitted }: Violation,
): void {
  const others = omitted === 0
    ? ""
    : ` (${omitted} more since the last report)`;
  // deno-lint-ignore no-console -- the default reporter; `onViolation` replaces it
  console.error(
    `Session ${session} with ${printable(peer)} ended by a violation: ${
      printableLines(error.message)
    }${others}\n${formatRecording(recording)}`,
  );
}
