/**
 * A call that this side has made, told by the session what becomes of it. The
 * shapes with items are in `_outgoing_stream.ts`.
 *
 * @module
 */
import { unawaited } from "../support/thenable.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { Report } from "../errors/incident_report.ts";
import { CallError, type Processed } from "../errors/call_error.ts";
import type {
  CallerObserver,
  OutgoingCall,
} from "../session/calls/outgoing_calls.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";
import type { Session } from "../session/session.ts";

/** A session, and the time. */
export interface CallSession {
  /** The session. */
  readonly session: Session;
  /** The time for its commands. */
  now(): number;
  /** Looks at the session's wake-up time, after a command. */
  touched(): void;
  /** Settles when there is room for more to be sent. */
  accepted(): Promise<void>;
  /** Something failed that nobody else hears of. */
  report(error: unknown, method: string): Report;
}

/** What a call's options ask to watch. */
export interface WatchOptions {
  /** Cancels the call. */
  readonly signal: AbortSignal | undefined;
  /** Told what the handler sent beside the result. */
  readonly onMetadata: OnMetadata | undefined;
}

type OnMetadata = NonNullable<CallOptions["onMetadata"]>;

/** What all shapes share: the call, its cancellation, its end. */
export abstract class PendingCall implements CallerObserver {
  /** The call; set once the session has taken it. */
  call: OutgoingCall | undefined = undefined;
  /** Dotted name of the method. */
  protected readonly method: string;
  #link: CallSession | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  #onMetadata: OnMetadata | undefined = undefined;

  /** @param method dotted name of the method */
  constructor(method: string) {
    this.method = method;
  }

  /** What the call goes through. */
  protected get link(): CallSession {
    return this.#link!; // nothing is asked of it before opened()
  }

  /** The session has taken the call. */
  opened(call: OutgoingCall, link: CallSession, options: WatchOptions): void {
    this.call = call;
    this.#link = link;
    this.#onMetadata = options.onMetadata;
    const { signal } = options;
    if (signal === undefined) return;
    this.#signal = signal;
    const onAbort = this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort(); // by the input, while it was encoded
  }

  /** The call fails with an error of this side's; the other side hears that it is cancelled. */
  protected giveUp(error: unknown): void {
    this.rejected(error);
    this.abort(error);
  }

  /** Cancels the call; harmless once it has ended. */
  abort(cause: unknown): void {
    const { call } = this;
    if (call === undefined) return;
    // From inside a value that is being encoded nothing can be sent.
    if (this.link.session.encoding) {
      return queueMicrotask(() => this.abort(cause));
    }
    const reason = abortReason(cause);
    this.link.session.cancel(call, { ...reason, cause }, this.link.now());
    this.link.touched();
  }

  /** Decodes a value. The bytes are valid during the call. @throws {CallError} `malformed` */
  protected decode(body: Uint8Array): unknown {
    try {
      return this.link.session.codec.decode(body);
    } catch (cause) {
      throw new CallError(
        "malformed",
        `${this.method}: what came back cannot be decoded`,
        { method: this.method, processed: "maybe", cause },
      );
    }
  }

  /** @inheritdoc */
  onResult(body: Uint8Array, fields: Readonly<Fields>): void {
    this.#unwatch();
    try {
      if (this.#onMetadata !== undefined) this.#tell(fields.metadata);
    } catch (error) {
      // The caller's own function must not end the connection.
      return this.rejected(error);
    }
    this.settled(body);
  }

  /** Nobody waits for it: what is to be in time must be synchronous. */
  #tell(metadata: Metadata): void {
    unawaited(
      this.#onMetadata?.(metadata),
      (error) => this.link.report(error, this.method),
    );
  }

  /** @inheritdoc */
  onFailed(error: CallError): void {
    this.#unwatch();
    this.rejected(error);
  }

  #unwatch(): void {
    if (this.#onAbort === undefined) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }

  /** The result has come; the bytes are valid during the call. */
  protected abstract settled(body: Uint8Array): void;
  /** The call has failed, or could not even begin. */
  abstract rejected(error: unknown): void;
  /** @inheritdoc */
  onItem(_body: Uint8Array): void {}
  /** @inheritdoc */
  onItemsEnded(): void {}
  /** @inheritdoc */
  onSendable(): void {}
}

/** A `unary` call: a promise. */
export class PendingUnary extends PendingCall {
  /** Of the output. */
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** @param method dotted name of the method */
  constructor(method: string) {
    super(method);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  protected override settled(body: Uint8Array): void {
    try {
      this.#resolve(this.decode(body));
    } catch (error) {
      this.#reject(error);
    }
  }

  override rejected(error: unknown): void {
    this.#reject(error);
  }
}

/** What an aborted signal makes of a call: its time has run out, or it was cancelled. */
export function abortReason(
  cause: unknown,
): { code: "cancelled" | "deadline"; message: string } {
  // AbortSignal.timeout(), or the signal of a call on whose behalf this one is.
  const timedOut = cause instanceof DOMException
    ? cause.name === "TimeoutError"
    : cause instanceof CallError && cause.code === "deadline";
  return timedOut
    ? { code: "deadline", message: "the signal timed out" }
    : { code: "cancelled", message: "the call was cancelled" };
}

/** The error of a call that was given up, by default before it began. */
export function abortError(
  method: string,
  cause: unknown,
  processed: Processed = "no",
): CallError {
  const { code, message } = abortReason(cause);
  return new CallError(code, `${method}: ${message}`, {
    method,
    processed,
    cause,
  });
}
