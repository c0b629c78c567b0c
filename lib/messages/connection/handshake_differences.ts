/**
 * Finds the differences that each side can see after the handshake.
 *
 * | methods of | the client knows | the server knows |
 * | --- | --- | --- |
 * | the server | its own list, MISMATCHES, SCHEMAS | both lists |
 * | the client | both lists, SCHEMAS | only the protocol hash |
 *
 * @module
 */
import {
  type MethodSchemas,
  methodSchemas,
  readSchemas,
} from "../protocol/method_schemas.ts";
import {
  difference,
  diffMethods,
  type MethodDifference,
} from "../introspection/protocol_diff.ts";
import type { MethodSummary } from "../protocol/protocol_hash.ts";
import type { BoundMethod, Side } from "../protocol/protocol_types.ts";
import type { SideTables } from "./side_tables.ts";
import type { Hello } from "../session/wire/hello.ts";
import type { DescribedMethod } from "../session/wire/schema_entry.ts";

/** Returns the differences that a client can see, the server's methods first. */
export function differencesOfClient(
  hello: Hello,
  tables: SideTables,
): readonly MethodDifference[] {
  const described = new Map(
    hello.described.map((each) => [keyOf(each.caller, each.method), each]),
  );
  const mismatches = new Map(
    hello.mismatches.map(({ method, reason }) => [method, reason]),
  );
  const mismatched = [...mismatches].flatMap(([method, reason]) => {
    const bound = tables.calls[method];
    if (bound === undefined) return []; // not one of our method numbers
    const callee = described.get(keyOf("client", method));
    return [difference("server", reason, {
      caller: describe(bound),
      callee: callee && {
        name: bound.name,
        shape: callee.shape,
        ...schemasOf(callee),
      },
    })];
  });
  const callers = hello.methods.map((method, index) => ({
    ...method,
    ...schemasOf(described.get(keyOf("server", index))),
  }));
  return [...mismatched, ...callerDifferences("client", callers, tables)];
}

/**
 * Returns the differences that a server can see. It does not know which methods
 * the client handles.
 */
export function differencesOfServer(
  hello: Hello,
  tables: SideTables,
): readonly MethodDifference[] {
  return callerDifferences("server", hello.methods, tables);
}

/** Returns the differences in methods that the caller knows. */
function callerDifferences(
  side: Side,
  caller: readonly MethodSummary[],
  { handlers }: SideTables,
): MethodDifference[] {
  const callee = handlers.map(({ bound }) => describe(bound));
  return diffMethods({ side, caller, callee })
    .filter(({ kind }) => kind !== "extra");
}

function keyOf(caller: DescribedMethod["caller"], method: number): string {
  return `${caller} ${method}`;
}

function schemasOf(
  described: DescribedMethod | undefined,
): { schemas?: MethodSchemas } {
  const schemas = described && readSchemas(described.schemas);
  return schemas === undefined ? {} : { schemas };
}

/** Computes JSON Schemas on access only: this is slow in some schema libraries. */
function describe({ name, method, hash }: BoundMethod): MethodSummary {
  return {
    name,
    shape: method.shape,
    hash,
    get schemas() {
      return methodSchemas(method);
    },
  };
}
