/**
 * Types of the values of one method.
 *
 * Use them in code other than handlers and calls.
 *
 * @module
 */
import type { CallerInput, CallerOutput, MethodDeclaration } from "./method.ts";

/**
 * Type of the value that a caller passes to a method.
 *
 * For `clientStream` and `duplex`, it is the type of each item that the caller
 * sends.
 *
 * @typeParam M the type of the method
 *
 * @example
 * ```ts
 * import { type Input, type Output, protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, { cents: number }>() },
 * });
 * type Price = typeof Shop.server.price;
 *
 * function priceOf({ sku }: Input<Price>): Output<Price> {
 *   return { cents: sku.length * 100 };
 * }
 * assertEquals(priceOf({ sku: "A-1" }), { cents: 300 });
 * ```
 *
 * @category Protocols
 */
export type Input<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (input: infer In extends CallerInput) => unknown;
  };
} ? In["input"]
  : never;

/**
 * Type of the value that a method returns to its caller.
 *
 * For `serverStream` and `duplex`, it is the type of each item that the callee
 * sends.
 *
 * @typeParam M the type of the method
 *
 * @category Protocols
 */
export type Output<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (input: never) => infer Out extends CallerOutput;
  };
} ? Out["output"]
  : never;

/**
 * Type of the items of a method's stream.
 *
 * For `duplex`, it is the type of the items that the callee sends. It is `never`
 * for methods without a stream.
 *
 * @typeParam M the type of the method
 *
 * @category Protocols
 */
export type Item<M extends MethodDeclaration> = M["shape"] extends
  "serverStream" | "duplex" ? Output<M>
  : M["shape"] extends "clientStream" ? Input<M>
  : never;
