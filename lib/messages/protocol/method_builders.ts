/**
 * Declares methods, by types alone or with schemas.
 *
 * Values are validated at run time only if they have a schema.
 *
 * @module
 */
import type {
  ClientStream,
  Duplex,
  ErrorSchemas,
  Method,
  MethodDeclaration,
  MethodOptions,
  NoErrors,
  Notification,
  ServerStream,
  Unary,
} from "./method.ts";
import type { Shape } from "../session/wire/shape.ts";
import { type Declared, declareMethod } from "./validate_declaration.ts";
import type {
  InferInput,
  InferOutput,
  StandardSchema,
} from "../schema/standard_schema.ts";

/**
 * Schema of an absent value, used where a declaration omits a schema.
 *
 * @category Declarations
 */
export type VoidSchema = StandardSchema<void, void>;

/**
 * Options for a method that is declared by types alone.
 *
 * @category Declarations
 */
export interface TypedMethodOptions extends MethodOptions {
  /** Not allowed: name the place of a schema, as in `{ input: schema }`. */
  readonly "~standard"?: "name the place of the schema: { input: schema }";
  /** Not allowed together with type arguments; a schema determines the type. */
  readonly input?: never;
  /** Not allowed together with type arguments; a schema determines the type. */
  readonly output?: never;
  /** Not allowed together with type arguments; a schema determines the type. */
  readonly opening?: never;
  /** Not allowed together with type arguments; schemas determine the types. */
  readonly errors?: never;
}

/**
 * Schemas and options for a method without a reply.
 *
 * @typeParam In the input's schema
 *
 * @category Declarations
 */
export interface NotificationSchemas<In> extends MethodOptions {
  /** Not allowed: name the place of a schema, as in `{ input: schema }`. */
  readonly "~standard"?: "name the place of the schema: { input: schema }";
  /**
   * Schema of the input; for `clientStream` and `duplex`, of each item that
   * the caller sends.
   *
   * @default no input
   */
  readonly input?: In;
}

/**
 * Schemas and options for a method that returns an output or items.
 *
 * @typeParam In the input's schema
 * @typeParam Out the output's schema
 * @typeParam Errors the schemas of the declared errors' data
 *
 * @category Declarations
 */
export interface CallSchemas<In, Out, Errors> extends NotificationSchemas<In> {
  /**
   * Schema of the output; for `serverStream` and `duplex`, of each item that
   * the handler sends.
   *
   * @default no output
   */
  readonly output?: Out;
  /**
   * Schema of each declared error's data; `null` for an error without data.
   *
   * @default no declared errors
   */
  readonly errors?: Errors;
}

/**
 * Schemas and options for a method to which the caller sends items.
 *
 * @typeParam In the schema of each item that the caller sends
 * @typeParam Out the output's schema
 * @typeParam Errors the schemas of the declared errors' data
 * @typeParam Opening the opening's schema
 *
 * @category Declarations
 */
export interface StreamSchemas<In, Out, Errors, Opening>
  extends CallSchemas<In, Out, Errors> {
  /** Schema of the opening, which precedes the items. @default no opening */
  readonly opening?: Opening;
}

/**
 * Types of the declared errors' data, as callers receive it.
 *
 * @typeParam Errors schemas of the declared errors by name
 *
 * @category Declarations
 */
export type ErrorsOut<Errors extends ErrorSchemas> = {
  [Name in keyof Errors]: Errors[Name] extends null ? void
    : InferOutput<NonNullable<Errors[Name]>>;
};

/**
 * Types of the declared errors' data, as handlers throw it.
 *
 * @typeParam Errors schemas of the declared errors by name
 *
 * @category Declarations
 */
export type ErrorsIn<Errors extends ErrorSchemas> = {
  [Name in keyof Errors]: Errors[Name] extends null ? void
    : InferInput<NonNullable<Errors[Name]>>;
};

/**
 * Method whose types come from its schemas.
 *
 * @typeParam S shape of the method
 * @typeParam In schema of the input
 * @typeParam Out schema of the output
 * @typeParam Errors schemas of the declared errors by name
 * @typeParam Opening schema of the opening
 *
 * @category Declarations
 */
export type SchemaMethod<
  S extends Shape,
  In extends StandardSchema,
  Out extends StandardSchema,
  Errors extends ErrorSchemas = NoErrors,
  Opening extends StandardSchema = VoidSchema,
> = Method<
  S,
  { input: InferInput<In>; opening: InferInput<Opening> },
  { output: InferOutput<Out>; errors: ErrorsOut<Errors> },
  { input: InferOutput<In>; opening: InferOutput<Opening> },
  { output: InferInput<Out>; errors: ErrorsIn<Errors> }
>;

