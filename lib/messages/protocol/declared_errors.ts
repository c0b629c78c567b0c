/**
 * Declared errors, at the caller's end.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import type { DeclaredCallError } from "./handler_types.ts";
import type { CallerOutput, MethodDeclaration } from "./method.ts";

/** For each error that a method declares, the type of its data. */
export type ErrorsOf<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (gives: never) => infer Gets extends CallerOutput;
  };
} ? Gets["errors"]
  : never;

/** Any of the errors that a method declares, told apart by `declared`. */
export type AnyDeclaredError<M extends MethodDeclaration> = {
  [Name in keyof ErrorsOf<M> & string]: DeclaredCallError<
    Name,
    ErrorsOf<M>[Name]
  >;
}[keyof ErrorsOf<M> & string];

/**
 * Whether a call failed with an error that its method declares, and with which:
 * gives its data the declared type.
 *
 * @param method the method that was called: `Shop.server.order`
 * @param error what was caught
 * @param name which of its errors; any, if left out
 *
 * @example
 * ```ts
 * import { CallError, isDeclared, protocol, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: {
 *     order: unary<string, void, { outOfStock: { left: number }; closed: void }>(),
 *   },
 * });
 * function explain(error: unknown): string {
 *   if (isDeclared(Shop.server.order, error, "outOfStock")) {
 *     return `only ${error.data.left} left`; // a number
 *   }
 *   return "try again later";
 * }
 * const caught = new CallError("declared", "…", { declared: "outOfStock", data: { left: 2 } });
 * assertEquals(explain(caught), "only 2 left");
 * assertEquals(explain(new Error("gone")), "try again later");
 * ```
 */
export function isDeclared<M extends MethodDeclaration>(
  method: M,
  error: unknown,
): error is AnyDeclaredError<M>;
/**
 * Whether a call failed with one certain error that its method declares.
 *
 * @param method the method that was called: `Shop.server.order`
 * @param error what was caught
 * @param name which of its errors
 */
export function isDeclared<
  M extends MethodDeclaration,
  Name extends keyof ErrorsOf<M> & string,
>(
  method: M,
  error: unknown,
  name: Name,
): error is DeclaredCallError<Name, ErrorsOf<M>[Name]>;
export function isDeclared(
  method: MethodDeclaration,
  error: unknown,
  name?: string,
): boolean {
  if (!(error instanceof CallError) || error.code !== "declared") return false;
  const { declared } = error;
  if (name !== undefined && name !== declared) return false;
  // A declaration by types alone does not know its errors' names at run time.
  return method.errors === undefined || Object.hasOwn(method.errors, declared);
}
