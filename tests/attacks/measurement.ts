/**
 * The outcome of an attack, and the rules that it must follow.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { MEMORY, PROCESS } from "./budgets.ts";

/**
 * Bytes that a process may get from the system during an attack: 1.5 times the
 * memory of a server.
 */
export const MOST_RSS: number = 1.5 * MEMORY;

/** Bytes that the attacked process held, after collections. */
export interface HeapReadings {
  /** Before the process's first attack. */
  readonly first: number;
  /** Before this attack. */
  readonly before: number;
  /** The size that it must come back to. */
  readonly idle: number;
  /** The largest number during the attack. */
  readonly most: number;
  /** The lowest number after it. */
  readonly after: number;
}

/** Outcome of one attack. */
export interface Measurement {
  /** Bytes that the attacker sent. */
  readonly sent: number;
  /** Seconds that the attack took. */
  readonly seconds: number;
  /** Number of connections that the attacker used. */
  readonly connections: number;
  /** Number of events that the attacker observed. */
  readonly seen: Readonly<Record<string, number>>;
  /** Largest number of handlers that ran at once. */
  readonly handlers: number;
  /** Whether the attacked process has read all that was sent to it. */
  readonly consumed: boolean;
  /** Largest number of bytes held during the attack, more than before it. */
  readonly held: number;
  /** Largest number of bytes from the system, more than before the attack. */
  readonly rss: number;
  /** Bytes held after the attack, more than before it and than at first. */
  readonly left: number;
  /** Bytes held at different times, which explain `held` and `left`. */
  readonly heap: HeapReadings;
  /** Number of the bystander's calls. */
  readonly calls: number;
  /** Number of the bystander's calls that were lost. */
  readonly lost: number;
  /** How the first of them failed. */
  readonly failure?: string | undefined;
  /** The bystander's 99th percentile as a multiple of that without an attack. */
  readonly slowdown: number;
}

/** Returns the rules that a measurement breaks. */
export function problems(attack: Attack, found: Measurement): string[] {
  const { budget, sees = [], atLeast = {} } = attack;
  const { atMost = {}, perSecond = {} } = attack;
  const { consumed, held, rss, left, lost, calls, handlers } = found;
  const seen: Readonly<Record<string, number>> = { ...found.seen, handlers };
  const list: string[] = [];
  if (!consumed) list.push("did not read all that was sent");
  if (rss > MOST_RSS) list.push(`took ${rss} bytes; limit ${MOST_RSS}`);
  if (held > budget) list.push(`held ${held} bytes; budget ${budget}`);
  if (left > PROCESS) list.push(`kept ${left} bytes; limit ${PROCESS}`);
  if (lost > 0) list.push(`lost ${lost} of the bystander's ${calls} calls`);
  if (calls === 0) list.push("the bystander made no calls");
  for (const event of sees) {
    if (!seen[event]) list.push(`did not see ${event}`);
  }
  for (const [event, least] of Object.entries(atLeast)) {
    const count = seen[event] ?? 0;
    if (count < least) list.push(`saw ${count} × ${event}; expected ${least}`);
  }
  for (const [event, burst] of Object.entries(atMost)) {
    const count = seen[event] ?? 0;
    const most = burst + Math.ceil((perSecond[event] ?? 0) * found.seconds);
    if (count > most) list.push(`saw ${count} × ${event}; limit ${most}`);
  }
  return list;
}
