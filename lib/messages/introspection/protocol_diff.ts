/**
 * Compares what the two ends of a connection say of their methods.
 *
 * @module
 */
import { type Ends, schemaDifferences } from "./schema_diff.ts";
import { printable } from "../support/printable.ts";
import type { MethodSchemas } from "../protocol/method_schemas.ts";
import type { MethodSummary } from "../protocol/protocol_hash.ts";
import type { Side } from "../protocol/protocol_types.ts";
import { mismatchOf } from "../session/wire/method_compatibility.ts";

/**
 * How a method differs:
 *
 * | kind | means | calls of it |
 * | --- | --- | --- |
 * | `missing` | the callee does not have it | fail: `unimplemented`; notifications are dropped |
 * | `shape` | it has another shape there | the same |
 * | `schema` | its schemas differ | may work; validation decides call by call |
 * | `extra` | the caller does not know it | are not made |
 */
export type DifferenceKind = "missing" | "shape" | "schema" | "extra";

/** One method in which two ends differ. */
export interface MethodDifference {
  /** Which side handles it. */
  readonly side: Side;
  /** Dotted name, as the ends wrote it: {@linkcode MethodDifference.text} is fit to be printed. */
  readonly name: string;
  /** How it differs. */
  readonly kind: DifferenceKind;
  /** Whether every call of it must fail, or a notification be dropped; other methods are not touched. */
  readonly incompatible: boolean;
  /** For people, without a full stop: `"server lacks unary orders.cancel"`. */
  readonly text: string;
}

/** The methods of one side, as both ends know them. */
export interface MethodLists {
  /** Which side handles them. */
  readonly side: Side;
  /** As the end knows them that calls. */
  readonly caller: readonly MethodSummary[];
  /** As the end knows them that handles. */
  readonly callee: readonly MethodSummary[];
}

/** Lines of {@linkcode describeDifferences}; a peer may list a thousand methods. */
const MAX_LINES = 32;

/** Fields that the words about one method name. */
const MAX_FIELDS = 16;

/**
 * How the two ends of a connection differ in the methods of one side. Schemas
 * are compared by their hashes; where both lists come with JSON Schemas (from
 * `describeProtocol()`), the texts name the fields. A hash of 0 is not compared.
 *
 * @param lists the methods as the caller and as the callee know them
 * @returns one difference a method, sorted by name; empty where both agree
 *
 * @example
 * ```ts
 * import { describeProtocol, diffMethods, protocol, unary } from "@lengthwise/lengthwise/messages";
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
 * Differences as text, a line each, those that make calls fail first.
 *
 * @param differences what `diffMethods()` found
 * @returns at most 33 lines, `""` where there is no difference
 *
 * @example
 * ```ts
 * import { describeDifferences } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(describeDifferences([]), "");
 * ```
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

/** A map, since the names may be a peer's. */
function byName(methods: readonly MethodSummary[]): Map<string, MethodSummary> {
  return new Map(methods.map((method) => [method.name, method]));
}

/** One method as the two ends know it; at least one of them does. */
export interface MethodPair {
  /** As the end knows it that calls. */
  readonly caller: Described | undefined;
  /** As the end knows it that handles. */
  readonly callee: Described | undefined;
}

/** What the words about a difference need of a method. */
export type Described = Omit<MethodSummary, "hash">;

/** Puts into words how a method differs. */
export function difference(
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
    text: WORDS[kind](pair, ends),
  };
}

const WORDS: Readonly<
  Record<DifferenceKind, (pair: MethodPair, ends: Ends) => string>
> = {
  missing: ({ caller }, ends) => `${ends.callee} lacks ${titleOf(caller)}`,
  extra: ({ callee }, ends) =>
    `${ends.caller} does not know ${titleOf(callee)}`,
  shape: ({ caller, callee }, ends) =>
    `${nameOf(caller)} is ${caller?.shape} on the ${ends.caller}, ${
      callee?.shape ?? "of another shape"
    } on the ${ends.callee}`,
  schema: ({ caller, callee }, ends) => {
    const fields = fieldDifferences(caller?.schemas, callee?.schemas, ends);
    const what = fields.length > 0 ? listed(fields) : "schemas differ";
    return `${nameOf(caller)}: ${what}`;
  },
};

function titleOf(method: Described | undefined): string {
  return `${method?.shape} ${nameOf(method)}`;
}

function nameOf(method: Described | undefined): string {
  return printable(method?.name ?? "");
}

/** A peer may have any number of fields. */
function listed(fields: readonly string[]): string {
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
