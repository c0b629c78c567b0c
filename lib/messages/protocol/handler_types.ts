/**
 * What a handler is given and must return.
 *
 * @module
 */
import type { CallError } from "../errors/call_error.ts";
import type { CallerInput, CallerOutput, MethodDeclaration } from "./method.ts";

/** A declared error, as a handler throws it and a caller catches it. */
export interface DeclaredCallError<Name extends string, Data>
  extends CallError {
  /** Says that the method declares this error. */
  readonly code: "declared";
  /** Which of the declared errors. */
  readonly declared: Name;
  /** Its data. */
  readonly data: Data;
}

/** The data argument of a declared error; left out where it carries none. */
export type ErrorData<Data> = undefined extends Data ? [data?: Data]
  : [data: Data];

/**
 * The part of a handler's context that depends on its method. The rest is the
 * session's.
 */
export interface MethodContext<Errors extends object, Opening> {
  /**
   * What the caller opened the call with (`clientStream` and `duplex`);
   * `undefined` where the method declares no opening.
   */
  readonly opening: Opening;
  /**
   * Makes a declared error, to be thrown:
   * `throw context.error("outOfStock", { left: 0 })`.
   *
   * @param name one of the errors that the method declares
   * @param data its data
   */
  error<Name extends keyof Errors & string>(
    name: Name,
    ...data: ErrorData<Errors[Name]>
  ): DeclaredCallError<Name, Errors[Name]>;
}

/** Handles a call that gives one output: `unary`, `notification`, `clientStream`. */
export interface OutputHandler<Input, Output, Context> {
  /**
   * @param input the input, or the items to iterate
   * @param context of this call
   * @returns the output, at once or later
   */
  (input: Input, context: Context): Output | Promise<Output>;
}

/** Handles a call that gives items: `serverStream`, `duplex`. An async generator fits. */
export interface ItemsHandler<Input, Item, Context> {
  /**
   * @param input the input, or the items to iterate
   * @param context of this call
   * @returns the items; asked for the next one only when there is credit for it
   */
  (input: Input, context: Context): AsyncIterable<Item>;
}

/** How a method is handled, by its shape. */
export interface HandlerShapes<In, Out, Context> {
  /** One input, one output. */
  unary: OutputHandler<In, Out, Context>;
  /** One input and no answer. */
  notification: OutputHandler<In, void, Context>;
  /** One input, many items back. */
  serverStream: ItemsHandler<In, Out, Context>;
  /** Many items, one output. */
  clientStream: OutputHandler<AsyncIterable<In>, Out, Context>;
  /** Items both ways. */
  duplex: ItemsHandler<AsyncIterable<In>, Out, Context>;
}

/**
 * How a method is handled.
 *
 * @typeParam M the method
 * @typeParam Context what every handler is given
 */
export type Handler<M extends MethodDeclaration, Context = unknown> = M extends
  {
    readonly types?: {
      readonly handler: (
        returns: infer Returns extends CallerOutput,
      ) => infer Takes extends CallerInput;
    };
  } ? HandlerShapes<
    Takes["input"],
    Returns["output"],
    Context & MethodContext<Returns["errors"], Takes["opening"]>
  >[M["shape"]]
  : never;

/**
 * What one side must handle: a function for each declared method, groups as
 * nested objects.
 *
 * @typeParam Methods a side of a protocol
 * @typeParam Context what every handler is given
 */
export type MethodHandlers<Methods, Context = unknown> = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodDeclaration
    ? Handler<Methods[Name], Context>
    : MethodHandlers<Methods[Name], Context>;
};
