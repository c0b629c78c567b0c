/**
 * Which of the peer's numbers means which method here.
 *
 * @module
 */
import type { ServedMethod } from "./callee.ts";
import type { MethodInfo, Mismatch } from "./hello.ts";

/** The methods of both sides, as one side sees them. */
export interface MethodTables {
  /** Name of the protocol. */
  readonly name: string;
  /** Its hash. */
  readonly hash: number;
  /** Methods of the other side that this side may call. */
  readonly calls: readonly MethodInfo[];
  /** Methods that this side serves, by name. */
  readonly serves: ReadonlyMap<string, ServedMethod>;
}

/** The peer's list, each entry with what serves it here, or as it was listed where nothing does. */
export function servedMethods(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): readonly (ServedMethod | MethodInfo)[] {
  return listed.map((method) => {
    const served = tables.serves.get(method.name);
    return served?.info.shape === method.shape ? served : method;
  });
}

/** Where the peer's list and what is served here differ. */
export function differences(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): Mismatch[] {
  const found: Mismatch[] = [];
  listed.forEach((theirs, method) => {
    const ours = tables.serves.get(theirs.name)?.info;
    if (ours === undefined) found.push({ method, reason: "missing" });
    else if (ours.shape !== theirs.shape) {
      found.push({ method, reason: "shape" });
    } else if (ours.hash !== theirs.hash && ours.hash * theirs.hash !== 0) {
      found.push({ method, reason: "schema" });
    }
  });
  return found;
}
