/**
 * What two sides can tell of their differences once the handshake is done.
 *
 * | methods of | the client knows | the server knows |
 * | --- | --- | --- |
 * | the server | its own list, MISMATCHES, SCHEMAS | both lists |
 * | the client | both lists, SCHEMAS | nothing but the protocol hash |
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
import type { SideTables } from "./method_tables.ts";
import type { Hello } from "../session/wire/hello.ts";
import type { DescribedMethod } from "../session/wire/schema_entry.ts";

/** The differences that a client finds, those in the server's methods first. */
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
  const unfit = [...mismatches].flatMap(([method, reason]) => {
    const bound = tables.calls[method];
    if (bound === undefined) return []; // the peer has made it up
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
  return [...unfit, ...missed("client", callers, tables)];
}

/** The differences that a server finds; it cannot see which methods the client handles. */
export function differencesOfServer(
  hello: Hello,
  tables: SideTables,
): readonly MethodDifference[] {
  return missed("server", hello.methods, tables);
}

/** Differences that callers notice: a method that they do not know they do not miss. */
function missed(
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

/** JSON Schemas wait until they are asked for: some libraries take long to make them. */
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
