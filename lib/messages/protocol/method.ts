/**
 * What a declared method is, at run time and as a type.
 *
 * @module
 */
import type { StandardSchema } from "../schema/standard_schema.ts";
import type { Shape } from "../session/wire/shape.ts";

/** Defaults of one method, which a call may override. */
export interface MethodOptions {
  /** Time for a call, in ms; a call may ask for less or more. @default none */
  readonly timeout?: number;
  /** Whether a call that may have run can be sent again without harm. @default {false} */
  readonly idempotent?: boolean;
  /** One line for people, shown by introspection. */
  readonly description?: string;
}

/**
 * Errors that a method declares: for each name the schema of its data, or
 * `null` where the name says all.
 */
export interface ErrorSchemas {
  /** The schema of one error's data. */
  readonly [name: string]: StandardSchema | null;
}

/**
 * A declared method at run time. A schema is there only where the declaration
 * gave one; nothing is validated where there is none.
 */
export interface MethodDeclaration extends MethodOptions {
  /** What travels in a call. */
  readonly shape: Shape;
  /** Of the input; for `clientStream` and `duplex` of each item that the caller sends. */
  readonly input?: StandardSchema;
  /** Of the output; for `serverStream` and `duplex` of each item that the caller gets. */
  readonly output?: StandardSchema;
  /** Of the opening of a `clientStream` or `duplex`. */
  readonly opening?: StandardSchema;
  /** Of the errors that handlers may throw; a table without a prototype. */
  readonly errors?: ErrorSchemas;
}

/** What goes from the caller to the handler. */
export interface CallerInput {
  /** The input, or the type of each item that the caller sends. */
  input: unknown;
  /** What opens a `clientStream` or `duplex`; `void` for the other shapes. */
  opening: unknown;
}

/** What goes from the handler to the caller. */
export interface CallerOutput {
  /** The output, or the type of each item that the caller gets. */
  output: unknown;
  /** For each declared error the type of its data. */
  errors: object;
}

/**
 * A declared method with its types. Where a schema converts (a default, a
 * coercion), both ends see different types: the caller gives what the schema
 * accepts, the handler takes what the schema makes of it, and the other way
 * round for outputs.
 *
 * @typeParam S its shape
 * @typeParam Gives what the caller gives
 * @typeParam Gets what the caller gets
 * @typeParam Takes what the handler takes
 * @typeParam Returns what the handler returns and throws
 */
export interface Method<
  S extends Shape,
  Gives extends CallerInput,
  Gets extends CallerOutput,
  Takes extends CallerInput = Gives,
  Returns extends CallerOutput = Gets,
> extends MethodDeclaration {
  /** What travels in a call. */
  readonly shape: S;
  /** Carries the types; holds nothing at run time. */
  readonly types?: MethodTypes<Gives, Gets, Takes, Returns>;
}

/**
 * The types of a {@linkcode Method}, as functions, so that a declaration is
 * accepted in place of another exactly where calls and handlers still fit.
 */
export interface MethodTypes<Gives, Gets, Takes, Returns> {
  /** What the caller sees. */
  readonly caller: (gives: Gives) => Gets;
  /** What the handler sees. */
  readonly handler: (returns: Returns) => Takes;
}

/** No declared errors. */
export type NoErrors = Record<never, never>;

/** One input, one output. */
export interface Unary<In = void, Out = void, Errors extends object = NoErrors>
  extends
    Method<
      "unary",
      { input: In; opening: void },
      { output: Out; errors: Errors }
    > {}

/** One input and no answer. */
export interface Notification<In = void> extends
  Method<
    "notification",
    { input: In; opening: void },
    { output: void; errors: NoErrors }
  > {}

/** One input, many items back. */
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

/** Many items, one output. */
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

/** Items both ways. */
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