/**
 * Declares a method with one input and one output.
 *
 * Pass the types as type arguments, or schemas as an argument. The callee
 * validates the input before calling the handler, and the output before sending
 * it. Types alone are not checked at run time.
 *
 * @typeParam In the type of the input
 * @typeParam Out the type of the output
 * @typeParam Errors for each declared error, the type of its data; `void` if it has none
 * @param options options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 *
 * @example Types and schemas
 * ```ts
 * import { protocol, typed, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: {
 *     price: unary<{ sku: string }, { cents: number }>(),
 *     order: unary({
 *       input: typed<{ sku: string; count: number }>(), // or a zod, valibot or arktype schema
 *       output: typed<{ id: string }>(),
 *       errors: { outOfStock: typed<{ left: number }>(), closed: null },
 *       timeout: 2_000,
 *     }),
 *   },
 * });
 * assertEquals(Shop.server.order.timeout, 2_000);
 * ```
 *
 * @category Protocols
 */
export function unary<
  In = void,
  Out = void,
  Errors extends object = NoErrors,
>(options?: TypedMethodOptions): Unary<In, Out, Errors>;
/**
 * Declares a method with one input and one output, using schemas.
 *
 * @typeParam In the input's schema
 * @typeParam Out the output's schema
 * @typeParam Errors the schemas of the declared errors' data
 * @param schemas schemas and options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type, a schema does
 * not implement Standard Schema version 1, or the name of an error is invalid
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 */
export function unary<
  In extends StandardSchema = VoidSchema,
  Out extends StandardSchema = VoidSchema,
  Errors extends ErrorSchemas = NoErrors,
>(
  schemas: CallSchemas<In, Out, Errors>,
): SchemaMethod<"unary", In, Out, Errors>;
export function unary(declared: Declared = {}): MethodDeclaration {
  return declareMethod("unary", declared);
}

/**
 * Declares a method with one input and no reply.
 *
 * The caller does not learn whether the notification was handled, or whether
 * its handler failed.
 *
 * @typeParam In the type of the input
 * @param options options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 *
 * @example
 * ```ts
 * import { connect, notification, protocol, serve } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Log = protocol({
 *   name: "log",
 *   server: { write: notification<{ line: string }>() },
 * });
 * const written = Promise.withResolvers<string>();
 * await using server = await serve(Log, { port: 0 }).handle({
 *   write: ({ line }) => written.resolve(line),
 * });
 *
 * await using session = await connect(Log, server.addr);
 * await session.remote.write({ line: "started" }); // accepted for sending, not yet handled
 * assertEquals(await written.promise, "started");
 * ```
 *
 * @category Protocols
 */
export function notification<In = void>(
  options?: TypedMethodOptions,
): Notification<In>;
/**
 * Declares a method with one input and no reply, using a schema.
 *
 * @typeParam In the input's schema
 * @param schemas schema and options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type, or the schema
 * does not implement Standard Schema version 1
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 */
export function notification<In extends StandardSchema = VoidSchema>(
  schemas: NotificationSchemas<In>,
): SchemaMethod<"notification", In, VoidSchema>;
export function notification(declared: Declared = {}): MethodDeclaration {
  return declareMethod("notification", declared);
}

/**
 * Declares a method that takes one input and returns a stream.
 *
 * @typeParam In the type of the input
 * @typeParam Item the type of each item
 * @typeParam Errors for each declared error, the type of its data; `void` if it has none
 * @param options options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, serverStream } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Clock = protocol({
 *   name: "clock",
 *   server: { ticks: serverStream<{ upTo: number }, number>() },
 * });
 * await using server = await serve(Clock, { port: 0 }).handle({
 *   async *ticks({ upTo }) {
 *     for (let tick = 1; tick <= upTo; tick++) yield tick;
 *   },
 * });
 *
 * await using session = await connect(Clock, server.addr);
 * let sum = 0;
 * for await (const tick of session.remote.ticks({ upTo: 3 })) sum += tick;
 * assertEquals(sum, 6);
 * ```
 *
 * @category Protocols
 */
export function serverStream<
  In = void,
  Item = void,
  Errors extends object = NoErrors,
>(options?: TypedMethodOptions): ServerStream<In, Item, Errors>;
/**
 * Declares a method that returns a stream, using schemas.
 *
 * `output` is the schema of each item.
 *
 * @typeParam In the input's schema
 * @typeParam Item the schema of each item
 * @typeParam Errors the schemas of the declared errors' data
 * @param schemas schemas and options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type, a schema does
 * not implement Standard Schema version 1, or the name of an error is invalid
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 */
export function serverStream<
  In extends StandardSchema = VoidSchema,
  Item extends StandardSchema = VoidSchema,
  Errors extends ErrorSchemas = NoErrors,
>(
  schemas: CallSchemas<In, Item, Errors>,
): SchemaMethod<"serverStream", In, Item, Errors>;
export function serverStream(declared: Declared = {}): MethodDeclaration {
  return declareMethod("serverStream", declared);
}

