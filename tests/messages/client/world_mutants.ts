/**
 * Faults planted in a copy of the library, and the one invariant of
 * `world_invariants.ts` that catches each.
 *
 * @module
 */
import type { Mutant } from "../../mutation/planted.ts";
import type { INVARIANTS } from "./world_invariants.ts";

/** The planted faults, at least one for each invariant. */
export const MUTANTS: readonly Mutant<keyof typeof INVARIANTS>[] = [
  {
    violates:
      "a stream of a source is in order, and reports the items that it misses",
    file: "calls/stream_progress.ts",
    from: "return { input, resumeFrom: this.position };",
    to:
      "return { input, resumeFrom: { ...this.position, number: this.position.number + 1 } };",
  },
  {
    violates: "a cut is not noticed if the session is resumed",
    file: "session/resume/session_resumption.ts",
    from: "if (received + 1 < frames.firstKept ||",
    to: "if (received + 1 <= frames.firstKept ||",
  },
  {
    violates: "each call settles once, and nothing is delivered afterwards",
    file: "client/resender.ts",
    from: "const timer = setTimeout(resume, ms);",
    to: "const timer = setTimeout(resume, 2 ** 31 - 1);",
  },
  {
    violates: "each result is the right one",
    file: "client/continued_stream.ts",
    from: "          progress.last = item;\n          yield item;",
    to:
      "          progress.last = item;\n          if (progress.position !== undefined || item !== 100) yield item;",
  },
  {
    violates: "a call that was not processed has entered no handler",
    file: "client/resender.ts",
    from: "          processed: this.#processed,\n          retry: code ===",
    to: '          processed: "no",\n          retry: code ===',
  },
  {
    violates: "a call that was processed has settled in a handler",
    file: "calls/pending_call.ts",
    from: "    const failure = this.#end = { error, processed };",
    to:
      '    if (processed === "maybe") Object.assign(error as object, { processed: "yes" });\n    const failure = this.#end = { error, processed };',
  },
  {
    violates: "a call that is not idempotent enters a handler at most once",
    file: "client/resend_rules.ts",
    from: 'return processed === "maybe" && lost && (idempotent || once)',
    to: 'return processed === "maybe" && lost',
  },
  {
    violates: "a call that is once enters a handler at most once",
    file: "calls/once_identity.ts",
    from: 'if (repeated && (store === "" || store !== outcomes.store)) {',
    to: "if (repeated && outcomes === undefined) {",
  },
  {
    violates: "a store keeps an outcome until its client has seen it",
    file: "once/memory_once_store.ts",
    from: 'stored.outcome = fits ? outcome : "gone";',
    to: 'stored.outcome = "gone";',
  },
  {
    violates:
      "no attempt starts after the deadline, or has more time than is left",
    file: "client/resender.ts",
    from: "const timeout = left === Infinity ? options.timeout : left;",
    to: "const timeout = options.timeout;",
  },
  {
    violates: "no attempt starts after an abort, and no listener is left",
    file: "calls/pending_call.ts",
    from: '    this.#signal?.removeEventListener("abort", this.#onAbort);\n',
    to: "",
  },
  {
    violates: "resent calls stay within the budget",
    file: "client/retry_budget.ts",
    from: "if (sum(this.#retries) + 1 > most) return false;",
    to: "",
  },
  {
    violates: "no address is tried before the time that its server named",
    file: "client/address_list.ts",
    from: "    entry.notBefore = Math.max(entry.notBefore, notBefore);\n",
    to: "",
  },
  {
    violates: "attempts follow the backoff, also if sessions end at once",
    file: "client/backoff.ts",
    from: "    if (lived < AT_ONCE) return this.afterFailure();\n",
    to: "",
  },
  {
    violates:
      "a slot has one session for new calls, and each broadcast arrives once",
    file: "server/server_session.ts",
    from: "    this.enter().outgoing.notifyEncoded(method, info, body);\n",
    to:
      "    this.enter().outgoing.notifyEncoded(method, info, body);\n    this.enter().outgoing.notifyEncoded(method, info, body);\n",
  },
  {
    violates: "a client that was closed connects no more",
    file: "client/session_slot.ts",
    from: "    this.#controller.abort(reason);\n",
    to: "",
  },
  {
    violates: "after the end, there is no timer, link or pending promise",
    file: "client/resender.ts",
    from: "      end();\n      clearTimeout(timer);\n",
    to: "      end();\n",
  },
  {
    violates: "after the end, no bytes are charged",
    file: "client/waiting_calls.ts",
    from: "if (this.#calls.delete(call)) this.#bytes -= call.bytes;",
    to: "this.#calls.delete(call);",
  },
  {
    violates: "after the end, no bytes are charged",
    file: "once/memory_once_store.ts",
    from:
      "        this.#count(client.group, -CLIENT_COST - client.name.length);\n",
    to: "",
  },
];
