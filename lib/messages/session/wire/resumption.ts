/**
 * The entries of HELLO for resuming a session (PROTOCOL.md, "Positions and
 * resumption"):
 *
 * ```text
 *  TOKEN           u32 grace, ms    16 to 64 bytes
 *  RESUME          u32 generation   u64 received   u64 first kept   the token
 *  RESUMED         u32 generation   u64 received   u64 first kept
 *  RESUME_REFUSED  u8 reason        nothing, or u64 received
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { getExactU64, getU32, putU32, putU64 } from "./frame_header.ts";
import { MalformedError } from "./malformed_error.ts";

/** Positions of the frames that one end has received and kept. */
export interface ResumePoint {
  /** Number of the attempt; each is higher than the one before. */
  readonly generation: number;
  /** Position up to which this end has read. */
  readonly received: number;
  /** Position of the first frame that this end can send again. */
  readonly firstKept: number;
}

/** A client's request to resume a session. */
export interface ResumeRequest extends ResumePoint {
  /** Secret from the server's last HELLO. */
  readonly token: Uint8Array;
}

/** A secret with which a session can be resumed. */
export interface SessionToken {
  /** Milliseconds for which the server keeps a session that was cut. */
  readonly grace: number;
  /** The secret, 16 to 64 bytes. */
  readonly secret: Uint8Array;
}

/** Reasons why a session is not resumed, indexed by their wire value. */
export const RESUME_REFUSALS = [
  "unknown",
  "expired",
  "not-kept",
  "other-principal",
] as const;

/** Why a session is not resumed. */
export interface ResumeRefusal {
  /** The reason. */
  readonly reason: (typeof RESUME_REFUSALS)[number];
  /**
   * Position up to which the server had read; `undefined` if it does not know.
   */
  readonly received: number | undefined;
}

const POINT = 20;
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 64;

/** Encodes TOKEN. */
export function encodeToken({ grace, secret }: SessionToken): Uint8Array {
  const head = new Uint8Array(4);
  putU32(head, 0, grace);
  return concat([head, secret]);
}

/** Decodes TOKEN. @throws {MalformedError} */
export function decodeToken(
  value: Uint8Array | undefined,
): SessionToken | undefined {
  if (value === undefined) return undefined;
  return { grace: getU32(value, 0), secret: checkToken(value.slice(4)) };
}

/** Encodes RESUMED. */
export function encodeResumed(point: ResumePoint): Uint8Array {
  const value = new Uint8Array(POINT);
  putU32(value, 0, point.generation);
  putU64(value, 4, point.received);
  putU64(value, 12, point.firstKept);
  return value;
}

/** Decodes RESUMED. @throws {MalformedError} */
export function decodeResumed(
  value: Uint8Array | undefined,
): ResumePoint | undefined {
  if (value === undefined) return undefined;
  if (value.length < POINT) {
    throw new MalformedError("RESUME or RESUMED is truncated");
  }
  return {
    generation: getU32(value, 0),
    received: getExactU64(value, 4),
    firstKept: getExactU64(value, 12),
  };
}

/** Encodes RESUME. */
export function encodeResume(request: ResumeRequest): Uint8Array {
  return concat([encodeResumed(request), request.token]);
}

/** Decodes RESUME. @throws {MalformedError} */
export function decodeResume(
  value: Uint8Array | undefined,
): ResumeRequest | undefined {
  const point = decodeResumed(value);
  if (value === undefined || point === undefined) return undefined;
  return { ...point, token: checkToken(value.slice(POINT)) };
}

/** Encodes RESUME_REFUSED. */
export function encodeRefusal(refusal: ResumeRefusal): Uint8Array {
  const { reason, received } = refusal;
  const value = new Uint8Array(received === undefined ? 1 : 9);
  value[0] = RESUME_REFUSALS.indexOf(reason);
  if (received !== undefined) putU64(value, 1, received);
  return value;
}

/** Decodes RESUME_REFUSED. @throws {MalformedError} */
export function decodeRefusal(
  value: Uint8Array | undefined,
): ResumeRefusal | undefined {
  if (value === undefined) return undefined;
  if (value.length !== 1 && value.length !== 9) {
    throw new MalformedError(
      `RESUME_REFUSED has ${value.length} bytes; expected 1 or 9`,
    );
  }
  const received = value.length === 1 ? undefined : getExactU64(value, 1);
  const reason = RESUME_REFUSALS[value[0]!] ?? "unknown"; // in range; an unknown reason, from a later version, counts as "unknown"
  return { reason, received };
}

function checkToken(token: Uint8Array): Uint8Array {
  const { length } = token;
  if (length >= SHORTEST_TOKEN && length <= LONGEST_TOKEN) return token;
  throw new MalformedError(
    `a token has ${length} bytes; expected ${SHORTEST_TOKEN} to ${LONGEST_TOKEN}`,
  );
}
