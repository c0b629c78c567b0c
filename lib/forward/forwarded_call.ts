/**
 * Handlers that pass calls on, with their bodies as they are.
 *
 * @module
 */
import { CallError } from "../messages/errors/call_error.ts";
import { passOn } from "../messages/errors/passed_on.ts";
import type { CallContext } from "../messages/handlers/context.ts";
import type { CallOptions, Upload } from "../messages/protocol/client_types.ts";
import type { BoundMethod } from "../messages/protocol/protocol_types.ts";
import { type Identity, withIdentity } from "./identity.ts";
import type { RawMethod, Upstream } from "./upstream.ts";

/** The context of a call of any session. */
export type AnyContext = CallContext<unknown, unknown> & {
  /** Opening of a `clientStream` or `duplex` call. */
  readonly opening?: unknown;
};

/** Choices of a gateway. */
export interface Route {
  /** Returns the server for a call. */
  upstreamOf(context: AnyContext): Upstream;
  /** Returns the facts about the client that the server receives. */
  identityOf(context: AnyContext): Identity | undefined;
}

/** Returns the handler that passes the calls of a method on. */
export function forwardingHandler(
  { name, shape }: BoundMethod,
  route: Route,
): (input: unknown, context: AnyContext) => unknown {
  const streams = shape === "serverStream" || shape === "duplex";
  return (input, context) => {
    const upstream = route.upstreamOf(context);
    const method = upstream.method(name);
    // The options contain the time that is left, so they are made for the call.
    const begin = (method: RawMethod) =>
      method(input, optionsOf(context, route));
    const later = () => upstream.methodLater(name, context.signal);
    if (streams) {
      return new ForwardedItems(() =>
        method === undefined ? later().then(begin) : begin(method)
      );
    }
    return method === undefined
      ? later().then((method) => outputOf(begin(method)))
      : outputOf(begin(method));
  };
}

/** Returns the options of the upstream call; one object, because each call has it. */
function optionsOf(context: AnyContext, route: Route): CallOptions {
  const { opening, shape, timeLeft } = context;
  const options: CallOptions & { opening?: unknown } = {
    signal: context.signal,
    metadata: withIdentity(context.metadata, route.identityOf(context)),
  };
  if (timeLeft !== Infinity) options.timeout = Math.max(timeLeft, 1);
  if (opening !== undefined) options.opening = opening;
  if (shape !== "notification") options.onMetadata = context.respondWith;
  return options;
}

/** Returns the output of a call; not async, which would take three promises. */
function outputOf(made: unknown): Promise<unknown> {
  const output = made instanceof Promise
    ? made
    : (made as Upload<unknown, unknown>).result; // the call of a clientStream
  return output.then(undefined, fail);
}

function fail(error: unknown): never {
  throw passedOn(error);
}

/**
 * The items of a forwarded stream.
 *
 * The next item is requested when the client has room for it, so that the gateway
 * holds no more than the window of the upstream stream.
 */
class ForwardedItems implements AsyncIterableIterator<unknown> {
  readonly #begin: () => unknown;
  #items: AsyncIterator<unknown> | undefined = undefined;

  /** @param begin makes the call; may return a promise of it */
  constructor(begin: () => unknown) {
    this.#begin = begin;
  }

  async next(): Promise<IteratorResult<unknown>> {
    try {
      if (this.#items === undefined) {
        const call = await this.#begin() as AsyncIterable<unknown>; // a stream, by its shape
        this.#items = call[Symbol.asyncIterator]();
      }
      return await this.#items.next();
    } catch (error) {
      throw passedOn(error);
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    await this.#items?.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Codes that never travel, because they describe the session of one end. */
const LOCAL: ReadonlySet<string> = new Set(["disconnected", "gap"]);

/**
 * Returns the error of an upstream call for the client.
 *
 * It is the same error, with its incident. The end of the upstream session is
 * `unavailable`, and `processed` says whether the request may have run.
 */
function passedOn(error: unknown): unknown {
  if (!(error instanceof CallError)) return error;
  const { code, message, processed, retry, retryAfter } = error;
  const { declared, data, incident } = error;
  return passOn(
    new CallError(message, {
      code: LOCAL.has(code) ? "unavailable" : code,
      processed,
      retry: code === "disconnected" && processed === "no" ? "now" : retry,
      retryAfter,
      declared,
      data,
      incident,
      cause: error,
    }),
  );
}
