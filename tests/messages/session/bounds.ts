/**
 * Tests a session limit at its bound and one beyond it. At the bound everything
 * works; beyond it the documented outcome follows. Unless that closes the
 * connection, the session must accept the next message.
 *
 * @module
 */
import { accountsOf } from "./accounts.ts";
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

/** The outcome without an error: the message waits, or was dropped. */
export const NOTHING = "nothing";

/** One limit, with one way of reaching it. */
export interface Bound {
  readonly limit: keyof SessionLimits;
  /** The quantity that is counted. */
  readonly what: string;
  /** The side under test. @default {"server"} */
  readonly role?: "client" | "server";
  readonly limits?: Partial<SessionLimits>;
  /** The peer's HELLO. */
  readonly peer?: Parameters<typeof Lone.open>[2];
  /** Set to test the handshake itself. */
  readonly unopened?: true;
  /** The largest allowed amount. */
  readonly most: number;
  /**
   * Uses the given amount; returns whether that worked.
   *
   * @throws {CallError} the error of a call
   */
  use(lone: Lone, amount: number): boolean;
  /** The outcome of one more. */
  readonly beyond: string;
  /** Makes room for the next message. */
  readonly relieve?: (lone: Lone, amount: number) => void;
}

function begin({ role = "server", limits, peer, unopened }: Bound): Lone {
  return unopened ? new Lone(role, limits) : Lone.open(role, limits, peer);
}

/** Returns the outcome: "works", how the connection closed, or an error. */
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

/** Checks that the session accepts a message and holds no earlier one. */
function continues(lone: Lone): void {
  const before = lone.notes.length;
  lone.receive(Kind.NOTIFY, 0, request(NOTE, [7]));
  assertEquals([lone.notes.length, lone.notes.at(-1)], [
    before + 1,
    body(1, 7),
  ]);
  assertEquals([accountsOf(lone.session).assembling, lone.ends], [0, []]);
}

/** Registers the tests of a bound. */
export function testBound(bound: Bound): void {
  const { limit, what, most, beyond, relieve } = bound;
  Deno.test(
    `${limit} allows ${most}; one more has the outcome "${beyond}" (${what})`,
    { permissions: "none" },
    () => {
      const within = begin(bound);
      assertEquals(outcome(within, bound, most), "works");
      continues(within);
      const over = begin(bound);
      assertEquals(outcome(over, bound, most + 1), beyond);
      relieve?.(over, most + 1);
      if (over.ends.length === 0) continues(over);
    },
  );
}
