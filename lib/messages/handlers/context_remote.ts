/**
 * A remote whose calls belong to a call that is being handled: they end with
 * it, and before its deadline.
 *
 * @module
 */
import { buildRemote, type CallSite } from "../calls/remote.ts";
import type { CallContext } from "./context.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/**
 * Builds it.
 *
 * @param methods the other side's
 * @param context of the call that is being handled
 * @param site where calls on nobody's behalf are made from
 */
export function contextRemote(
  methods: readonly BoundMethod[],
  context: CallContext<unknown, unknown>,
  site: CallSite,
): object {
  return buildRemote(methods, {
    ...site,
    timeLeft: () => Math.max(context.timeLeft, 1),
    defaults: { ...site.defaults, signal: context.signal },
  });
}
