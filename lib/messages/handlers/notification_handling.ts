/**
 * Handling of a notification: like a call of which nobody hears the end. What
 * fails is reported here, and what is the sender's fault is only counted: a
 * peer must not be able to fill the log.
 *
 * @module
 */
import { comesOf } from "./error_mapping.ts";
import { Context, type ContextSource } from "./context_impl.ts";
import type { CallHandlingHost, ServedHandler } from "./call_handling.ts";
import { runInside } from "./run_middleware.ts";
import type { CallContext } from "./context.ts";
import { CallError } from "../errors/call_error.ts";
import {
  SchemaError,
  type StandardSchema,
  validate,
} from "../schema/standard_schema.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";

/** What notifications need beside what calls do. */
export interface NotificationHost extends CallHandlingHost {
  /** Those that are being handled. */
  readonly notices: Set<NotificationHandling>;
  /** Counters. */
  readonly stats: SessionStats;
}

/** One notification that is being handled. */
export class NotificationHandling implements ContextSource {
  /** @inheritdoc */
  readonly method: string;
  /** @inheritdoc */
  readonly metadata: Metadata;
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  readonly #host: NotificationHost;
  readonly #served: ServedHandler;
  readonly #context: Context;

  constructor(
    host: NotificationHost,
    served: ServedHandler,
    fields: Readonly<Fields>,
  ) {
    this.#host = host;
    this.#served = served;
    this.method = served.bound.name;
    this.metadata = fields.metadata;
    this.#context = new Context(this, undefined);
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#host.publicSession;
  }

  /** @inheritdoc */
  timeLeft(): number {
    return Infinity;
  }

  /** @inheritdoc */
  respondWith(): void {
    throw new TypeError(
      `Cannot respond to ${this.method}: a notification has no answer`,
    );
  }

  /** @inheritdoc */
  remoteFor(context: CallContext<unknown, unknown>): unknown {
    return this.#host.remoteFor(context);
  }

  /** Decodes, checks and handles. Never throws. The body is valid during this call. */
  begin(body: Uint8Array): void {
    let value: unknown;
    try {
      value = this.#host.session.codec.decode(body);
    } catch {
      this.#host.stats.malformedCalls++;
      return;
    }
    this.#host.notices.add(this);
    this.#handle(value).catch((error) => this.#failed(error)).finally(() =>
      this.#host.notices.delete(this)
    );
  }

  /** The connection is gone. */
  cancel(message: string): void {
    this.cancelled = new CallError(
      "disconnected",
      `${this.method}: ${message}`,
      { method: this.method },
    );
    Context.cancel(this.#context, this.cancelled);
  }

  /** Enters the handler at once, unless its schema takes time: what came first is entered first. */
  async #handle(value: unknown): Promise<void> {
    const { handler, bound } = this.#served;
    const { middleware } = this.#host;
    const checked = valid(bound.method.input, value);
    const input = checked instanceof Promise ? await checked : checked;
    if (middleware === undefined) await handler(input, this.#context);
    else {
      await runInside(
        middleware,
        this.#context,
        (context) => handler(input, context),
      );
    }
  }

  #failed(thrown: unknown): void {
    try {
      if (this.#isNoIncident(thrown)) return;
    } catch {
      // Anything can be thrown, also what throws when it is read.
    }
    this.#host.report(thrown, this.method);
  }

  /** Counts what is the sender's fault. */
  #isNoIncident(thrown: unknown): boolean {
    const { cancelled } = this;
    if (cancelled !== undefined && comesOf(cancelled, thrown)) return true;
    if (!(thrown instanceof CallError) || thrown.method !== "") return false;
    const { code } = thrown;
    if (code === "internal") return false;
    if (code === "malformed") this.#host.stats.malformedCalls++;
    else this.#host.stats.refusedCalls++;
    return true;
  }
}

/** The value as its schema leaves it. @throws {CallError} `malformed`, thrown or by rejection */
function valid(schema: StandardSchema | undefined, value: unknown): unknown {
  if (schema === undefined) return value;
  try {
    const checked = validate(schema, value);
    return checked instanceof Promise ? checked.catch(refuse) : checked;
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof SchemaError)) throw error;
  throw new CallError("malformed", error.message);
}
