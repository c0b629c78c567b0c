/**
 * The context of one call, made when its handler is entered and filled as it
 * is asked.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { CallContext, RefusalCode } from "./context.ts";
import { CallError, type CallErrorOptions } from "../errors/call_error.ts";
import type { Metadata } from "../session/wire/fields.ts";

/** What a context asks of the call that it belongs to. */
export interface ContextSource {
  /** Dotted name. */
  readonly method: string;
  /** What came beside the call. */
  readonly metadata: Metadata;
  /** The session. */
  readonly session: unknown;
  /** Milliseconds left. */
  timeLeft(): number;
  /** Why nobody waits any more, if so. */
  readonly cancelled: CallError | undefined;
  /** Sets what goes beside the result. */
  respondWith(metadata: Metadata): void;
  /** The other side's methods, bound to the context. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/**
 * See `CallContext`. Nothing is made before it is asked for. It has no own
 * properties but what middleware adds.
 */
export class Context implements CallContext<unknown, unknown> {
  readonly #source: ContextSource;
  readonly #opening: unknown;
  #controller: AbortController | undefined = undefined;
  #remote: unknown = undefined;

  constructor(source: ContextSource, opening: unknown) {
    this.#source = source;
    this.#opening = opening;
  }

  /** What opened a call with items. */
  get opening(): unknown {
    return this.#opening;
  }

  /** @inheritdoc */
  get method(): string {
    return this.#source.method;
  }

  /** @inheritdoc */
  get metadata(): Metadata {
    return this.#source.metadata;
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#source.session;
  }

  /** @inheritdoc */
  get timeLeft(): number {
    return Math.max(0, this.#source.timeLeft());
  }

  /** @inheritdoc */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { cancelled } = this.#source;
      if (cancelled !== undefined) this.#controller.abort(cancelled);
    }
    return this.#controller.signal;
  }

  /** @inheritdoc */
  get remote(): unknown {
    return this.#remote ??= this.#source.remoteFor(this);
  }

  /** @inheritdoc */
  respondWith(metadata: Metadata): void {
    this.#source.respondWith(metadata);
  }

  /** @inheritdoc */
  inherit(options: CallOptions = {}): CallOptions {
    const timeout = Math.min(options.timeout ?? Infinity, this.timeLeft);
    const signal = options.signal === undefined
      ? this.signal
      : AbortSignal.any([this.signal, options.signal]);
    return timeout === Infinity
      ? { ...options, signal }
      : { ...options, signal, timeout: Math.max(timeout, 1) };
  }

  /** @inheritdoc */
  refuse(
    code: RefusalCode,
    message: string,
    options: Pick<CallErrorOptions, "retry" | "retryAfter" | "data"> = {},
  ): CallError {
    return new CallError(code, message, options);
  }

  /** Makes a declared error. */
  error(declared: string, data?: unknown): CallError {
    return new CallError("declared", `${this.method}: ${declared}`, {
      declared,
      data,
    });
  }

  /** Nobody waits any more: the signal fires. */
  static cancel(context: Context, reason: CallError): void {
    context.#controller?.abort(reason);
  }
}
