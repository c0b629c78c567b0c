/**
 * The `remote` of a context: its calls belong to the call that is being handled.
 *
 * @module
 */
import { type CallSite, lazyRemote } from "../calls/remote.ts";
import type { CallContext } from "./context.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/**
 * Builds a remote whose calls belong to a handled call. They are cancelled with
 * it and share its deadline.
 *
 * @param methods the peer's methods
 * @param context context of the call that is being handled
 * @param site the session's call site, whose interceptors and defaults apply as well
 */
export function contextRemote(
  methods: readonly BoundMethod[],
  context: CallContext<unknown, unknown>,
  site: CallSite,
): object {
  return lazyRemote(methods, {
    ...site,
    timeLeft: () => Math.max(context.timeLeft, 1),
    defaults: { ...site.defaults, signal: context.signal },
  });
}
