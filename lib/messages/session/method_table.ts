/**
 * Which of the peer's numbers means which method here.
 *
 * @module
 */
import { CallError } from "../errors.ts";
import type { MethodInfo, Mismatch } from "./hello.ts";
import type { ServedMethod } from "./incoming_call.ts";

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

/** Methods of this side's list that the peer does not serve, by their index, with the error that calls get. */
export function unservedMethods(
  { mismatches }: { readonly mismatches: readonly Mismatch[] },
  tables: MethodTables,
): ReadonlyMap<number, CallError> {
  const unserved = new Map<number, CallError>();
  for (const { method, reason } of mismatches) {
    if (reason === "schema") continue;
    const name = tables.calls[method]?.name ?? `method ${method}`;
    const why = reason === "missing"
      ? "does not serve it"
      : "serves it in another shape";
    unserved.set(
      method,
      new CallError(
        "unimplemented",
        `Cannot call ${name}: the other side ${why}`,
        { method: name, processed: "no" },
      ),
    );
  }
  return unserved;
}
