/**
 * Declares methods: by types alone, or by schemas that are checked at run time.
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

/** A schema for nothing, assumed where a declaration leaves one out. */
export type Nothing = StandardSchema<void, void>;

/** No declared errors, in a declaration with schemas. */
export type NoErrorSchemas = Record<never, never>;

/** Options of a method that is declared by types alone. */
export interface TypedMethod extends MethodOptions {
  /** Schemas belong to the other form: then the types come from them. */
  readonly input?: never;
  /** Schemas belong to the other form: then the types come from them. */
  readonly output?: never;
  /** Schemas belong to the other form: then the types come from them. */
  readonly opening?: never;
  /** Schemas belong to the other form: then the types come from them. */
  readonly errors?: never;
}

/** Schemas of a method that takes one input and gives no answer. */
export interface NotificationSchemas<In> extends MethodOptions {
  /** Of the input. @default no input */
  readonly input?: In;
}

/** Schemas of a method that takes one input and gives one output, or many. */
export interface CallSchemas<In, Out, Errors> extends NotificationSchemas<In> {
  /** Of the output; for `serverStream` and `duplex` of each item that comes back. @default no output */
  readonly output?: Out;
  /** Of each declared error's data; `null` where the name says all. @default none */
  readonly errors?: Errors;
}

/** Schemas of a method to which the caller sends items. */
export interface StreamSchemas<In, Out, Errors, Opening>
  extends CallSchemas<In, Out, Errors> {
  /** Of what opens the call, before any item. @default no opening */
  readonly opening?: Opening;
}

/** For each declared error, what callers see of its data. */
export type ErrorsOut<Errors> = {
  [Name in keyof Errors]: Errors[Name] extends null ? void
    : InferOutput<Errors[Name]>;
};

/** For each declared error, what handlers throw as its data. */
export type ErrorsIn<Errors> = {
  [Name in keyof Errors]: Errors[Name] extends null ? void
    : InferInput<Errors[Name]>;
};

/** A method with the types of its schemas. */
export type SchemaMethod<
  S extends Shape,
  In extends StandardSchema,
  Out extends StandardSchema,
  Errors extends ErrorSchemas = NoErrorSchemas,
  Opening extends StandardSchema = Nothing,
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
 * A schema is applied by the side that handles the call: to the input before
 * the handler is entered, to the output before it is sent.
 *
 * @param options defaults of the method
 *
 * @example By types, and by schemas
 * ```ts
 * import { protocol, typed, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: {
 *     price: unary<{ sku: string }, { cents: number }>(),
 *     order: unary({
 *       input: typed<{ sku: string; count: number }>(), // or a schema of zod, valibot, arktype, …
 *       output: typed<{ id: string }>(),
 *       errors: { outOfStock: typed<{ left: number }>(), closed: null },
 *       timeout: 2_000,
 *     }),
 *   },
 * });
 * assertEquals(Shop.server.order.timeout, 2_000);
 * ```
 */
export function unary<
  In = void,
  Out = void,
  Errors extends object = NoErrors,
>(options?: TypedMethod): Unary<In, Out, Errors>;
/**
 * Declares a method with one input and one output, by schemas.
 *
 * @param schemas its schemas and defaults
 */
export function unary<
  In extends StandardSchema = Nothing,
  Out extends StandardSchema = Nothing,
  Errors extends ErrorSchemas = NoErrorSchemas,
>(
  schemas: CallSchemas<In, Out, Errors>,
): SchemaMethod<"unary", In, Out, Errors>;
export function unary(declared: Declared = {}): MethodDeclaration {
  return declareMethod("unary", declared);
}

/**
 * Declares a message without an answer: nobody learns whether it was handled.
 *
 * @param options defaults of the method
 *
 * @example
 * ```ts
 * import { notification } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const log = notification<{ line: string }>();
 * assertEquals(log.shape, "notification");
 * ```
 */
export function notification<In = void>(
  options?: TypedMethod,
): Notification<In>;
/**
 * Declares a message without an answer, by a schema.
 *
 * @param schemas its schema and defaults
 */
export function notification<In extends StandardSchema = Nothing>(
  schemas: NotificationSchemas<In>,
): SchemaMethod<"notification", In, Nothing>;
export function notification(declared: Declared = {}): MethodDeclaration {
  return declareMethod("notification", declared);
}

/**
 * Declares a method with one input, to which many items come back.
 *
 * @param options defaults of the method
 *
 * @example
 * ```ts
 * import { serverStream } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const watch = serverStream<{ sku: string }, { cents: number }>();
 * assertEquals(watch.shape, "serverStream");
 * ```
 */
export function serverStream<
  In = void,
  Item = void,
  Errors extends object = NoErrors,
>(options?: TypedMethod): ServerStream<In, Item, Errors>;
/**
 * Declares a method with one input, to which many items come back, by schemas:
 * `output` is that of each item.
 *
 * @param schemas its schemas and defaults
 */
export function serverStream<
  In extends StandardSchema = Nothing,
  Item extends StandardSchema = Nothing,
  Errors extends ErrorSchemas = NoErrorSchemas,
>(
  schemas: CallSchemas<In, Item, Errors>,
): SchemaMethod<"serverStream", In, Item, Errors>;
export function serverStream(declared: Declared = {}): MethodDeclaration {
  return declareMethod("serverStream", declared);
}

/**
 * Declares a method to which the caller sends many items, for one output.
 *
 * @param options defaults of the method
 *
 * @example
 * ```ts
 * import { clientStream, type NoErrors } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const upload = clientStream<Uint8Array, { bytes: number }, NoErrors, { name: string }>();
 * assertEquals(upload.shape, "clientStream");
 * ```
 */
export function clientStream<
  Item = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
>(options?: TypedMethod): ClientStream<Item, Out, Errors, Opening>;
/**
 * Declares a method to which the caller sends many items, by schemas: `input`
 * is that of each item.
 *
 * @param schemas its schemas and defaults
 */
export function clientStream<
  Item extends StandardSchema = Nothing,
  Out extends StandardSchema = Nothing,
  Errors extends ErrorSchemas = NoErrorSchemas,
  Opening extends StandardSchema = Nothing,
>(
  schemas: StreamSchemas<Item, Out, Errors, Opening>,
): SchemaMethod<"clientStream", Item, Out, Errors, Opening>;
export function clientStream(declared: Declared = {}): MethodDeclaration {
  return declareMethod("clientStream", declared);
}

/**
 * Declares a method with items both ways, each way at its own pace.
 *
 * @param options defaults of the method
 *
 * @example
 * ```ts
 * import { duplex } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const chat = duplex<{ say: string }, { who: string; said: string }>();
 * assertEquals(chat.shape, "duplex");
 * ```
 */
export function duplex<
  In = void,
  Out = void,
  Errors extends object = NoErrors,
  Opening = void,
>(options?: TypedMethod): Duplex<In, Out, Errors, Opening>;
/**
 * Declares a method with items both ways, by schemas: `input` is that of each
 * item that the caller sends, `output` that of each item that comes back.
 *
 * @param schemas its schemas and defaults
 */
export function duplex<
  In extends StandardSchema = Nothing,
  Out extends StandardSchema = Nothing,
  Errors extends ErrorSchemas = NoErrorSchemas,
  Opening extends StandardSchema = Nothing,
>(
  schemas: StreamSchemas<In, Out, Errors, Opening>,
): SchemaMethod<"duplex", In, Out, Errors, Opening>;
export function duplex(declared: Declared = {}): MethodDeclaration {
  return declareMethod("duplex", declared);
}
