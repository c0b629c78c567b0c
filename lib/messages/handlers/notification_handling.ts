/**
 * Handles one incoming notification, which has no response. Failures are
 * reported on this side, except for failures that are the sender's fault: those
 * are only counted, so that a peer cannot fill the log.
 *
 * @module
 */
import { isCausedBy } from "./error_mapping.ts";
import { ContextImpl, type ContextSource } from "./context_impl.ts";
import type { CallHandlingHost, ServedHandler } from "./call_handling.ts";
import { runMiddleware } from "./run_middleware.ts";
import type { Shape } from "../session/wire/shape.ts";
import { validateOr } from "./value_validation.ts";
import type { CallContext } from "./context.ts";
import { CallError } from "../errors/call_error.ts";
import { SchemaError } from "../schema/standard_schema.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";

/** The session of a notification. */
export interface NotificationHost extends CallHandlingHost {
  /** Notifications that are being handled. */
  readonly notifications: Set<NotificationHandling>;
  /** Counters of the session. */
  readonly stats: SessionStats;
}

/** Handling of one incoming notification. */
export class NotificationHandling implements ContextSource {
  /** @inheritdoc */
  readonly method: string;
  /** @inheritdoc */
  readonly shape: Shape = "notification";
  /** @inheritdoc */
  readonly metadata: Metadata;
  /** @inheritdoc */
  input: unknown = undefined;
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  readonly #host: NotificationHost;
  readonly #served: ServedHandler;
  readonly #context: ContextImpl;

  constructor(
    host: NotificationHost,
    served: ServedHandler,
    fields: Readonly<Fields>,
  ) {
    this.#host = host;
    this.#served = served;
    this.method = served.bound.name;
    this.metadata = fields.metadata;
    this.#context = new ContextImpl(this, undefined);
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#host;
  }

  /** @inheritdoc */
  timeLeft(): number {
    return Infinity;
  }

  /** @inheritdoc */
  respondWith(): void {
    throw new TypeError(
      `Cannot respond to ${this.method}: a notification has no response`,
    );
  }

  /** @inheritdoc */
  remoteFor(context: CallContext<unknown, unknown>): unknown {
    return this.#host.remoteFor(context);
  }

  /**
   * Decodes, validates and handles the notification. Never throws. The body is
   * valid only until this method returns.
   */
  begin(body: Uint8Array): void {
    let value: unknown;
    try {
      value = this.#host.session.codec.decode(body);
    } catch {
      this.#host.stats.malformedCalls++;
      return;
    }
    this.#host.notifications.add(this);
    this.#handle(value).catch((error) => this.#failed(error)).finally(() =>
      this.#host.notifications.delete(this)
    );
  }

  /** Aborts the handler's signal because the session has ended. */
  cancel(message: string): void {
    this.cancelled = new CallError(
      `${this.method}: ${message}`,
      { code: "disconnected", method: this.method },
    );
    ContextImpl.cancel(this.#context, this.cancelled);
  }

  /**
   * Enters the handler synchronously unless the schema is asynchronous.
   * Handlers are therefore entered in the order in which notifications arrive.
   */
  async #handle(value: unknown): Promise<void> {
    const { handler, bound, middleware } = this.#served;
    const schema = bound.method.input;
    const checked = schema === undefined
      ? value
      : validateOr(asFault, schema, value);
    const input = checked instanceof Promise ? await checked : checked;
    this.input = input;
    if (middleware === undefined) await handler(input, this.#context);
    else {
      await runMiddleware(
        middleware,
        this.#context,
        (context) => handler(input, context),
      );
    }
  }

  #failed(thrown: unknown): void {
    try {
      if (this.#isExpected(thrown)) return;
    } catch {
      // A thrown value may itself throw when its properties are read.
    }
    this.#host.report(thrown, this.method);
  }

  /**
   * Returns whether a failure is expected and therefore not an incident.
   *
   * A failure is expected if the session has ended or the sender is at fault.
   * The sender's faults are counted.
   */
  #isExpected(thrown: unknown): boolean {
    const { cancelled } = this;
    if (cancelled !== undefined && isCausedBy(cancelled, thrown)) return true;
    if (!(thrown instanceof CallError) || thrown.method !== "") return false;
    const { code } = thrown;
    if (code === "internal") return false;
    if (code === "malformed") this.#host.stats.malformedCalls++;
    else this.#host.stats.refusedCalls++;
    return true;
  }
}

/** Returns the sender's fault if the schema reports issues, otherwise the error. */
function asFault(error: unknown): unknown {
  return error instanceof SchemaError
    ? new CallError(error.message, { code: "malformed" })
    : error;
}
