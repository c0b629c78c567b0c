/**
 * Implementation of the context that a handler receives.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { CallContext, RefusalOptions } from "./context.ts";
import { CallError } from "../errors/call_error.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { Metadata } from "../session/wire/fields.ts";

/** The call or notification that a context belongs to. */
export interface ContextSource {
  /** Dotted name of the method. */
  readonly method: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Validated input; `undefined` if the caller sends items. */
  readonly input: unknown;
  /** Metadata that the caller sent with the call. */
  readonly metadata: Metadata;
  /** The session that handlers receive. */
  readonly session: unknown;
  /** Returns the milliseconds until the deadline; negative once it has passed. */
  timeLeft(): number;
  /** Reason why the caller is no longer waiting for the result. */
  readonly cancelled: CallError | undefined;
  /** Sets the metadata that is sent with the result. */
  respondWith(metadata: Metadata): void;
  /** Returns the peer's methods, bound to the context. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/**
 * Implementation of `CallContext` and `MethodContext`.
 *
 * Its parts are created on first access. Its only own properties are the members
 * that middleware adds.
 */
export class ContextImpl implements CallContext<unknown, unknown> {
  readonly #source: ContextSource;
  readonly #opening: unknown;
  #controller: AbortController | undefined = undefined;
  #remote: unknown = undefined;

  constructor(source: ContextSource, opening: unknown) {
    this.#source = source;
    this.#opening = opening;
  }

  /** The opening of a `clientStream` or `duplex` call. */
  get opening(): unknown {
    return this.#opening;
  }

  /** @inheritdoc */
  get method(): string {
    return this.#source.method;
  }

  /** @inheritdoc */
  get shape(): Shape {
    return this.#source.shape;
  }

  /** @inheritdoc */
  get input(): unknown {
    return this.#source.input;
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

  // The functions are made when they are read, so that a handler may
  // destructure its context: `(input, { error }) => …`.

  /** @inheritdoc */
  get respondWith(): (metadata: Metadata) => void {
    return (metadata) => this.#source.respondWith(metadata);
  }

  /** @inheritdoc */
  get inherit(): (options?: CallOptions) => CallOptions {
    return (options = {}) => {
      const timeout = Math.min(options.timeout ?? Infinity, this.timeLeft);
      const signal = options.signal === undefined
        ? this.signal
        : AbortSignal.any([this.signal, options.signal]);
      return timeout === Infinity
        ? { ...options, signal }
        : { ...options, signal, timeout: Math.max(timeout, 1) };
    };
  }

  /** @inheritdoc */
  get refuse(): (message: string, options: RefusalOptions) => CallError {
    return (message, { code, retry, retryAfter, data }) =>
      new CallError(message, { code, retry, retryAfter, data });
  }

  /** Creates a declared error. */
  get error(): (declared: string, data?: unknown) => CallError {
    return (declared, data) =>
      new CallError(`${this.method}: ${declared}`, {
        code: "declared",
        declared,
        data,
      });
  }

  /**
   * Aborts the context's signal. Static, because handlers see all instance
   * members.
   */
  static cancel(context: ContextImpl, reason: CallError): void {
    context.#controller?.abort(reason);
  }
}
