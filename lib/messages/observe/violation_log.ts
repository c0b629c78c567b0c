/**
 * Reports sessions that end because the peer violated the protocol.
 *
 * @module
 */
import type { SessionError, SessionErrorCode } from "../errors/call_error.ts";
import { reportRejection } from "../support/thenable.ts";
import type { FrameRecord } from "../errors/frame_record.ts";
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

/** Reporter of the violations of a server's or client's peers. */
export class ViolationLog {
  #reportedAt = -Infinity;
  #omitted = 0;
  readonly #report: (violation: Violation) => unknown;

  /** @param report reports a violation; its errors are ignored */
  constructor(report: (violation: Violation) => unknown = printed) {
    this.#report = report;
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
    : ` (${omitted} others were not reported since the last one)`;
  // deno-lint-ignore no-console -- the default reporter; `onViolation` replaces it
  console.error(
    `Session ${session} with ${peer} ended by a violation: ${error.message}${others}\n${
      formatRecording(recording)
    }`,
  );
}
