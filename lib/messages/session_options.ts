/**
 * Options that both sides of a session have.
 *
 * @module
 */
import type { MessageCodec } from "./codec/message_codec.ts";
import { msgpack } from "./codec/msgpack.ts";
import type { AnyMiddleware } from "./_run_inside.ts";
import type { Middleware, MiddlewareContext } from "./middleware.ts";
import { resolveLimits, type SessionLimits } from "./session/limits.ts";

/** What failed in a way that no method declares. */
export interface Incident {
  /** Under which id the other side was told of it. */
  readonly id: string;
  /** Dotted name of the method, or `""`. */
  readonly method: string;
  /** What was thrown. */
  readonly error: unknown;
}

/**
 * Options of `serve()`, `createServer()` and `connect()`.
 *
 * @typeParam Extra what the middleware adds to the context of every handler
 * @typeParam Context what handlers are given without it
 */
export interface SessionOptions<
  Extra extends object = Record<never, never>,
  Context extends MiddlewareContext = MiddlewareContext,
> {
  /**
   * Codecs of the bodies. A client speaks the first; a server whichever of
   * them the client speaks.
   *
   * @default {[msgpack()]}
   */
  codecs?: readonly [MessageCodec, ...MessageCodec[]];
  /** Limits that differ from the defaults. */
  limits?: Partial<SessionLimits>;
  /**
   * Around every handler of this side; several are joined with `chain()`. Give
   * it a type, `Middleware<…>`, so that the handlers know what it adds.
   */
  middleware?: Middleware<Extra, Context>;
  /**
   * Told what failed in a way that no method declares. The other side hears
   * only the incident's id.
   *
   * @default prints it with `console.error`
   */
  onError?: (incident: Incident) => void | Promise<void>;
}

/** The same, filled in and checked. */
export interface ResolvedSessionOptions {
  /** Codecs of the bodies. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** All limits. */
  readonly limits: SessionLimits;
  /** Around every handler. */
  readonly middleware: AnyMiddleware | undefined;
  /** Reports a failure and gives its id. */
  readonly report: (error: unknown, method: string) => string;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} for a limit out of its range
 */
export function resolveSessionOptions<
  Extra extends object,
  Context extends MiddlewareContext,
>(
  options: SessionOptions<Extra, Context>,
): ResolvedSessionOptions {
  const { codecs = [msgpack()], limits, middleware, onError = print } = options;
  return {
    codecs,
    limits: resolveLimits(limits),
    middleware,
    report(error, method) {
      const id = crypto.randomUUID();
      // A reporter that fails must not end the session that it reports on.
      (async () => await onError({ id, method, error }))().catch(() => {});
      return id;
    },
  };
}

function print({ id, method, error }: Incident): void {
  const where = method === "" ? "" : ` in ${method}`;
  // deno-lint-ignore no-console -- the default reporter; `onError` replaces it
  console.error(`Incident ${id}${where}:`, error);
}
