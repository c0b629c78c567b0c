/**
 * The observers of a client or server, as one.
 *
 * @module
 */
import type { CallError, SessionError } from "../errors/call_error.ts";
import { printable } from "../support/printable.ts";
import { isThenable } from "../support/thenable.ts";
import { checkSessionObserver } from "./check_observer.ts";
import type { MethodInfo } from "../session/wire/hello.ts";
import { HookGuard } from "./hook_guard.ts";
import {
  type CallFacts,
  type ObservableSession,
  ObservedCall,
} from "./observed_call.ts";
import type {
  CallInfo,
  CallObserver,
  ConnectAttempt,
  DropReason,
  Observer,
  RefusalInfo,
  SessionObserver,
} from "./observer.ts";

/** A session with observers. */
export class ObservedSession {
  readonly #observers: readonly SessionObserver[];
  readonly #guard: HookGuard;
  #roundTrip: number | undefined = undefined;

  /**
   * @param observers the observers of the session
   * @param guard reports their errors
   */
  constructor(observers: readonly SessionObserver[], guard: HookGuard) {
    this.#observers = observers;
    this.#guard = guard;
  }

  /** Called when the session has ended. */
  ended(reason: SessionError): void {
    this.#guard.each(
      "ended",
      this.#observers,
      (observer) => observer.ended?.(reason),
    );
  }

  /** Called when messages to the peer were dropped. */
  dropped(reason: DropReason, count: number): void {
    this.#guard.each(
      "dropped",
      this.#observers,
      (observer) => observer.dropped?.(reason, count),
    );
  }

  /** Called after an event that may have measured a round trip. */
  roundTrip(ms: number | undefined): void {
    if (ms === this.#roundTrip || ms === undefined) return;
    this.#roundTrip = ms;
    this.#guard.each(
      "roundTrip",
      this.#observers,
      (observer) => observer.roundTrip?.(ms),
    );
  }
}

/** The observers of a client or server. */
export class Observers {
  readonly #observers: readonly Observer[];
  readonly #guard: HookGuard;
  /** Whether any of them observes calls. */
  readonly #calls: boolean;

  /**
   * @param observers the observers, outermost first
   * @param report reports what they throw
   */
  constructor(
    observers: readonly Observer[],
    report: (error: unknown) => void,
  ) {
    this.#observers = observers;
    this.#guard = new HookGuard(report);
    this.#calls = observers.some(({ call }) => call !== undefined);
  }

  /** Called when a session has opened. */
  session(info: ObservableSession): ObservedSession | undefined {
    const observers: SessionObserver[] = [];
    this.#guard.each("session", this.#observers, (observer) => {
      const own = observer.session?.(info);
      this.#guard.returned("session", own); // an asynchronous function has no observer
      if (own !== undefined && !isThenable(own)) {
        checkSessionObserver(own);
        observers.push(own);
      }
    });
    return observers.length === 0
      ? undefined
      : new ObservedSession(observers, this.#guard);
  }

  /** Called when a client was not accepted. */
  refused(info: RefusalInfo): void {
    this.#guard.each(
      "refused",
      this.#observers,
      (observer) => observer.refused?.(info),
    );
  }

  /** Called after an attempt of a client. */
  connect(info: ConnectAttempt): void {
    this.#guard.each(
      "connect",
      this.#observers,
      (observer) => observer.connect?.(info),
    );
  }

  /** Called when a call begins; returns `undefined` if it has no observer. */
  call(facts: CallFacts): ObservedCall | undefined {
    if (!this.#calls) return undefined;
    const call = new ObservedCall(facts, this.#guard, this.#observe);
    return call.observed ? call : undefined;
  }

  readonly #observe = (info: CallInfo): readonly CallObserver[] => {
    let observers = NONE;
    for (const observer of this.#observers) {
      try {
        const own = observer.call?.(info);
        if (own === undefined) continue;
        this.#guard.returned("call", own);
        observers = observers === NONE ? [own] : [...observers, own];
      } catch (error) {
        this.#guard.failed("call", error);
      }
    }
    return observers;
  };

  /** Called when a call by the peer was refused before its handler. */
  refusedCall(
    session: ObservableSession,
    method: MethodInfo | undefined,
    served: boolean,
    error: CallError,
  ): void {
    const call = this.call({
      side: "callee",
      protocol: session.protocol,
      method: served ? method?.name : undefined,
      methodOriginal: method === undefined ? "" : printable(method.name),
      shape: method?.shape,
      session,
      timeLeft: Infinity,
      traceBytes: undefined,
      metadata: undefined,
    });
    call?.end(error);
  }
}

const NONE: readonly CallObserver[] = [];
