/**
 * Compares the methods that the two ends of a connection know.
 *
 * @module
 */
import { type Ends, schemaDifferences } from "./schema_diff.ts";
import { printable } from "../support/printable.ts";
import type { MethodSchemas } from "../protocol/method_schemas.ts";
import type { Side } from "../protocol/protocol_types.ts";
import {
  mismatchOf,
  type MismatchReason,
} from "../session/wire/method_compatibility.ts";
import type { Shape } from "../session/wire/shape.ts";

/**
 * Kind of difference between two declarations of a method.
 *
 * It is either a {@linkcode MismatchReason} or `extra`, which means that the
 * caller does not know the method and cannot call it.
 *
 * @category Differences
 */
export type DifferenceKind = MismatchReason | "extra";

/**
 * A method that differs between the two ends of a connection.
 *
 * @category Differences
 */
export interface MethodDifference {
  /** Side that handles the method. */
  readonly side: Side;
  /**
   * Dotted name of the method, as declared.
   *
   * A peer may have chosen the name. In a log, use
   * {@linkcode MethodDifference.text}, in which unprintable characters are
   * escaped.
   */
  readonly name: string;
  /** Kind of difference. */
  readonly kind: DifferenceKind;
  /**
   * Whether every call to the method fails, or its notifications are dropped.
   *
   * Other methods are not affected.
   */
  readonly incompatible: boolean;
  /**
   * Description without a final period: `"server lacks unary orders.cancel"`.
   */
  readonly text: string;
}

/**
 * A method, as {@linkcode diffMethods} compares it.
 *
 * @category Introspection
 */
export interface MethodSummary {
  /** Dotted name of the method. */
  readonly name: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Hash of the schemas, unsigned 32 bits; 0 if only types are known. */
  readonly hash: number;
  /** JSON Schemas, if available. */
  readonly schemas?: MethodSchemas;
}

/**
 * Methods of one side, as each end knows them.
 *
 * @category Differences
 */
export interface MethodLists {
  /** Side that handles the methods. */
  readonly side: Side;
  /** Methods that the calling end knows. */
  readonly caller: readonly MethodSummary[];
  /** Methods that the handling end knows. */
  readonly callee: readonly MethodSummary[];
}

/** Maximum number of differences that {@linkcode describeDifferences} lists. */
const MAX_LINES = 32;

/** Maximum number of fields in the description of one method. */
const MAX_FIELDS = 16;

/**
 * Compares two lists of the methods of one side.
 *
 * Schemas are compared by their hashes; a hash of 0 matches any other hash. If
 * both lists contain JSON Schemas, as those of `describeProtocol()` do, the
 * descriptions name the fields that differ.
 *
 * @param lists the methods, as the caller and as the callee know them
 * @returns one difference per method that differs, sorted by name
 *
 * @example
 * ```ts
 * import { describeProtocol, diffMethods } from "@lengthwise/lengthwise/introspection";
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const older = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const newer = protocol({ name: "shop", server: { quote: unary<string, number>() } });
 * const differences = diffMethods({
 *   side: "server",
 *   caller: describeProtocol(newer).server,
 *   callee: describeProtocol(older).server,
 * });
 * assertEquals(differences.map(({ text }) => text), [
 *   "client does not know unary price",
 *   "server lacks unary quote",
 * ]);
 * ```
 *
 * @category Differences
 */
export function diffMethods(lists: MethodLists): readonly MethodDifference[] {
  const { side } = lists;
  const callers = byName(lists.caller);
  const callees = byName(lists.callee);
  return [...new Set([...callers.keys(), ...callees.keys()])].sort()
    .flatMap((name) => {
      const pair = { caller: callers.get(name), callee: callees.get(name) };
      const kind = pair.caller === undefined
        ? "extra"
        : mismatchOf(pair.caller, pair.callee);
      return kind === undefined ? [] : [difference(side, kind, pair)];
    });
}

