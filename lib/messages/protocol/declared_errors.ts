/**
 * Declared errors, as callers receive them.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import type { DeclaredCallError } from "./handler_types.ts";
import type { CallerOutput, MethodDeclaration } from "./method.ts";

/**
 * Types of the data of a method's declared errors, by name.
 *
 * @typeParam M the type of the method: `typeof Shop.server.order`
 *
 * @category Declarations
 */
export type ErrorsOf<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (input: never) => infer CallerOut extends CallerOutput;
  };
} ? CallerOut["errors"]
  : never;

/**
 * Union of a method's declared errors, discriminated by `declared`.
 *
 * @typeParam M the type of the method: `typeof Shop.server.order`
 *
 * @category Declarations
 */
export type AnyDeclaredError<M extends MethodDeclaration> = {
  [Name in keyof ErrorsOf<M> & string]: DeclaredCallError<
    Name,
    ErrorsOf<M>[Name]
  >;
}[keyof ErrorsOf<M> & string];

/**
 * Returns whether an error is one that the called method declares.
 *
 * Narrows the type of the error, so that its `data` has the declared type. If
 * the method is declared by types alone, every declared error is accepted.
 *
 * @typeParam M the type of the method
 * @param method the method that was called: `Shop.server.order`
 * @param error the caught value
 * @returns `true` if the error is one of the method's declared errors
 *
 * @example
 * ```ts
 * import { CallError, isDeclared, protocol, unary } from "@lengthwise/lengthwise";
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
 * const caught = new CallError("…", {
 *   code: "declared",
 *   declared: "outOfStock",
 *   data: { left: 2 },
 * });
 * assertEquals(explain(caught), "only 2 left");
 * assertEquals(explain(new Error("gone")), "try again later");
 * ```
 *
 * @category Errors
 */
export function isDeclared<M extends MethodDeclaration>(
  method: M,
  error: unknown,
): error is AnyDeclaredError<M>;
/**
 * Returns whether an error is a specific declared error of a method.
 *
 * @typeParam M the type of the method
 * @typeParam Name the name of the error
 * @param method the method that was called: `Shop.server.order`
 * @param error the caught value
 * @param name the name of the declared error
 * @returns `true` if the error is the declared error with this name
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
  // A method declared by types alone has no error names at run time.
  return method.errors === undefined || Object.hasOwn(method.errors, declared);
}
