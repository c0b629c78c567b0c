/**
 * A remote whose calls belong to a call that is being handled: they end with
 * it, and before its deadline.
 *
 * @module
 */
import type { CallLink } from "./_outgoing_call.ts";
import { buildRemote } from "./_remote.ts";
import type { CallContext } from "./context.ts";
import type { BoundMethod } from "./protocol_types.ts";

/** Builds it. */
export function boundRemote(
  methods: readonly BoundMethod[],
  context: CallContext<unknown, unknown>,
  link: () => CallLink,
): object {
  return buildRemote(methods, {
    link,
    timeLeft: () => Math.max(context.timeLeft, 1),
    defaults: { signal: context.signal },
    interceptors: [],
  });
}
