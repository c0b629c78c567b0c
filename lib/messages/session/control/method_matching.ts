/**
 * Which of the peer's numbers means which method here.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import type { MethodInfo, Mismatch } from "../wire/hello.ts";
import type { ServedMethod } from "../calls/incoming_call.ts";
import {
  mismatchOf,
  type MismatchReason,
} from "../wire/method_compatibility.ts";
import { describedLength, type DescribedMethod } from "../wire/schema_entry.ts";

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
  /** Schemas as text, for a peer whose own differ; left out where it is not to see them. */
  readonly schemas?: SchemaTexts | undefined;
}

/** The schemas of methods as UTF-8 text, by their index; empty where none are known. */
export interface SchemaTexts {
  /** Of a method that this side may call. */
  ofCall(index: number): Uint8Array;
  /** Of a method that this side serves. */
  ofServed(index: number): Uint8Array;
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
    const reason = mismatchOf(theirs, tables.serves.get(theirs.name)?.info);
    if (reason !== undefined) found.push({ method, reason });
  });
  return found;
}

/**
 * What a server tells a client of the methods in which they differ: of those
 * that the client may call, and of those that the server may call, whose
 * hashes only the client can compare.
 *
 * @param hello the client's, with the hash of another protocol than ours
 * @param mismatches what `differences()` found
 * @param room bytes for all of it; what does not fit is left out
 */
export function describeMethods(
  hello: { readonly methods: readonly MethodInfo[] },
  mismatches: readonly Mismatch[],
  tables: MethodTables,
  room: number,
): DescribedMethod[] {
  const described = [
    ...served(hello.methods, mismatches, tables),
    ...called(tables),
  ];
  let left = room;
  return described.filter((method) => {
    const length = describedLength(method);
    const fits = length <= left;
    if (fits) left -= length;
    return fits;
  });
}

function* served(
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

function* called({ calls, schemas }: MethodTables): Iterable<DescribedMethod> {
  if (schemas === undefined) return;
  for (const [method, { shape, hash }] of calls.entries()) {
    if (hash === 0) continue; // there is nothing to tell
    yield {
      caller: "server",
      method,
      shape,
      schemas: schemas.ofCall(method),
    };
  }
}

/** Why a method of this side's list cannot be called. */
export type UnservedReason = Exclude<MismatchReason, "schema">;

/** Methods of this side's list that the peer does not serve, by their index. */
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

/** What a call of such a method gets. */
export function unservedError(name: string, reason: UnservedReason): CallError {
  const why = reason === "missing"
    ? "does not serve it"
    : "serves it in another shape";
  return new CallError(
    "unimplemented",
    `Cannot call ${name}: the other side ${why}`,
    { method: name, processed: "no" },
  );
}
