/**
 * Handles one incoming notification, which has no response. Failures are
 * reported on this side, except for failures that are the sender's fault: those
 * are only counted, so that a peer cannot fill the log.
 *
 * @module
 */
import { ContextImpl } from "./context_impl.ts";
import type { BoundHandler } from "./bind_handlers.ts";
import type { ObservedCall } from "../observe/observed_call.ts";
import { Handling, type HandlingHost } from "./handling.ts";
import { validateOr } from "./value_validation.ts";
import { CallError } from "../errors/call_error.ts";
import { SchemaError } from "../schema/standard_schema.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";

/** The session of a notification. */
export interface NotificationHost extends HandlingHost {
  /** Notifications that are being handled. */
  readonly notifications: Set<NotificationHandling>;
}

/** Handling of one incoming notification. */
export class NotificationHandling extends Handling<NotificationHost> {
  /** @inheritdoc */
  readonly key = "";
  /** @inheritdoc */
  readonly metadata: Metadata;
  /** Notifications are sent at most once. */
  readonly attempt = 0;
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  /** `undefined` once the handler has settled. */
  #context: ContextImpl | undefined = new ContextImpl(this, undefined);
  readonly #heldMetadata: number;

  constructor(
    host: NotificationHost,
    served: BoundHandler,
    fields: Readonly<Fields>,
    observed?: ObservedCall,
  ) {
    super(host, served, observed);
    this.metadata = fields.metadata;
    this.#heldMetadata = fields.held;
  }

  /** @inheritdoc */
  override timeLeft(): number {
    return Infinity;
  }

  /** @inheritdoc */
  override respondWith(): void {
    throw new TypeError(
      `Cannot respond to ${this.method}: a notification has no response`,
    );
  }

  /**
   * Decodes, validates and handles the notification. Never throws. The body is
   * valid only until this method returns.
   */
  begin(body: Uint8Array): void {
    let value: unknown;
    try {
      value = this.decodeInput(body);
    } catch {
      this.host.session.stats.malformedCalls++;
      this.observed?.handled(MALFORMED, false);
      return this.host.enter().incoming.notifications.settled();
    }
    this.holdInput(this.#heldMetadata);
    this.host.notifications.add(this);
    this.step(this.#valid, value, this.#handle);
  }

  /** Aborts the handler's signal because the session has ended. */
  cancel(message: string): void {
    this.cancelled = new CallError(
      `${this.method}: ${message}`,
      { code: "disconnected", method: this.method },
    );
    if (this.#context !== undefined) {
      ContextImpl.cancel(this.#context, this.cancelled);
    }
  }

  #valid(value: unknown): unknown {
    const { input: schema } = this.declaration;
    return schema === undefined ? value : validateOr(asFault, schema, value);
  }

  /**
   * Enters the handler, synchronously unless the schema is asynchronous.
   * Handlers are therefore entered in the order in which notifications arrive.
   */
  #handle(input: unknown): void {
    this.input = input;
    if (!this.declaration.serial) {
      return this.step(this.#enter, input, this.#succeeded);
    }
    this.inTurn(input, () => this.step(this.#enter, input, this.#succeeded));
  }

  #enter(input: unknown): unknown {
    return this.run(input, this.#context!); // it has not settled
  }

  #settled(): void {
    this.host.notifications.delete(this);
    // The next notification may be entered and cancelled here. The stack of its
    // error refers to this object, which must not lead to an earlier error.
    this.#context = this.cancelled = undefined;
    this.endTurn();
    this.release();
    this.host.enter().incoming.notifications.settled();
  }

  #succeeded(): void {
    this.#settled();
    this.observed?.handled(undefined, true);
  }

  /** @inheritdoc */
  protected override failed(thrown: unknown): void {
    const isExpected = this.#isExpected(thrown);
    this.#settled();
    if (!isExpected) this.report(thrown);
    this.observed?.handled(isExpected ? expectedError(thrown) : INTERNAL, true);
  }

  /**
   * Returns whether a failure is expected and therefore not an incident.
   *
   * A failure is expected if the session has ended or the sender is at fault.
   * The sender's faults are counted.
   */
  #isExpected(thrown: unknown): boolean {
    try {
      return this.#isCausedByPeer(thrown);
    } catch {
      return false; // a thrown value may throw when its properties are read
    }
  }

  #isCausedByPeer(thrown: unknown): boolean {
    if (this.ownErrorIn(thrown) !== undefined) return true;
    if (thrown !== undefined && thrown === this.host.drainReason) return true;
    if (!(thrown instanceof CallError) || thrown.method !== "") return false;
    const { code } = thrown;
    if (code === "internal") return false;
    const { stats } = this.host.session;
    if (code === "malformed") stats.malformedCalls++;
    else stats.refusedCalls++;
    return true;
  }
}

/** Outcomes of notifications that observers see. */
const MALFORMED = /* @__PURE__ */ new CallError("cannot decode it", {
  code: "malformed",
});
const INTERNAL = /* @__PURE__ */ new CallError("its handler failed", {
  code: "internal",
});
const UNAVAILABLE = /* @__PURE__ */ new CallError("the session ends", {
  code: "unavailable",
});

/** Returns the outcome of a handler that has failed without an incident. */
function expectedError(thrown: unknown): CallError {
  // Other errors are the reason of a drain.
  return thrown instanceof CallError ? thrown : UNAVAILABLE;
}

/** Returns the sender's fault if the schema reports issues, otherwise the error. */
function asFault(error: unknown): unknown {
  return error instanceof SchemaError
    ? new CallError(error.message, { code: "malformed" })
    : error;
}
