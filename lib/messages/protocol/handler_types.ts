/**
 * Types of handlers, their arguments and their results.
 *
 * @module
 */
import type { CallError } from "../errors/call_error.ts";
import type { CallerInput, CallerOutput, MethodDeclaration } from "./method.ts";

/**
 * A declared error, thrown by a handler or caught by a caller.
 *
 * @typeParam Name the name of the error
 * @typeParam Data the type of its data
 *
 * @category Declarations
 */
export interface DeclaredCallError<Name extends string, Data>
  extends CallError {
  /** Always `"declared"`. */
  readonly code: "declared";
  /** Name of the declared error. */
  readonly declared: Name;
  /** Data of the declared error. */
  readonly data: Data;
}

/**
 * Data argument of a declared error; optional if the error has no data.
 *
 * @typeParam Data type of the declared data
 *
 * @category Declarations
 */
export type ErrorData<Data> = undefined extends Data ? [data?: Data]
  : [data: Data];

/**
 * Members of a handler's context that depend on its method.
 *
 * @typeParam Errors the types of the declared errors' data
 * @typeParam Opening the type of the opening
 *
 * @category Protocols
 */
export interface MethodContext<Errors extends object, Opening> {
  /**
   * Opening of a `clientStream` or `duplex` call.
   *
   * It is `undefined` if the method declares no opening.
   */
  readonly opening: Opening;
  /**
   * Creates a declared error to throw.
   *
   * For example: `throw context.error("outOfStock", { left: 0 })`.
   *
   * @param name the name of an error that the method declares
   * @param data the data of the error
   * @returns the error, which is not thrown yet
   */
  error<
    Name extends [keyof Errors] extends [never]
      ? "the method declares no errors: add them to its declaration, or throw context.refuse()"
      : keyof Errors & string,
  >(
    name: Name,
    ...data: ErrorData<Name extends keyof Errors ? Errors[Name] : undefined>
  ): DeclaredCallError<
    Name,
    Name extends keyof Errors ? Errors[Name] : undefined
  >;
}

/**
 * Handler of a `unary`, `notification` or `clientStream` method.
 *
 * @typeParam Input type of the input
 * @typeParam Output type of the output
 * @typeParam Context type of the handler's context
 *
 * @category Declarations
 */
export interface OutputHandler<Input, Output, Context> {
  /**
   * Handles one call.
   *
   * @param input the input, or an async iterable of the caller's items
   * @param context the context of the call
   * @returns the output, or a promise of it
   */
  (input: Input, context: Context): Output | Promise<Output>;
}

/**
 * Handler of a `serverStream` or `duplex` method.
 *
 * An async generator function is the usual form.
 *
 * @typeParam Input type of the input
 * @typeParam Item type of an item
 * @typeParam Context type of the handler's context
 *
 * @category Declarations
 */
export interface ItemsHandler<Input, Item, Context> {
  /**
   * Handles one call.
   *
   * @param input the input, or an async iterable of the caller's items
   * @param context the context of the call
   * @returns the items; the next one is requested only when the caller has
   * granted credit for it
   */
  (input: Input, context: Context): AsyncIterable<Item>;
}

/**
 * Types of handlers, by the shape of their method.
 *
 * @typeParam In type of the input, or of an item that the caller sends
 * @typeParam Out type of the output, or of an item that the callee sends
 * @typeParam Context type of the handler's context
 *
 * @category Declarations
 */
export interface HandlerShapes<In, Out, Context> {
  /** One input, one output. */
  unary: OutputHandler<In, Out, Context>;
  /** One input, no reply. */
  notification: OutputHandler<In, void, Context>;
  /** One input, a stream of items in return. */
  serverStream: ItemsHandler<In, Out, Context>;
  /** A stream of items, one output. */
  clientStream: OutputHandler<AsyncIterable<In>, Out, Context>;
  /** A stream of items in each direction. */
  duplex: ItemsHandler<AsyncIterable<In>, Out, Context>;
}

/**
 * Type of a method's handler.
 *
 * @typeParam M the type of the method: `typeof Shop.server.order`
 * @typeParam Context the context members that all methods share
 *
 * @category Protocols
 */
export type Handler<M extends MethodDeclaration, Context = unknown> = M extends
  {
    readonly types?: {
      readonly handler: (
        output: infer HandlerOut extends CallerOutput,
      ) => infer HandlerIn extends CallerInput;
    };
  } ? HandlerShapes<
    HandlerIn["input"],
    HandlerOut["output"],
    Context & MethodContext<HandlerOut["errors"], HandlerIn["opening"]>
  >[M["shape"]]
  : never;

/**
 * Handlers of one side's methods; groups are nested objects.
 *
 * @typeParam Methods one side of a protocol
 * @typeParam Context the context members that all methods share
 *
 * @category Declarations
 */
export type MethodHandlers<Methods, Context = unknown> = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodDeclaration
    ? Handler<Methods[Name], Context>
    : MethodHandlers<Methods[Name], Context>;
};