/**
 * Formats differences as text, one per line, incompatible methods first.
 *
 * @param differences the differences that `diffMethods()` returned
 * @returns the lines of the first 32 differences, and a line with the number
 * of the others if there are more; `""` if there are no differences
 *
 * @example
 * ```ts
 * import {
 *   describeDifferences,
 *   describeProtocol,
 *   diffMethods,
 * } from "@lengthwise/lengthwise/introspection";
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const older = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const newer = protocol({ name: "shop", server: { quote: unary<string, number>() } });
 * const differences = diffMethods({
 *   side: "server",
 *   caller: describeProtocol(newer).server,
 *   callee: describeProtocol(older).server,
 * });
 * assertEquals(
 *   describeDifferences(differences),
 *   "server lacks unary quote\nclient does not know unary price",
 * );
 * ```
 *
 * @category Differences
 */
export function describeDifferences(
  differences: readonly MethodDifference[],
): string {
  const sorted = [
    ...differences.filter(({ incompatible }) => incompatible),
    ...differences.filter(({ incompatible }) => !incompatible),
  ];
  const lines = sorted.slice(0, MAX_LINES).map(({ text }) => text);
  const left = sorted.length - lines.length;
  if (left > 0) lines.push(`and ${left} more`);
  return lines.join("\n");
}

/** Indexes methods by name. A Map is safe for names that a peer has chosen. */
function byName(methods: readonly MethodSummary[]): Map<string, MethodSummary> {
  return new Map(methods.map((method) => [method.name, method]));
}

/** One method, as each end knows it; at least one end knows it. */
interface MethodPair {
  readonly caller: MethodSummary | undefined;
  readonly callee: MethodSummary | undefined;
}

/** Returns a difference with its description. */
function difference(
  side: Side,
  kind: DifferenceKind,
  pair: MethodPair,
): MethodDifference {
  const ends = side === "server"
    ? { caller: "client", callee: "server" }
    : { caller: "server", callee: "client" };
  return {
    side,
    name: (pair.caller ?? pair.callee)?.name ?? "",
    kind,
    incompatible: kind === "missing" || kind === "shape",
    text: DESCRIBE[kind](pair, ends),
  };
}

const DESCRIBE: Readonly<
  Record<DifferenceKind, (pair: MethodPair, ends: Ends) => string>
> = {
  missing: ({ caller }, ends) => `${ends.callee} lacks ${titleOf(caller)}`,
  extra: ({ callee }, ends) =>
    `${ends.caller} does not know ${titleOf(callee)}`,
  shape: ({ caller, callee }, ends) =>
    `${
      nameOf(caller)
    } is ${caller?.shape} on the ${ends.caller}, ${callee?.shape} on the ${ends.callee}`,
  schema: ({ caller, callee }, ends) => {
    const fields = fieldDifferences(caller?.schemas, callee?.schemas, ends);
    const what = fields.length > 0 ? joinFields(fields) : "schemas differ";
    return `${nameOf(caller)}: ${what}`;
  },
};

function titleOf(method: MethodSummary | undefined): string {
  return `${method?.shape} ${nameOf(method)}`;
}

function nameOf(method: MethodSummary | undefined): string {
  return printable(method?.name ?? "");
}

/** Joins the descriptions of at most 16 fields; a peer may send any number. */
function joinFields(fields: readonly string[]): string {
  const left = fields.length - MAX_FIELDS;
  const text = fields.slice(0, MAX_FIELDS).join(", ");
  return left > 0 ? `${text}, and ${left} more` : text;
}

function fieldDifferences(
  caller: MethodSchemas | undefined,
  callee: MethodSchemas | undefined,
  ends: Ends,
): string[] {
  if (caller === undefined || callee === undefined) return [];
  return [
    ...(["input", "output", "opening"] as const).flatMap((part) =>
      schemaDifferences(part, caller[part], callee[part], ends)
    ),
    ...errorDifferences(caller.errors, callee.errors, ends),
  ];
}

function errorDifferences(
  caller: MethodSchemas["errors"],
  callee: MethodSchemas["errors"],
  ends: Ends,
): string[] {
  const names = new Set([...Object.keys(caller), ...Object.keys(callee)]);
  return [...names].sort().flatMap((name) => {
    const what = `error ${printable(name)}`;
    if (!Object.hasOwn(caller, name)) {
      return [`${what} is known to the ${ends.callee} only`];
    }
    if (!Object.hasOwn(callee, name)) {
      return [`${what} is known to the ${ends.caller} only`];
    }
    return schemaDifferences(
      what,
      caller[name] ?? null,
      callee[name] ?? null,
      ends,
    );
  });
}
