/**
 * A call with observers: passes its events to them, and counts its messages.
 *
 * @module
 */
import {
  CallError,
  type CallErrorCode,
  type Processed,
} from "../errors/call_error.ts";
import { NO_FIELDS } from "../session/wire/fields.ts";
import type { Shape } from "../session/wire/shape.ts";
import { type Metadata, NO_METADATA } from "../session/wire/metadata.ts";
import { decodeTrace } from "../session/wire/trace_field.ts";
import type { HookGuard } from "./hook_guard.ts";
import { mergedMetadata } from "./merged_metadata.ts";
import { TraceCarrier } from "./trace_carrier.ts";
import type {
  AttemptInfo,
  CallInfo,
  CallObserver,
  CallOutcome,
  SessionInfo,
  TraceFields,
} from "./observer.ts";

/** A session with its clock, as its calls need it. */
export interface ObservableSession extends SessionInfo {
  /** Returns the current time of the session, in ms. */
  now(): number;
  /** The time that `now()` returned last. */
  readonly recent: number;
}

/** Facts about a call that begins. */
export interface CallFacts {
  /** This side's end of the call. */
  readonly side: "caller" | "callee";
  /** Name of this side's protocol. */
  readonly protocol: string;
  /** Declared name of the method. */
  readonly method: string | undefined;
  /** Name of the method at the peer. */
  readonly methodOriginal: string;
  /** Shape of the method. */
  readonly shape: Shape | undefined;
  /** The session, if there is one. */
  readonly session: ObservableSession | undefined;
  /** Milliseconds that are left for the call. */
  readonly timeLeft: number;
  /** The field TRACE that has arrived. */
  readonly traceBytes: Uint8Array | undefined;
  /** Metadata of the call. */
  readonly metadata: Metadata | undefined;
}

/** Attempt of a call. */
interface Attempt {
  /** Whether the attempt was sent. */
  readonly sent: boolean;
  /** Why it failed, if it did. */
  readonly failure?: { readonly error: unknown } | undefined;
}

/**
 * A call with observers. One object is its information, its counters and its
 * outcome, so that an observed call allocates little. The functions that each call
 * needs loop over the observers themselves, since a closure for each of them costs
 * more than the functions.
 */
export class ObservedCall implements CallInfo, CallOutcome {
  code: CallOutcome["code"] = "ok";
  cancelledBy: CallOutcome["cancelledBy"] = undefined;
  declaredError = "";
  processed: Processed = "yes";
  attempts = 0;
  ms = 0;
  bytesSent = 0;
  bytesReceived = 0;
  itemsSent = 0;
  itemsReceived = 0;
  incident = "";
  /** The observers of the call. */
  readonly #observers: readonly CallObserver[];
  readonly #guard: HookGuard;
  readonly #facts: CallFacts;
  /** The clock; that of a session is read once for many frames. */
  #clock: { now(): number };
  #beganAt: number;
  #ended = false;
  /** Called at the end. */
  #onEnd: (() => void) | undefined = undefined;
  /** The attempt before. */
  #last: Attempt | undefined = undefined;
  /** The encoded field TRACE, once it is known. */
  #trace: Uint8Array | undefined = undefined;
  /** Metadata that observers have set, if they have. */
  #injectedMetadata: Metadata | undefined = undefined;

  /**
   * @param facts facts about the call
   * @param guard reports errors of observers
   * @param observe returns the observers of the call
   */
  constructor(
    facts: CallFacts,
    guard: HookGuard,
    observe: (info: CallInfo) => readonly CallObserver[],
  ) {
    this.#facts = facts;
    this.#guard = guard;
    this.#clock = facts.session ?? performance;
    this.#beganAt = this.#clock.now();
    this.#observers = observe(this);
  }

  /** Whether the call has observers. */
  get observed(): boolean {
    return this.#observers.length > 0;
  }

  /** The time of its beginning, from the clock of its session. */
  get begun(): number {
    return this.#beganAt;
  }

  /** Whether the call has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @inheritdoc */
  get side(): "caller" | "callee" {
    return this.#facts.side;
  }

  /** @inheritdoc */
  get protocol(): string {
    return this.#facts.protocol;
  }

  /** @inheritdoc */
  get method(): string | undefined {
    return this.#facts.method;
  }

