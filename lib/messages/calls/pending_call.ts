/**
 * Calls in progress, as the caller sees them.
 *
 * This file contains the base class and the `unary` shape; `pending_streams.ts`
 * contains the shapes with a stream.
 *
 * @module
 */
import { reportRejection } from "../support/thenable.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import { CallError, type Processed } from "../errors/call_error.ts";
import type {
  CallerObserver,
  OutgoingCall,
} from "../session/calls/outgoing_calls.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";
import type { Session, SessionView } from "../session/session.ts";

/** Session through which calls are made. */
export interface CallSession {
  /** State of the session that can be read without entering it. */
  readonly session: SessionView;
  /**
   * Enters the session for a command.
   *
   * Updates the session's time, and resets the session's timer after the command.
   */
  enter(): Session;
  /** Waits until more data may be sent. */
  accepted(): Promise<void>;
  /** Reports a failure that no method declares. */
  report(error: unknown, method: string): IncidentReport;
}

/** Options that a call needs while it is in progress. */
export interface WatchOptions {
  /** Cancels the call when aborted. */
  readonly signal: AbortSignal | undefined;
  /** Called with the metadata of the result. */
  readonly onMetadata: OnMetadata | undefined;
}

type OnMetadata = NonNullable<CallOptions["onMetadata"]>;

/** A call in progress: the part that all shapes share. */
export abstract class PendingCall implements CallerObserver {
  /** The session's record of the call; set once the session has accepted the call. */
  call: OutgoingCall | undefined = undefined;
  /** Dotted name of the method. */
  protected readonly method: string;
  #peer: CallSession | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  #onMetadata: OnMetadata | undefined = undefined;

  /** @param method dotted name of the method */
  constructor(method: string) {
    this.method = method;
  }

  /** Session through which the call is made. */
  protected get peer(): CallSession {
    return this.#peer!; // opened() precedes every use
  }

  /** Called when the session has accepted the call. */
  opened(call: OutgoingCall, peer: CallSession, options: WatchOptions): void {
    this.call = call;
    this.#peer = peer;
    this.#onMetadata = options.onMetadata;
    const { signal } = options;
    if (signal === undefined) return;
    this.#signal = signal;
    const onAbort = this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort(); // encoding the input may run code that aborts the signal
  }

  /** Fails the call with a local error; the callee sees a cancelled call. */
  protected giveUp(error: unknown): void {
    this.rejected(error);
    this.abort(error);
  }

  /** Cancels the call; has no effect once it has ended. */
  abort(cause: unknown): void {
    const { call } = this;
    if (call === undefined) return;
    // Code that runs during encoding, such as a getter, cannot send frames.
    if (this.peer.session.encoding) {
      return queueMicrotask(() => this.abort(cause));
    }
    const reason = abortReason(cause);
    this.peer.enter().outgoing.giveUp(call, { ...reason, cause });
  }

  /**
   * Decodes a value; the bytes are valid only until this method returns.
   *
   * @throws {CallError} with the code `malformed` if the value cannot be decoded
   */
  protected decode(body: Uint8Array): unknown {
    try {
      return this.peer.session.codec.decode(body);
    } catch (cause) {
      throw new CallError(
        `${this.method}: cannot decode the reply`,
        { code: "malformed", method: this.method, processed: "maybe", cause },
      );
    }
  }

  /** @inheritdoc */
  onResult(body: Uint8Array, fields: Readonly<Fields>): void {
    this.#unwatch();
    try {
      if (this.#onMetadata !== undefined) this.#deliver(fields.metadata);
    } catch (error) {
      // An error thrown by the caller's callback must not end the connection.
      return this.rejected(error);
    }
    this.settled(body);
  }

  /** Calls `onMetadata`; asynchronous work in it may finish after the call settles. */
  #deliver(metadata: Metadata): void {
    reportRejection(
      this.#onMetadata?.(metadata),
      (error) => this.peer.report(error, this.method),
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

  /** Called when the result arrives; the bytes are valid only until this method returns. */
  protected abstract settled(body: Uint8Array): void;
  /** Called when the call fails, or cannot be started. */
  abstract rejected(error: unknown): void;
  /** @inheritdoc */
  onItem(_body: Uint8Array): void {}
  /** @inheritdoc */
  onItemsEnded(): void {}
  /** @inheritdoc */
  onSendable(): void {}
}

/** A `unary` call in progress. */
export class PendingUnary extends PendingCall {
  /** Promise of the output. */
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

/** Returns the error code and message for an aborted call. */
export function abortReason(
  cause: unknown,
): { code: "cancelled" | "deadline"; message: string } {
  // AbortSignal.timeout() aborts with a TimeoutError. If a handler made this
  // call, the signal of the call that it handles aborts with a CallError.
  const timedOut = cause instanceof DOMException
    ? cause.name === "TimeoutError"
    : cause instanceof CallError && cause.code === "deadline";
  return timedOut
    ? { code: "deadline", message: "the signal timed out" }
    : { code: "cancelled", message: "the call was cancelled" };
}

/**
 * Returns the error for an aborted call.
 *
 * @param processed `"no"` if the call was aborted before it started
 */
export function abortError(
  method: string,
  cause: unknown,
  processed: Processed = "no",
): CallError {
  const { code, message } = abortReason(cause);
  return new CallError(`${method}: ${message}`, {
    code,
    method,
    processed,
    cause,
  });
}
