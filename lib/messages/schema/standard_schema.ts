/**
 * Schemas by the Standard Schema interface, version 1, which zod, valibot,
 * arktype and others implement. Only its types are needed, so this package
 * depends on none of them.
 *
 * Source: https://standardschema.dev
 *
 * @module
 */
import { isThenable } from "../support/thenable.ts";

/**
 * A schema of any library that implements Standard Schema version 1.
 *
 * @typeParam Input what a value must look like before validation
 * @typeParam Output what validation makes of it
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the library offers under the standard. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** The members of a {@linkcode StandardSchema} under `~standard`. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** Version of the standard. */
  readonly version: 1;
  /** Name of the library. */
  readonly vendor: string;
  /** Checks one value, at once or later; a promise only if the schema needs one. */
  readonly validate: (
    value: unknown,
  ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  /** Carries the types; holds nothing at run time. */
  readonly types?: SchemaTypes<Input, Output> | undefined;
}

/** The types that a {@linkcode StandardSchema} carries. */
export interface SchemaTypes<Input, Output> {
  /** The type before validation. */
  readonly input: Input;
  /** The type after validation. */
  readonly output: Output;
}

/** What a schema says about one value. */
export type SchemaResult<Output> = SchemaSuccess<Output> | SchemaFailure;

/** The value is valid. */
export interface SchemaSuccess<Output> {
  /** The value, as the schema left it. */
  readonly value: Output;
  /** Absent where the value is valid. */
  readonly issues?: undefined;
}

/** The value is not valid. */
export interface SchemaFailure {
  /** What is wrong with it. */
  readonly issues: readonly SchemaFinding[];
}

/** One fault, as a schema library reports it. */
export interface SchemaFinding {
  /** What is wrong, in words. */
  readonly message: string;
  /** Where: keys from the outside inwards, plain or as `{ key }`. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/**
 * The type that a value must have before a schema validates it. Looks at
 * nothing of the schema but the types it carries: comparing whole schemas costs
 * the compiler too much (TS2589 with arktype's).
 */
export type InferInput<Schema> = Carried<Schema> extends
  { readonly input: infer Input } ? Input : never;

/** The type that a value has after a schema validated it. */
export type InferOutput<Schema> = Carried<Schema> extends
  { readonly output: infer Output } ? Output : never;

/** The types that a schema carries. */
export type Carried<Schema> = Schema extends
  { readonly "~standard": { readonly types?: infer Types } }
  ? NonNullable<Types>
  : never;

/** One fault of a value, in a form that can travel. */
export interface SchemaIssue {
  /** Keys from the outside inwards; empty where the whole value is meant. */
  readonly path: readonly (string | number)[];
  /** What is wrong, in words; at most 256 characters. */
  readonly message: string;
}

/**
 * Faults that a {@linkcode SchemaError} keeps. A peer can send a million bad
 * items in one message; the first few say enough.
 */
const MAX_ISSUES = 16;
const MAX_ISSUE_LENGTH = 256;
const MAX_PATH_DEPTH = 64;
const MAX_KEY_LENGTH = 64;

/**
 * A value did not match its schema.
 *
 * @example
 * ```ts
 * import { SchemaError } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SchemaError([{ path: ["items", 0], message: "Expected a string" }]);
 * assertEquals(error.message, "Value does not match its schema: items[0]: Expected a string");
 * ```
 */
export class SchemaError extends Error {
  /** Always `"SchemaError"`. */
  override readonly name = "SchemaError";
  /** The first faults, at most 16. */
  readonly issues: readonly SchemaIssue[];
  /** How many faults there were in all. */
  readonly issueCount: number;

  /**
   * Takes over what a library found.
   *
   * @param findings faults as the library reported them
   */
  constructor(findings: readonly SchemaFinding[]) {
    // from(): plain arrays, also where a library's are more than that (arktype)
    const issues = Array.from(findings).slice(0, MAX_ISSUES).map(toIssue);
    super(describeIssues(issues, findings.length));
    this.issues = issues;
    this.issueCount = findings.length;
  }
}

/**
 * Validates one value. Synchronous where the schema is: no promise is made
 * unless the library returns one.
 *
 * @param schema the schema
 * @param value the value to check
 * @returns the value as the schema left it (transformed, with defaults, without
 * unknown keys: the library's business), or a promise of it
 * @throws {SchemaError} if the value does not match, thrown or by rejection; so
 * is what the schema itself throws
 *
 * @example
 * ```ts
 * import { type StandardSchema, validate } from "@lengthwise/lengthwise/messages";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const word: StandardSchema<string> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value) =>
 *       typeof value === "string"
 *         ? { value }
 *         : { issues: [{ message: "Expected a string" }] },
 *   },
 * };
 * assertEquals(validate(word, "a"), "a");
 * assertThrows(() => validate(word, 1), Error, "Expected a string");
 * ```
 */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Output | Promise<Output> {
  const result = schema["~standard"].validate(value);
  // Not every library's promises are the engine's own.
  return isThenable(result)
    ? Promise.resolve(result).then(accept)
    : accept(result);
}

function accept<Output>(result: SchemaResult<Output>): Output {
  if (result.issues) throw new SchemaError(result.issues);
  return result.value;
}

function toIssue(finding: SchemaFinding): SchemaIssue {
  return {
    path: Array.from(finding.path ?? []).slice(0, MAX_PATH_DEPTH).map(toKey),
    message: truncate(finding.message, MAX_ISSUE_LENGTH),
  };
}

function toKey(
  segment: PropertyKey | { readonly key: PropertyKey },
): string | number {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "number" ? key : truncate(String(key), MAX_KEY_LENGTH);
}

function truncate(text: string, limit: number): string {
  return text.length <= limit
    ? text
    : `${text.slice(0, limit - 1).toWellFormed()}…`;
}

function describeIssues(issues: readonly SchemaIssue[], count: number): string {
  const [first] = issues;
  if (first === undefined) return "Value does not match its schema";
  const where = describePath(first.path);
  const what = where === "" ? first.message : `${where}: ${first.message}`;
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  return `Value does not match its schema: ${what}${more}`;
}

function describePath(path: readonly (string | number)[]): string {
  return path.map((key, index) =>
    typeof key === "number" ? `[${key}]` : index === 0 ? key : `.${key}`
  ).join("");
}