  /** @inheritdoc */
  get methodOriginal(): string {
    return this.#facts.methodOriginal;
  }

  /** @inheritdoc */
  get shape(): Shape | undefined {
    return this.#facts.shape;
  }

  /** @inheritdoc */
  get session(): SessionInfo | undefined {
    return this.#facts.session;
  }

  /** @inheritdoc */
  get timeLeft(): number {
    return this.#facts.timeLeft;
  }

  /** @inheritdoc */
  get metadata(): Metadata | undefined {
    return this.#facts.metadata;
  }

  /** @inheritdoc */
  get beganAt(): number {
    return performance.timeOrigin + this.#beganAt;
  }

  /** @inheritdoc */
  get trace(): TraceFields | undefined {
    const { traceBytes } = this.#facts;
    return traceBytes && decodeTrace(traceBytes);
  }

  // ── the caller ─────────────────────────────────────────────────────────

  /** Records an attempt before it is made. */
  attempt(session: ObservableSession, attempt: Attempt): void {
    const kind = this.attempts === 0
      ? "first"
      : this.#last?.sent
      ? "retry"
      : "transparent";
    const failed = this.attempts === 0
      ? undefined
      : failureCode(this.#last?.failure?.error);
    this.attempts++;
    this.#last = attempt;
    this.#clock = session;
    let info: AttemptInfo | undefined;
    for (const observer of this.#observers) {
      if (observer.attempt === undefined) continue;
      info ??= { kind, failed, session };
      try {
        this.#guard.returned("attempt", observer.attempt(info));
      } catch (error) {
        this.#guard.failed("attempt", error);
      }
    }
  }

  /** Returns the encoded trace context; the same for each attempt. */
  traceField(): Uint8Array {
    return this.#trace ??= this.#injected();
  }

  /**
   * Returns the metadata of the call with that of its observers; keys of the call
   * and the limit take precedence.
   *
   * @param limit most bytes of metadata
   */
  withInjected(
    metadata: Metadata | undefined,
    limit: number,
  ): Metadata | undefined {
    this.traceField();
    const injected = this.#injectedMetadata;
    if (injected === undefined) return metadata;
    return mergedMetadata(metadata ?? NO_METADATA, injected, limit, (error) => {
      this.#guard.failed("inject", error);
    });
  }

  #injected(): Uint8Array {
    let carrier: TraceCarrier | undefined;
    let metadata: Record<string, string> = NONE;
    for (const observer of this.#observers) {
      if (observer.inject === undefined) continue;
      if (carrier === undefined) {
        carrier = new TraceCarrier();
        metadata = {};
      }
      try {
        this.#guard.returned("inject", observer.inject(carrier, metadata));
      } catch (error) {
        this.#guard.failed("inject", error);
      }
    }
    for (const _ in metadata) {
      this.#injectedMetadata = metadata; // it has a key
      break;
    }
    try {
      return carrier === undefined ? NO_FIELDS : carrier.encoded();
    } catch (error) {
      this.#guard.failed("inject", error);
      return NO_FIELDS;
    }
  }

  /** Records that the caller gives up the call. */
  givenUp(): void {
    if (!this.#ended) this.cancelledBy = "caller";
  }

  /** Ends a call whose caller has left the loop over its items. */
  left(): void {
    this.givenUp();
    this.#end("cancelled", "maybe");
  }

  /** Called when the only attempt has succeeded. */
  succeeded(): void {
    this.end(undefined);
  }

  /** Called when the only attempt has failed; there is no other. */
  failed(_call: unknown, error: unknown): undefined {
    this.end(error);
  }

  // ── the callee ─────────────────────────────────────────────────────────

  /**
   * Ends a call at the callee, whose session has just been entered.
   *
   * @param error the error that the caller receives, if it does
   * @param entered whether the handler was entered
   */
  handled(error: CallError | undefined, entered: boolean): void {
    if (error?.code === "cancelled") this.cancelledBy ??= "callee";
    this.declaredError = error?.declared ?? "";
    this.incident ||= error?.incident ?? "";
    const { session } = this.#facts;
    this.#end(error?.code ?? "ok", entered ? "yes" : "no", session?.recent);
  }

  /** Records that the caller has cancelled the call. */
  cancelled(): void {
    this.cancelledBy = "caller";
  }

  // ── both ends ──────────────────────────────────────────────────────────

  /** Counts the bytes of a message that was sent. */
  sent(bytes: number): void {
    this.bytesSent += bytes;
    this.#message("sent", bytes);
  }

  /** Counts the bytes of a message that was received. */
  received(bytes: number): void {
    this.bytesReceived += bytes;
    this.#message("received", bytes);
  }

  #message(direction: "sent" | "received", bytes: number): void {
    for (const observer of this.#observers) {
      if (observer.message === undefined) continue;
      try {
        this.#guard.returned("message", observer.message(direction, bytes));
      } catch (error) {
        this.#guard.failed("message", error);
      }
    }
  }

