/**
 * Faults planted in a copy of the library, and the one invariant of
 * `resume_invariants.ts` that catches each.
 *
 * @module
 */
import { type Invariant, INVARIANTS } from "./resume_invariants.ts";
import type { Mutant } from "../../../mutation/planted.ts";

/** The planted faults, at least one for each invariant. */
export const MUTANTS: readonly Mutant<Invariant>[] = [
  {
    violates: INVARIANTS[0],
    file: "session/resume/resumable_sink.ts",
    from: "    this.#next = received + 1;\n",
    to: "    this.#next = received + (frames.sent > received + 1 ? 2 : 1);\n",
  },
  {
    violates: INVARIANTS[1],
    file: "session/resume/sent_frames.ts",
    from: "    if (position > this.sent) return false;\n",
    to: "",
  },
  {
    violates: INVARIANTS[1],
    file: "session/resume/sent_frames.ts",
    from: "    if (position <= this.acknowledged) return true;\n",
    to: "",
  },
  {
    violates: INVARIANTS[2],
    file: "session/resume/sent_frames.ts",
    from: "segments[0]!.last <= position",
    to: "segments[0]!.last < position",
  },
  {
    violates: INVARIANTS[2],
    file: "session/resume/sent_frames.ts",
    from: "return this.firstKept <= this.acknowledged + 1;",
    to: "return true;",
  },
  {
    violates: INVARIANTS[3],
    file: "session/control/session_state.ts",
    from: 'cut: "drop", // it has no link',
    to: 'cut: "handle",',
  },
  {
    violates: INVARIANTS[3],
    file: "connection/typed_session.ts",
    from: "    link.receiver = undefined;\n",
    to: "",
  },
  {
    violates: INVARIANTS[4],
    file: "server/resume_registry.ts",
    from: "generation <= entry.generation",
    to: "generation < entry.generation",
  },
  {
    violates: INVARIANTS[4],
    file: "server/session_tokens.ts",
    from: ', confirm: "spent"',
    to: "",
  },
  {
    violates: INVARIANTS[5],
    file: "session/resume/session_resumption.ts",
    from: "    this.deadline = Infinity;\n",
    to: "",
  },
  {
    violates: INVARIANTS[5],
    file: "session/resume/session_resumption.ts",
    from: "    this.deadline = now + this.grace;\n",
    to: "",
  },
  {
    violates: INVARIANTS[6],
    file: "session/wire/frame_header.ts",
    from: "    case Kind.GOAWAY:\n    case Kind.PING:\n",
    to: "    case Kind.GOAWAY:\n    case Kind.WINDOW:\n    case Kind.PING:\n",
  },
  {
    violates: INVARIANTS[6],
    file: "session/wire/frame_header.ts",
    from: "    case Kind.GOAWAY:\n    case Kind.PING:\n",
    to: "    case Kind.GOAWAY:\n    case Kind.CREDIT:\n    case Kind.PING:\n",
  },
  {
    violates: INVARIANTS[7],
    file: "session/resume/sent_frames.ts",
    from: "this.held -= bytes.length + FRAME_COST * ends.length / 2;",
    to: "this.held -= bytes.length;",
  },
  {
    violates: INVARIANTS[7],
    file: "session/resume/resumable_sink.ts",
    from: "    this.#passed = Math.max(0, this.#passed - link.unsent);\n",
    to: "",
  },
  {
    violates: INVARIANTS[7],
    file: "session/flow/reassembly.ts",
    from: "      this.#budget.used -= this.claimed;\n",
    to: "",
  },
  {
    violates: INVARIANTS[7],
    file: "connection/memory_budget.ts",
    from: "this.used > this.#capacity && this.endHibernating()",
    to: "this.used < 0 && this.endHibernating()",
  },
  {
    violates: INVARIANTS[7],
    file: "server/resume_registry.ts",
    from: "    this.#charge(entry, group, 0);\n",
    to: "",
  },
  {
    violates: INVARIANTS[8],
    file: "session/resume/session_resumption.ts",
    from: "progress > this.#progress ||",
    to: "",
  },
  {
    violates: INVARIANTS[9],
    file: "server/server_session.ts",
    from: "isPrimary ? this : undefined",
    to:
      "isPrimary && (this.session.features & Feature.RESUME) === 0 ? this : undefined",
  },
];
