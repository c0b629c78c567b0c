/**
 * The parts that budgets consist of. Each follows from a limit or from a cost
 * that the library documents, and none from a measurement of the attack.
 *
 * @module
 */
import { DEFAULT_LIMITS as LIMITS } from "../../lib/messages/session/wire/limits.ts";

export { LIMITS };

/** One mebibyte. */
export const MiB: number = 2 ** 20;

/**
 * Bytes by which a process may differ from its idle size: compiled code, caches
 * and the bystander's calls. As many may be left after an attack.
 */
export const PROCESS: number = 4 * MiB;

/** Memory of a server, by default. */
export const MEMORY: number = 256 * MiB;

/** Memory of one session, by default; beyond it, the session ends. */
export const SHARE: number = PROCESS + MEMORY / 4;

/**
 * Results and items that wait in one session: 4 MiB of a method whose sizes are
 * known, and 8 of 1 MB that are entered before. Handlers that run for more than
 * 64 ms without a result let others enter, and have only SHARE.
 */
export const WAITING: number = PROCESS + 12 * MiB;

/** Bytes of a session without calls, "about 30 KiB". */
const SESSION = 32 * 1024;

/** Bytes of a call whose handler is running, with its signal. */
const CALL = 2 * 1024;

/** Bytes of early frames that a session may keep (PROTOCOL.md, section 4). */
export const EARLY = 131_072;

/** Bytes of a session with the longest frame or HELLO that it reads. */
export const FRAME: number = 65_536;

/**
 * Returns the budget for sessions that each hold `each` bytes. A client may
 * connect again before the server has noticed the end of the last session, so
 * all sessions of an attack count.
 */
export function sessionBudget(count: number, each = 0): number {
  return PROCESS + count * (SESSION + each);
}

/** Returns the budget for calls in flight that each hold `each` bytes. */
export function callBudget(count: number, each = 0): number {
  return PROCESS + count * (CALL + each);
}

/** Unfinished messages of one kind: half of the limit is for items. */
export const UNFINISHED: number = LIMITS.maxAssembly / 2;

/** Replies that a session may not have sent yet, such as refusals. */
export const UNSENT: number = PROCESS + LIMITS.unsentHard;

/** One message that is not complete or not decoded yet. */
export const MESSAGE: number = PROCESS + LIMITS.maxMessage;

/** Limit of a client's queue, low enough for it to be full soon. */
export const QUEUED: number = 4 * MiB;