  /** Counts an item that was sent. */
  itemSent(bytes: number): void {
    this.#countItem();
    this.itemsSent++;
    this.sent(bytes);
  }

  /** Counts an item that the application takes. */
  itemReceived(bytes: number): void {
    this.#countItem();
    this.itemsReceived++;
    this.received(bytes);
  }

  /** Notifies the observers of the first item in either direction. */
  #countItem(): void {
    if (this.itemsSent + this.itemsReceived > 0 || this.#ended) return;
    this.#guard.each(
      "firstItem",
      this.#observers,
      (observer) => observer.firstItem?.(),
    );
  }

  /** Calls a function at the end of the call. */
  onEnd(run: () => void): void {
    if (this.#ended) run();
    else this.#onEnd = run;
  }

  /** Whether `run()` does more than to run its step. */
  get runs(): boolean {
    for (const { run } of this.#observers) if (run !== undefined) return true;
    return false;
  }

  /**
   * Runs a step of the handler within `run()` of the observers.
   *
   * The step runs exactly once, whatever the observers do, and its result or
   * error is returned.
   */
  run<T>(step: () => T): T {
    let next = step;
    for (let at = this.#observers.length - 1; at >= 0; at--) {
      const observer = this.#observers[at]!; // in range
      if (observer.run !== undefined) next = this.#inside(observer, next);
    }
    return next();
  }

  #inside<T>(observer: CallObserver, step: () => T): () => T {
    return () => {
      let settled: { value: T } | { error: unknown } | undefined;
      const once = () => {
        try {
          settled ??= { value: step() };
        } catch (error) {
          settled = { error };
        }
        return unwrap(settled);
      };
      try {
        observer.run?.(once);
      } catch (error) {
        const own = settled !== undefined && "error" in settled &&
          settled.error === error;
        if (!own) this.#guard.failed("run", error);
      }
      return settled === undefined ? once() : unwrap(settled);
    };
  }

  /** Ends the call; has no effect if it has ended. */
  end(error: unknown): void {
    if (this.#ended) return;
    if (error === undefined || !(error instanceof CallError)) {
      this.cancelledBy = undefined;
      return error === undefined
        ? this.#end("ok", "yes")
        : this.#end("local", "maybe");
    }
    this.declaredError = error.declared;
    this.incident ||= error.incident;
    if (error.code !== "cancelled") this.cancelledBy = undefined;
    else this.cancelledBy ??= "callee";
    this.#end(error.code, error.processed);
  }

  /**
   * Returns the milliseconds since the beginning.
   *
   * A session reads its clock once for all frames of a read. A handler that has
   * returned within the same read may have taken long.
   */
  #elapsed(now: number): number {
    return (now > this.#beganAt ? now : performance.now()) - this.#beganAt;
  }

  #end(
    code: CallOutcome["code"],
    processed: Processed,
    now = this.#clock.now(),
  ): void {
    if (this.#ended) return;
    this.#ended = true;
    this.code = code;
    this.processed = processed;
    this.ms = this.#elapsed(now);
    this.#onEnd?.();
    for (const observer of this.#observers) {
      try {
        this.#guard.returned("end", observer.end?.(this));
      } catch (error) {
        this.#guard.failed("end", error);
      }
    }
  }
}

/** Returns the code of what an attempt failed with. */
function failureCode(error: unknown): "local" | CallErrorCode {
  return error instanceof CallError ? error.code : "local";
}

/** Returns the value of a step, or throws its error. */
function unwrap<T>(settled: { value: T } | { error: unknown }): T {
  if ("error" in settled) throw settled.error;
  return settled.value;
}

const NONE: Record<string, string> = {};