/**
 * Declares a method that takes a stream and returns one output.
 *
 * A call may begin with an _opening_: one value that reaches the handler as
 * `context.opening`, before any item.
 *
 * @typeParam Item the type of each item
 * @typeParam Out the type of the output
 * @typeParam Errors for each declared error, the type of its data; `void` if it has none
 * @typeParam Opening the type of the opening; `void` if there is no opening
 * @param options options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 *
 * @example
 * ```ts
 * import { clientStream, connect, protocol, serve } from "@lengthwise/lengthwise";
 * import type { NoErrors } from "@lengthwise/lengthwise/types";
 * import { assertEquals } from "@std/assert";
 *
 * const Files = protocol({
 *   name: "files",
 *   server: { upload: clientStream<Uint8Array, string, NoErrors, { name: string }>() },
 * });
 * await using server = await serve(Files, { port: 0 }).handle({
 *   async upload(chunks, { opening }) {
 *     let bytes = 0;
 *     for await (const chunk of chunks) bytes += chunk.length;
 *     return `${opening.name}: ${bytes} bytes`;
 *   },
 * });
 *
 * await using session = await connect(Files, server.addr);
 * const { result } = session.remote.upload([new Uint8Array(3), new Uint8Array(4)], {
 *   opening: { name: "a.txt" },
 * });
 * assertEquals(await result, "a.txt: 7 bytes");
 * ```
 *
 * @category Protocols
 */
export function clientStream<
  Item = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
>(options?: TypedMethodOptions): ClientStream<Item, Out, Errors, Opening>;
/**
 * Declares a method that takes a stream, using schemas.
 *
 * `input` is the schema of each item.
 *
 * @typeParam Item the schema of each item
 * @typeParam Out the output's schema
 * @typeParam Errors the schemas of the declared errors' data
 * @typeParam Opening the opening's schema
 * @param schemas schemas and options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type, a schema does
 * not implement Standard Schema version 1, or the name of an error is invalid
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 */
export function clientStream<
  Item extends StandardSchema = VoidSchema,
  Out extends StandardSchema = VoidSchema,
  Errors extends ErrorSchemas = NoErrors,
  Opening extends StandardSchema = VoidSchema,
>(
  schemas: StreamSchemas<Item, Out, Errors, Opening>,
): SchemaMethod<"clientStream", Item, Out, Errors, Opening>;
export function clientStream(declared: Declared = {}): MethodDeclaration {
  return declareMethod("clientStream", declared);
}

/**
 * Declares a method with a stream in each direction.
 *
 * The two directions are independent: each has its own flow control. As with
 * {@linkcode clientStream}, a call may begin with an opening.
 *
 * @typeParam In the type of each item that the caller sends
 * @typeParam Out the type of each item that the handler sends
 * @typeParam Errors for each declared error, the type of its data; `void` if it has none
 * @typeParam Opening the type of the opening; `void` if there is no opening
 * @param options options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 *
 * @example
 * ```ts
 * import { connect, duplex, protocol, serve } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { shout: duplex<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }).handle({
 *   async *shout(lines) {
 *     for await (const line of lines) yield line.toUpperCase();
 *   },
 * });
 *
 * await using session = await connect(Echo, server.addr);
 * const conversation = session.remote.shout();
 * await conversation.send("hello");
 * await conversation.send("goodbye");
 * await conversation.end();
 * assertEquals(await Array.fromAsync(conversation), ["HELLO", "GOODBYE"]);
 * ```
 *
 * @category Protocols
 */
export function duplex<
  In = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
>(options?: TypedMethodOptions): Duplex<In, Out, Errors, Opening>;
/**
 * Declares a method with a stream in each direction, using schemas.
 *
 * `input` is the schema of each item that the caller sends, and `output` is the
 * schema of each item that the handler sends.
 *
 * @typeParam In the schema of each item that the caller sends
 * @typeParam Out the schema of each item that the handler sends
 * @typeParam Errors the schemas of the declared errors' data
 * @typeParam Opening the opening's schema
 * @param schemas schemas and options for the method
 * @returns the frozen declaration
 * @throws {TypeError} if an option is unknown or has the wrong type, a schema does
 * not implement Standard Schema version 1, or the name of an error is invalid
 * @throws {RangeError} if `timeout` is not an integer from 1 to 2,147,483,647 ms
 */
export function duplex<
  In extends StandardSchema = VoidSchema,
  Out extends StandardSchema = VoidSchema,
  Errors extends ErrorSchemas = NoErrors,
  Opening extends StandardSchema = VoidSchema,
>(
  schemas: StreamSchemas<In, Out, Errors, Opening>,
): SchemaMethod<"duplex", In, Out, Errors, Opening>;
export function duplex(declared: Declared = {}): MethodDeclaration {
  return declareMethod("duplex", declared);
}
