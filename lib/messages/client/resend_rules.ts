/**
 * Decides which failed calls a client sends again.
 *
 * | class | failed calls | sent again |
 * | --- | --- | --- |
 * | `unsent` | never left this process | at once, until the deadline |
 * | `unseen` | refused by a server that did not look at them | once, at once; then like `later` |
 * | `later` | refused for load, before their handlers | after a pause, from the budget |
 * | `repeatable` | of methods that are idempotent or once, and may have run | after a pause, from the budget |
 * | `final` | all others | never |
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import type { MethodDeclaration } from "../protocol/method.ts";

/** How a failed call may be sent again. */
export type ResendClass =
  | "unsent"
  | "unseen"
  | "later"
  | "repeatable"
  | "final";

/** Returns how a call that failed may be sent again. */
export function resendClass(
  error: unknown,
  { idempotent, once }: Pick<MethodDeclaration, "idempotent" | "once">,
): ResendClass {
  if (!(error instanceof CallError)) return "final";
  const { code, processed, retry } = error;
  if (code === "cancelled" || code === "deadline") return "final";
  if (processed === "no") {
    if (code === "disconnected") return "unsent";
    if (code === "unavailable") return "unseen";
    return retry === "never" ? "final" : "later";
  }
  const lost = code === "disconnected" || code === "unavailable";
  return processed === "maybe" && lost && (idempotent || once)
    ? "repeatable"
    : "final";
}
