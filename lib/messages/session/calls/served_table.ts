/**
 * The methods that one side serves, with the figures of each.
 *
 * @module
 */
import type { MethodInfo } from "../wire/hello.ts";
import type { ServedMethod } from "./incoming_call.ts";
import { MethodCounters } from "./method_counters.ts";

/** Returns the served methods by name, with counters that are 0. */
export function servedTable(
  methods: readonly MethodInfo[],
): ReadonlyMap<string, ServedMethod> {
  return new Map(
    methods.map((info, index) => [
      info.name,
      { index, info, counters: new MethodCounters() },
    ]),
  );
}
