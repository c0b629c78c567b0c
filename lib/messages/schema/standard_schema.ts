/**
 * Schemas of any library that implements Standard Schema version 1.
 *
 * Such libraries include zod, valibot and arktype. The interface consists of
 * types only, so this package does not depend on any of these libraries.
 *
 * Source: https://standardschema.dev
 *
 * @module
 */
import { isOfKind } from "../../support/error_kind.ts";
import { isThenable } from "../support/thenable.ts";

/**
 * A schema of any library that implements Standard Schema version 1.
 *
 * @typeParam Input the type of a value before validation
 * @typeParam Output the type of a value after validation
 *
 * @category Schemas
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** Members that the standard defines. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/**
 * Members of a {@linkcode StandardSchema} under `~standard`.
 *
 * @typeParam Input type of the value before validation
 * @typeParam Output type of the value after validation
 *
 * @category Schemas
 */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** Version of the standard. */
  readonly version: 1;
  /** Name of the schema library. */
  readonly vendor: string;
  /** Validates a value; returns a promise if the schema is asynchronous. */
  readonly validate: (
    value: unknown,
  ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  /** Types of the schema's values; always absent at run time. */
  readonly types?: SchemaTypes<Input, Output> | undefined;
}

/**
 * Types that a {@linkcode StandardSchema} carries.
 *
 * @typeParam Input type of the value before validation
 * @typeParam Output type of the value after validation
 *
 * @category Schemas
 */
export interface SchemaTypes<Input, Output> {
  /** Type of a value before validation. */
  readonly input: Input;
  /** Type of a value after validation. */
  readonly output: Output;
}

/**
 * Result of validating a value.
 *
 * @typeParam Output type of a valid value
 *
 * @category Schemas
 */
export type SchemaResult<Output> = SchemaSuccess<Output> | SchemaFailure;

/**
 * Result for a valid value.
 *
 * @typeParam Output type of the valid value
 *
 * @category Schemas
 */
export interface SchemaSuccess<Output> {
  /** The validated value, with any conversions that the schema applied. */
  readonly value: Output;
  /** Always absent for a valid value. */
  readonly issues?: undefined;
}

/**
 * Result for an invalid value.
 *
 * @category Schemas
 */
export interface SchemaFailure {
  /** Issues found in the value. */
  readonly issues: readonly LibraryIssue[];
}

/**
 * One issue, as a schema library reports it.
 *
 * @category Schemas
 */
export interface LibraryIssue {
  /** Description of the issue. */
  readonly message: string;
  /** Keys that lead to the invalid part, outermost first; plain or as `{ key }`. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/**
 * Type of a value before a schema validates it.
 *
 * The type is read from `types` alone: comparing whole schemas takes the compiler
 * much longer, and exceeds its limits with arktype (TS2589).
 *
 * @typeParam Schema the type of the schema
 *
 * @category Schemas
 */
export type InferInput<Schema extends StandardSchema> = SchemaTypesOf<
  Schema
>["input"];

/**
 * Type of a value after a schema has validated it.
 *
 * @typeParam Schema the type of the schema
 *
 * @category Schemas
 */
export type InferOutput<Schema extends StandardSchema> = SchemaTypesOf<
  Schema
>["output"];

/**
 * Types that a schema carries.
 *
 * @typeParam Schema the type of the schema
 *
 * @category Schemas
 */
export type SchemaTypesOf<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>;

/**
 * One issue of an invalid value, in a form suitable for sending.
 *
 * @category Schemas
 */
export interface SchemaIssue {
  /**
   * Keys that lead to the invalid part, outermost first.
   *
   * The path has at most 64 keys of at most 64 characters. It is empty if the
   * issue concerns the whole value.
   */
  readonly path: readonly (string | number)[];
  /** Description of the issue, at most 256 characters. */
  readonly message: string;
}

/**
 * Maximum number of issues in a {@linkcode SchemaError}.
 *
 * A peer can send a message with a million invalid items; the first few issues
 * suffice.
 */
const MAX_ISSUES = 16;
const MAX_ISSUE_LENGTH = 256;
const MAX_PATH_DEPTH = 64;
const MAX_KEY_LENGTH = 64;

/**
 * Error for a value that does not match its schema.
 *
 * @example
 * ```ts
 * import { SchemaError } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SchemaError([{ path: ["items", 0], message: "Expected a string" }]);
 * assertEquals(error.message, "Value does not match its schema: items[0]: Expected a string");
 * ```
 *
 * @category Errors
 */
export class SchemaError extends Error {
  /** Always `"SchemaError"`. */
  override readonly name = "SchemaError";
  /** The first issues, at most 16. */
  readonly issues: readonly SchemaIssue[];
  /** Total number of issues, including omitted ones. */
  readonly issueCount: number;

  /**
   * Creates an error from the issues that a schema library found.
   *
   * @param issues the issues as the library reported them
   */
  constructor(issues: readonly LibraryIssue[]) {
    // Array.from() returns a plain array; arktype's list of issues is a subclass of Array.
    const first = Array.from(issues).slice(0, MAX_ISSUES).map(toIssue);
    super(describeIssues(first, issues.length));
    this.issues = first;
    this.issueCount = issues.length;
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, SchemaError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "SchemaError";
  }
}

/**
 * Validates a value with a schema of any library.
 *
 * The result is a promise only if the schema library returns one.
 *
 * @typeParam Output the type of the validated value
 * @param schema the schema
 * @param value the value to validate
 * @returns the validated value, or a promise of it. The schema may have applied
 * defaults and conversions, and may have kept or removed unknown keys.
 * @throws {SchemaError} if the value does not match the schema; by rejection if
 * the schema is asynchronous. Errors that the schema throws are passed on.
 */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Output | Promise<Output> {
  const result = schema["~standard"].validate(value);
  // A library may return a thenable that is not a native promise.
  return isThenable(result)
    ? Promise.resolve(result).then(accept)
    : accept(result);
}

function accept<Output>(result: SchemaResult<Output>): Output {
  if (result.issues) throw new SchemaError(result.issues);
  return result.value;
}

function toIssue({ path, message }: LibraryIssue): SchemaIssue {
  return {
    path: Array.from(path ?? []).slice(0, MAX_PATH_DEPTH).map(toKey),
    message: truncate(message, MAX_ISSUE_LENGTH),
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
