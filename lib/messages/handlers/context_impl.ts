/**
 * Implementation of the context that a handler receives.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { CallContext, RefusalOptions } from "./context.ts";
import type { Handling } from "./handling.ts";
import { CALL_OPTIONS } from "../calls/remote.ts";
import { CallError } from "../errors/call_error.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { Metadata, Position } from "../session/wire/fields.ts";

/**
 * Implementation of `CallContext` and `MethodContext`.
 *
 * Its parts are created on first access. Its only own properties are the members
 * that middleware adds.
 */
export class ContextImpl implements CallContext<unknown, unknown> {
  readonly #handling: Handling;
  readonly #opening: unknown;
  #controller: AbortController | undefined = undefined;
  #remote: unknown = undefined;

  constructor(handling: Handling, opening: unknown) {
    this.#handling = handling;
    this.#opening = opening;
  }

  /** The opening of a `clientStream` or `duplex` call. */
  get opening(): unknown {
    return this.#opening;
  }

  /** @inheritdoc */
  get method(): string {
    return this.#handling.method;
  }

  /** @inheritdoc */
  get shape(): Shape {
    return this.#handling.shape;
  }

  /** @inheritdoc */
  get key(): string {
    return this.#handling.key;
  }

  /** @inheritdoc */
  get input(): unknown {
    return this.#handling.input;
  }

  /** @inheritdoc */
  get attempt(): number {
    return this.#handling.attempt;
  }

  /** @inheritdoc */
  get metadata(): Metadata {
    return this.#handling.metadata;
  }

  /** @inheritdoc */
  get resumeFrom(): Position | undefined {
    return this.#handling.resumeFrom;
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#handling.host;
  }

  /** @inheritdoc */
  get draining(): AbortSignal {
    return this.#handling.draining;
  }

  /** @inheritdoc */
  get timeLeft(): number {
    return Math.max(0, this.#handling.timeLeft());
  }

  /** @inheritdoc */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { cancelled } = this.#handling;
      if (cancelled !== undefined) this.#controller.abort(cancelled);
    }
    return this.#controller.signal;
  }

  /** @inheritdoc */
  get remote(): unknown {
    return this.#remote ??= this.#handling.host.remoteFor(this);
  }

  // The functions are made when they are read, so that a handler may
  // destructure its context: `(input, { error }) => …`.

  /** @inheritdoc */
  get respondWith(): (metadata: Metadata) => void {
    return (metadata) => this.#handling.respondWith(metadata);
  }

  /** @inheritdoc */
  get inherit(): (options?: CallOptions) => CallOptions {
    return (given = {}) => {
      const options = checkOptions("inherit()", given, CALL_OPTIONS);
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
    return (message, options) => {
      checkOptions("refuse()", options, REFUSAL_OPTIONS);
      return new CallError(message, options);
    };
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

const REFUSAL_OPTIONS: OptionNames<RefusalOptions> = {
  code: true,
  retry: true,
  retryAfter: true,
  data: true,
};
