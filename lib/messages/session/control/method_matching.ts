/**
 * Matches the peer's method list with the methods that this side serves.
 *
 * @module
 */
import type { RecentSizes } from "../calls/recent_sizes.ts";
import type { Hello, MethodInfo, Mismatch } from "../wire/hello.ts";
import type { ServedMethod } from "../calls/incoming_call.ts";
import {
  mismatchOf,
  type MismatchReason,
} from "../wire/method_compatibility.ts";
import type { UnservedReason } from "../calls/call_failures.ts";

/** The methods of a protocol, from the perspective of one side. */
export interface MethodTables {
  /** The name of the protocol. */
  readonly name: string;
  /** The hash of the protocol. */
  readonly hash: number;
  /** The peer's methods that this side may call. */
  readonly calls: readonly MethodInfo[];
  /** The methods that this side serves, by name. */
  readonly serves: ReadonlyMap<string, ServedMethod>;
  /** Recent sizes of responses and items, of all sessions that handle calls. */
  readonly sizes?: RecentSizes | undefined;
}

/**
 * A method that the two ends of a session declare differently.
 *
 * @category Clients
 */
export interface MethodMismatch {
  /**
   * Dotted name of the method, as its caller declares it.
   *
   * The caller may be the peer, so escape the name before you print it.
   */
  readonly method: string;
  /** Side that handles the method. */
  readonly side: "client" | "server";
  /** The way in which the declarations differ. */
  readonly reason: MismatchReason;
}

/** The methods that a side serves, in their order. */
export interface ServedInOrder {
  /** The list that a peer with the same methods sends. */
  readonly infos: readonly MethodInfo[];
  readonly methods: readonly ServedMethod[];
}

const NO_MISMATCHES: readonly Mismatch[] = [];
const NONE_UNSERVED: ReadonlyMap<number, UnservedReason> = new Map();
/** Lists of served methods, one for each server. */
const lists = new WeakMap<MethodTables["serves"], ServedInOrder>();

/** Returns the methods that a side serves, in their order. */
export function servedInOrder({ serves }: MethodTables): ServedInOrder {
  let list = lists.get(serves);
  if (list === undefined) {
    const methods = [...serves.values()];
    list = { methods, infos: methods.map(({ info }) => info) };
    lists.set(serves, list);
  }
  return list;
}

/**
 * Returns the served method for each entry of the peer's list. An entry that
 * this side does not serve with the listed shape is returned as listed.
 */
export function servedMethods(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): readonly (ServedMethod | MethodInfo)[] {
  const { infos, methods } = servedInOrder(tables);
  if (listed === infos) return methods;
  return listed.map((method) => {
    const served = tables.serves.get(method.name);
    return served?.info.shape === method.shape ? served : method;
  });
}

/** Compares the peer's list with the methods that this side serves. */
export function findMismatches(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): readonly Mismatch[] {
  if (listed === servedInOrder(tables).infos) return NO_MISMATCHES;
  const found: Mismatch[] = [];
  listed.forEach((theirs, method) => {
    const reason = mismatchOf(theirs, tables.serves.get(theirs.name)?.info);
    if (reason !== undefined) found.push({ method, reason });
  });
  return found;
}

/**
 * Returns the mismatches that this side can see after the handshake. The
 * mismatches in the peer's HELLO come first, followed by the mismatches that
 * this side finds among the methods that the peer calls.
 *
 * @param hello the peer's HELLO, which lists mismatches only if the peer is the
 * server
 */
export function methodMismatches(
  hello: Hello,
  tables: MethodTables,
): MethodMismatch[] {
  const theirs = hello.role;
  const ours = theirs === "client" ? "server" : "client";
  return [
    ...named(theirs, hello.mismatches, tables.calls),
    ...named(ours, findMismatches(hello.methods, tables), hello.methods),
  ];
}

/** Replaces method numbers with names; omits numbers that are not listed. */
function named(
  side: MethodMismatch["side"],
  mismatches: readonly Mismatch[],
  methods: readonly MethodInfo[],
): MethodMismatch[] {
  return mismatches.flatMap(({ method, reason }) => {
    const name = methods[method]?.name;
    return name === undefined ? [] : { method: name, side, reason };
  });
}

/** Returns the methods that the peer does not serve, by index. */
export function unservedMethods(
  { mismatches }: { readonly mismatches: readonly Mismatch[] },
  { calls }: MethodTables,
): ReadonlyMap<number, UnservedReason> {
  if (mismatches.length === 0) return NONE_UNSERVED;
  const unserved = new Map<number, UnservedReason>();
  for (const { method, reason } of mismatches) {
    if (reason !== "schema" && method < calls.length) {
      unserved.set(method, reason);
    }
  }
  return unserved;
}
