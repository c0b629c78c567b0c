/**
 * Calls a method by its name, without its declaration.
 *
 * @module
 */
import type { AnyCallOptions } from "../messages/protocol/client_types.ts";
import type { StreamCall } from "../messages/protocol/client_types.ts";
import type { MethodDeclaration } from "../messages/protocol/method.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../messages/protocol/method_builders.ts";
import { buildTree } from "../messages/protocol/method_tree.ts";
import { protocol } from "../messages/protocol/protocol.ts";
import type { AnyProtocol } from "../messages/protocol/protocol_types.ts";
import { receivesItems } from "../messages/session/calls/call_state.ts";
import type { Shape } from "../messages/session/wire/shape.ts";
import { usage } from "./errors.ts";

/** The part of a method that a caller needs. */
export interface CallableMethod {
  /** Dotted name. */
  readonly name: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Default timeout in ms. */
  readonly timeout?: number | undefined;
  /** Whether calls may have a key. */
  readonly once?: boolean | undefined;
}

/** Options of any call. */
export interface DynamicCallOptions extends AnyCallOptions {
  /** Value that begins a `clientStream` or `duplex` call. */
  readonly opening?: unknown;
}

/** Function that calls a method of any shape. */
export type DynamicCall = (
  input?: unknown,
  options?: DynamicCallOptions,
) => unknown;

/** A call with items, of any shape. */
export interface DynamicStream extends StreamCall, AsyncIterable<unknown> {}

/** Items of a call, or a promise of its output. */
export type Reply =
  | { readonly items: DynamicStream }
  | { readonly output: unknown };

/** Returns the reply of a call of a shape. */
export function replyOf(shape: Shape, result: unknown): Reply {
  // The shape decides what the functions of a remote return.
  if (receivesItems(shape)) return { items: result as DynamicStream };
  return shape === "clientStream"
    ? { output: (result as { result: Promise<unknown> }).result } // see above
    : { output: result };
}

const BUILDERS: Readonly<
  Record<Shape, (options: { timeout?: number }) => MethodDeclaration>
> = {
  unary: (options) => unary<unknown, unknown>(options),
  notification: (options) => notification<unknown>(options),
  serverStream: (options) => serverStream<unknown, unknown>(options),
  clientStream: (options) => clientStream<unknown, unknown>(options),
  duplex: (options) => duplex<unknown, unknown>(options),
};

/**
 * Returns a protocol that consists of methods known by name and shape.
 *
 * Its methods have no schemas, so their hash is 0, which matches any other.
 *
 * @throws {CliError} with the code `usage` if a name is not valid
 */
export function protocolOf(
  server: readonly CallableMethod[],
  client: readonly CallableMethod[] = [],
): AnyProtocol {
  try {
    return protocol({
      name: "cli",
      server: sideOf(server),
      client: sideOf(client),
    });
  } catch (error) {
    throw error instanceof TypeError ? usage(error.message) : error;
  }
}

function sideOf(methods: readonly CallableMethod[]): Record<never, never> {
  return buildTree(methods, ({ shape, timeout, once }) => {
    const options = timeout === undefined ? {} : { timeout };
    return once && shape === "unary"
      ? unary<unknown, unknown>({ ...options, once })
      : BUILDERS[shape](options);
  });
}

/** Returns the function that calls a method of a session. */
export function callerOf(
  { remote }: { readonly remote: unknown },
  name: string,
): DynamicCall {
  let member: unknown = remote;
  for (const part of name.split(".")) {
    member = typeof member === "object" && member !== null
      ? Reflect.get(member, part)
      : undefined;
  }
  if (typeof member !== "function") {
    throw new TypeError(`The protocol has no method ${name}`);
  }
  return member as DynamicCall; // the functions of a remote take any input
}

/** Returns handlers for methods of the client side. */
export function handlersOf(
  methods: readonly CallableMethod[],
  handle: (name: string, value: unknown) => unknown,
): object {
  return buildTree(
    methods,
    ({ name }) => (value: unknown) => handle(name, value),
  );
}
