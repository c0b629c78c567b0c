/**
 * A limit of a session at its bound, and one beyond: what is within works, what
 * is beyond has its documented outcome, and where that is not the end of the
 * connection, the next message is taken.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  CALL_ERROR_CODES,
  CallError,
  PROCESSED,
  RETRY,
} from "../../../lib/messages/errors/call_error.ts";
import type { SessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { body, NOTE } from "./session_calls.ts";
import { errorOf, Lone, request } from "./lone_session.ts";

/** The outcome where nothing is told: what was sent waits, or was dropped. */
export const NOTHING = "nothing";

/** One limit, as one use of it comes up against it. */
export interface Bound {
  readonly limit: keyof SessionLimits;
  /** What is counted. */
  readonly what: string;
  /** The side that is tested. @default {"server"} */
  readonly role?: "client" | "server";
  readonly limits?: Partial<SessionLimits>;
  /** What the other side grants. */
  readonly peer?: Parameters<typeof Lone.open>[2];
  /** The handshake is what is tested. */
  readonly unopened?: true;
  /** The most that is within. */
  readonly most: number;
  /** Uses so much of it, and says whether that worked. @throws {CallError} that a caller got */
  use(lone: Lone, amount: number): boolean;
  /** What becomes of one more. */
  readonly beyond: string;
}

function begin({ role = "server", limits, peer, unopened }: Bound): Lone {
  return unopened ? new Lone(role, limits) : Lone.open(role, limits, peer);
}

/** What became of it: that it worked, the end of the connection, or an error, with what it says of itself. */
function outcome(lone: Lone, bound: Bound, amount: number): string {
  const worked = attempt(() => bound.use(lone, amount));
  if (lone.ends.length > 0) return `closes: ${lone.ends[0]?.code ?? "none"}`;
  const refusal = lone.sent().find(({ kind }) => kind === Kind.ERROR);
  if (refusal === undefined) return worked;
  const { code, processed, retry } = errorOf(refusal);
  return `${CALL_ERROR_CODES[code]}, ${PROCESSED[processed]}, ${RETRY[retry]}`;
}

function attempt(use: () => boolean): string {
  try {
    return use() ? "works" : NOTHING;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return `${error.code}, ${error.processed}, ${error.retry}`;
  }
}

/** The session goes on: it takes a message, and holds nothing of the last. */
function goesOn(lone: Lone): void {
  const before = lone.notes.length;
  lone.receive(Kind.NOTIFY, 0, request(NOTE, [7]));
  assertEquals([lone.notes.length, lone.notes.at(-1)], [
    before + 1,
    body(1, 7),
  ]);
  assertEquals([lone.session.accounts.assembling, lone.ends], [0, []]);
}

/** Registers the tests of a bound. */
export function testBound(bound: Bound): void {
  const { limit, what, most, beyond } = bound;
  Deno.test(
    `${limit} lets ${most} through, and one more has this outcome: ${beyond} (${what})`,
    { permissions: "none" },
    () => {
      const within = begin(bound);
      assertEquals(outcome(within, bound, most), "works");
      goesOn(within);
      const over = begin(bound);
      assertEquals(outcome(over, bound, most + 1), beyond);
      if (over.ends.length === 0) goesOn(over);
    },
  );
}
