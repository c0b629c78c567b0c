/**
 * Matches the peer's method list with the methods that this side serves.
 *
 * @module
 */
import type { MethodInfo, Mismatch } from "../wire/hello.ts";
import type { ServedMethod } from "../calls/incoming_call.ts";
import { mismatchOf } from "../wire/method_compatibility.ts";
import type { UnservedReason } from "../calls/call_failures.ts";
import { describedLength, type DescribedMethod } from "../wire/schema_entry.ts";

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
  /** Schemas to send if they differ; `undefined` keeps them private. */
  readonly schemas?: SchemaTexts | undefined;
}

/** The schemas of methods as UTF-8 text; empty if none are known. */
export interface SchemaTexts {
  /** Returns the schemas of a method that this side may call. */
  ofCall(index: number): Uint8Array;
  /** Returns the schemas of a method that this side serves. */
  ofServed(index: number): Uint8Array;
}

/**
 * Returns the served method for each entry of the peer's list. An entry that
 * this side does not serve with the listed shape is returned as listed.
 */
export function servedMethods(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): readonly (ServedMethod | MethodInfo)[] {
  return listed.map((method) => {
    const served = tables.serves.get(method.name);
    return served?.info.shape === method.shape ? served : method;
  });
}

/** Compares the peer's list with the methods that this side serves. */
export function findMismatches(
  listed: readonly MethodInfo[],
  tables: MethodTables,
): Mismatch[] {
  const found: Mismatch[] = [];
  listed.forEach((theirs, method) => {
    const reason = mismatchOf(theirs, tables.serves.get(theirs.name)?.info);
    if (reason !== undefined) found.push({ method, reason });
  });
  return found;
}

/**
 * Returns the descriptions of methods that the server's HELLO contains. These
 * are the mismatched methods that the client may call, and all methods that the
 * server may call: only the client can compare their hashes.
 *
 * @param hello the client's HELLO, whose protocol hash differs from the server's
 * @param mismatches the result of {@linkcode findMismatches}
 * @param room number of bytes for all descriptions; a method that does not fit
 * is omitted
 */
export function describeMethods(
  hello: { readonly methods: readonly MethodInfo[] },
  mismatches: readonly Mismatch[],
  tables: MethodTables,
  room: number,
): DescribedMethod[] {
  const described = [
    ...describeServed(hello.methods, mismatches, tables),
    ...describeCalled(tables),
  ];
  let left = room;
  return described.filter((method) => {
    const length = describedLength(method);
    const fits = length <= left;
    if (fits) left -= length;
    return fits;
  });
}

function* describeServed(
  listed: readonly MethodInfo[],
  mismatches: readonly Mismatch[],
  { serves, schemas }: MethodTables,
): Iterable<DescribedMethod> {
  for (const { method } of mismatches) {
    const ours = serves.get(listed[method]?.name ?? "");
    if (ours === undefined || schemas === undefined) continue;
    yield {
      caller: "client",
      method,
      shape: ours.info.shape,
      schemas: schemas.ofServed(ours.index),
    };
  }
}

function* describeCalled(
  { calls, schemas }: MethodTables,
): Iterable<DescribedMethod> {
  if (schemas === undefined) return;
  for (const [method, { shape, hash }] of calls.entries()) {
    if (hash === 0) continue; // its schemas are not known
    yield {
      caller: "server",
      method,
      shape,
      schemas: schemas.ofCall(method),
    };
  }
}

/** Returns the methods that the peer does not serve, by index. */
export function unservedMethods(
  { mismatches }: { readonly mismatches: readonly Mismatch[] },
  { calls }: MethodTables,
): ReadonlyMap<number, UnservedReason> {
  const unserved = new Map<number, UnservedReason>();
  for (const { method, reason } of mismatches) {
    if (reason !== "schema" && method < calls.length) {
      unserved.set(method, reason);
    }
  }
  return unserved;
}
