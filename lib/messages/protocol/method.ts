/**
 * Declared methods, as values and as types.
 *
 * @module
 */
import type { StandardSchema } from "../schema/standard_schema.ts";
import type { Shape } from "../session/wire/shape.ts";

/**
 * Defaults and properties of a method.
 *
 * @category Protocols
 */
export interface MethodOptions {
  /**
   * Milliseconds until a call to the method fails with the code `deadline`.
   *
   * The range is 1 to 2,147,483,647. The caller may set a shorter or longer
   * timeout for each call.
   *
   * @default the client's timeout for calls, or no limit
   */
  readonly timeout?: number | undefined;
  /**
   * Whether repeating a call that may have run is harmless.
   *
   * Not for notifications, which are sent at most once.
   *
   * @default {false}
   */
  readonly idempotent?: boolean | undefined;
  /**
   * Whether a call that may have run is repeated without running twice.
   *
   * The server keeps the outcome of each such call until the client has received
   * it, so a client made by `createClient()` may repeat the call; see
   * `ServerOptions.once`. Only `unary` methods of the server side can be `once`. A
   * method cannot be both `once` and `idempotent`.
   *
   * @default {false}
   */
  readonly once?: boolean | undefined;
  /**
   * Whether the messages of one session are handled one after the other.
   *
   * The handler of a message is entered once the handler of the one before it
   * has settled. Messages that wait count as being handled in all limits. A
   * function returns a key of the validated input (for `clientStream` and
   * `duplex`, of the opening): only messages with the same key wait for each
   * other. The order is that of arrival, unless an asynchronous schema changes
   * it.
   *
   * @default {false}
   */
  readonly serial?: boolean | ((input: never) => string | number) | undefined;
  /** One-line description for humans, shown by introspection. @default {""} */
  readonly description?: string | undefined;
}

/**
 * Schemas of the declared errors' data, by the name of the error.
 *
 * The value is `null` for an error without data.
 *
 * @category Declarations
 */
export interface ErrorSchemas {
  /** Schema of one error's data. */
  readonly [name: string]: StandardSchema | null;
}

/**
 * A declared method at run time.
 *
 * Values without a schema are not validated.
 *
 * @category Declarations
 */
export interface MethodDeclaration extends MethodOptions {
  /** Shape of the method: which values and streams a call consists of. */
  readonly shape: Shape;
  /** Schema of the input; for `clientStream` and `duplex`, of each item that the caller sends. */
  readonly input?: StandardSchema;
  /** Schema of the output; for `serverStream` and `duplex`, of each item that the handler sends. */
  readonly output?: StandardSchema;
  /** Schema of the opening of a `clientStream` or `duplex` call. */
  readonly opening?: StandardSchema;
  /** Schemas of the declared errors' data; an object without a prototype. */
  readonly errors?: ErrorSchemas;
}

/**
 * Types of the values that the caller sends to the handler.
 *
 * @category Declarations
 */
export interface CallerInput {
  /** Type of the input, or of each item that the caller sends. */
  input: unknown;
  /** Type of the opening of a `clientStream` or `duplex` call; `void` otherwise. */
  opening: unknown;
}

/**
 * Types of the values that the handler sends to the caller.
 *
 * @category Declarations
 */
export interface CallerOutput {
  /** Type of the output, or of each item that the handler sends. */
  output: unknown;
  /** Types of the declared errors' data, by name. */
  errors: object;
}

/**
 * A declared method with its types.
 *
 * The two ends see different types if a schema converts values, for example
 * with a default or a coercion. For inputs, the caller passes the type that the
 * schema accepts, and the handler receives the type that the schema returns. For
 * outputs, the handler passes the type that the schema accepts, and the caller
 * receives the type that the schema returns.
 *
 * @typeParam S the shape of the method
 * @typeParam CallerIn the types of the values that the caller passes
 * @typeParam CallerOut the types of the values that the caller receives
 * @typeParam HandlerIn the types of the values that the handler receives
 * @typeParam HandlerOut the types of the values that the handler returns or throws
 *
 * @category Declarations
 */
export interface Method<
  S extends Shape,
  CallerIn extends CallerInput,
  CallerOut extends CallerOutput,
  HandlerIn extends CallerInput = CallerIn,
  HandlerOut extends CallerOutput = CallerOut,
> extends MethodDeclaration {
  /** Shape of the method: which values and streams a call consists of. */
  readonly shape: S;
  /** Types of the method; always absent at run time. */
  readonly types?: MethodTypes<CallerIn, CallerOut, HandlerIn, HandlerOut>;
}

/**
 * Types of a {@linkcode Method}, written as functions.
 *
 * Because of function variance, one declaration is assignable to another if and
 * only if their calls and handlers are compatible.
 *
 * @typeParam CallerIn input that the caller passes
 * @typeParam CallerOut output that the caller receives
 * @typeParam HandlerIn input that the handler receives
 * @typeParam HandlerOut output that the handler returns
 *
 * @category Declarations
 */
export interface MethodTypes<CallerIn, CallerOut, HandlerIn, HandlerOut> {
  /** Types that the caller sees. */
  readonly caller: (input: CallerIn) => CallerOut;
  /** Types that the handler sees. */
  readonly handler: (output: HandlerOut) => HandlerIn;
}

/**
 * Absence of declared errors.
 *
 * @category Declarations
 */
export type NoErrors = Record<never, never>;

/**
 * Method with one input and one output; see `unary()`.
 *
 * @typeParam In type of the input
 * @typeParam Out type of the output
 * @typeParam Errors data of the declared errors by name
 *
 * @category Protocols
 */
export interface Unary<In = void, Out = void, Errors extends object = NoErrors>
  extends
    Method<
      "unary",
      { input: In; opening: void },
      { output: Out; errors: Errors }
    > {}

/**
 * Method with one input and no reply; see `notification()`.
 *
 * @typeParam In type of the input
 *
 * @category Protocols
 */
export interface Notification<In = void> extends
  Method<
    "notification",
    { input: In; opening: void },
    { output: void; errors: NoErrors }
  > {}

/**
 * Method that takes one input and returns a stream; see `serverStream()`.
 *
 * @typeParam In type of the input
 * @typeParam Item type of an item that the callee sends
 * @typeParam Errors data of the declared errors by name
 *
 * @category Protocols
 */
export interface ServerStream<
  In = void,
  Item = void,
  Errors extends object = NoErrors,
> extends
  Method<
    "serverStream",
    { input: In; opening: void },
    { output: Item; errors: Errors }
  > {}

/**
 * Method that takes a stream and returns one output; see `clientStream()`.
 *
 * @typeParam Item type of an item that the caller sends
 * @typeParam Out type of the output
 * @typeParam Errors data of the declared errors by name
 * @typeParam Opening type of the opening
 *
 * @category Protocols
 */
export interface ClientStream<
  Item = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
> extends
  Method<
    "clientStream",
    { input: Item; opening: Opening },
    { output: Out; errors: Errors }
  > {}

/**
 * Method with a stream in each direction; see `duplex()`.
 *
 * @typeParam In type of an item that the caller sends
 * @typeParam Out type of an item that the callee sends
 * @typeParam Errors data of the declared errors by name
 * @typeParam Opening type of the opening
 *
 * @category Protocols
 */
export interface Duplex<
  In = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
> extends
  Method<
    "duplex",
    { input: In; opening: Opening },
    { output: Out; errors: Errors }
  > {}
