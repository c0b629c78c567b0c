/**
 * Options that both sides of a session have.
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import { msgpack } from "../codec/msgpack.ts";
import {
  checkExposure,
  type ErrorExposure,
  exposedText,
  type Report,
} from "../errors/incident_report.ts";
import type { AnyMiddleware } from "../handlers/run_middleware.ts";
import type { Middleware, MiddlewareContext } from "../handlers/middleware.ts";
import {
  resolveSessionLimits,
  type SessionLimits,
} from "../session/wire/limits.ts";

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
   * only the incident's id, unless `exposeErrors` says more.
   *
   * @default prints it with `console.error`
   */
  onError?: (incident: Incident) => void | Promise<void>;
  /**
   * What the other side hears of such a failure besides: `"message"`, the
   * error's name and message, or `"stack"`, its stack, of either at most 2,048
   * characters. They may hold paths, queries, secrets: for development, and
   * for peers as trusted as this side.
   *
   * @default {"none"}
   */
  exposeErrors?: ErrorExposure;
}

/** The same, filled in and checked. */
export interface ResolvedSessionOptions {
  /** Codecs of the bodies. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** All limits. */
  readonly limits: SessionLimits;
  /** Around every handler. */
  readonly middleware: AnyMiddleware | undefined;
  /** Reports a failure. */
  readonly report: (error: unknown, method: string) => Report;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} for an option out of its range
 */
export function resolveSessionOptions<
  Extra extends object,
  Context extends MiddlewareContext,
>(
  options: SessionOptions<Extra, Context>,
): ResolvedSessionOptions {
  const { codecs = [msgpack()], limits, middleware } = options;
  const { onError = print, exposeErrors = "none" } = options;
  checkExposure(exposeErrors);
  return {
    codecs,
    limits: resolveSessionLimits(limits),
    middleware,
    report(error, method) {
      const id = crypto.randomUUID();
      // A reporter that fails must not end the session that it reports on.
      (async () => await onError({ id, method, error }))().catch(() => {});
      return { incident: id, exposed: exposedText(error, exposeErrors) };
    },
  };
}

function print({ id, method, error }: Incident): void {
  const where = method === "" ? "" : ` in ${method}`;
  // deno-lint-ignore no-console -- the default reporter; `onError` replaces it
  console.error(`Incident ${id}${where}:`, error);
}
