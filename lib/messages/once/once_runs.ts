/**
 * The calls of a server that run at most once.
 *
 * A call is reserved in the store before its handler is entered. Callers that
 * repeat it join, whatever their connection, and all of them receive the outcome
 * once it is stored. The handler belongs to none of them: it goes on when their
 * connections end.
 *
 * ```text
 *             new                     settle             stored
 *   asking ──────────▶ running ─────────────▶ settling ────────▶ over
 *    │ ▲ │                │ abandon               ╰ the store fails: settling again,
 *    │ ▲ │                │                         and over after some attempts
 *    │ ▲ │                ▼ the next caller starts, or the call is released
 *    │ └─┘ running        ▼
 *    │     elsewhere     over
 *    └── done, gone, conflict, full, or without callers: over
 * ```
 *
 * @module
 */
import { CallError, type Processed } from "../errors/call_error.ts";
import { overloaded } from "../errors/overload_cause.ts";
import type { OnceField } from "../session/wire/once_field.ts";
import { setRef } from "../support/keep_alive.ts";
import { isThenable } from "../support/thenable.ts";
import { reservationError } from "./check_store.ts";
import type { OnceCall, OnceReservation, OnceStore } from "./once_store.ts";

/** A caller of a call that runs at most once. */
export interface OnceCaller {
  /** Dotted name of the method. */
  readonly method: string;
  /** Enters the handler; {@linkcode OnceRun.settle} or `abandon` follows. */
  start(): void;
  /** Sends the outcome. */
  deliver(outcome: Uint8Array): void;
  /** Fails the call. */
  refuse(error: CallError): void;
}

/** A request for a call that runs at most once. */
export interface OnceRequest {
  /** Dotted name of the method. */
  readonly method: string;
  /** Name of the principal. */
  readonly principal: string;
  /** Name of the calls that share room in a store. */
  readonly group: string;
  /** Identity of the call. */
  readonly once: OnceField;
  /** The caller's own key, or `""`. */
  readonly key: string;
}

/** First pause before the store is asked again, in ms. */
const FIRST_PAUSE = 20;
/** Longest such pause, in ms. */
const LONGEST_PAUSE = 1_000;
/** Number of attempts to store an outcome: 2.3 s, if the store fails at once. */
const SETTLE_ATTEMPTS = 8;
/** Default of {@linkcode OnceStore.timeout}. */
const STORE_TIMEOUT = 5_000;

/** Returns the unique name of a call. */
export function callKey(
  principal: string,
  method: string,
  key: string,
): string {
  return `${encodeURIComponent(principal)}/${method}/${
    encodeURIComponent(key)
  }`;
}

/** Returns the call that a request is about. */
export function onceCall(request: OnceRequest): OnceCall {
  const { method, principal, group, key } = request;
  const { client, number, seen, digest } = request.once;
  const created = request.once.created || Date.now(); // 0: the client does not know it
  return key === ""
    ? {
      key: `${callKey(principal, method, client)}/${number}`,
      client: `${encodeURIComponent(principal)}/${client}`,
      ...{ principal, group, number, seen, created, digest },
    }
    : {
      key: callKey(principal, method, key),
      client: "",
      ...{ principal, group, number: 0, seen: 0, created, digest },
    };
}

/** The calls of one server that run at most once. */
export class OnceRuns {
  /** The store of outcomes. */
  readonly store: OnceStore;
  /** Reports a failure of the store. */
  readonly report: (error: unknown) => void;
  readonly #runs: Map<string, OnceRun> = new Map();
  #onIdle: (() => void) | undefined = undefined;
  #shorten: ((ms: number) => void) | undefined = undefined;

  /**
   * @param store the store of outcomes
   * @param report reports a failure of the store
   */
  constructor(store: OnceStore, report: (error: unknown) => void) {
    this.store = store;
    this.report = report;
  }

  /** Number of calls that run or wait for the store. */
  get size(): number {
    return this.#runs.size;
  }

  /** Adds a caller to its call, which begins unless it runs already. */
  enter(call: OnceCall, caller: OnceCaller): OnceRun {
    const running = this.#runs.get(call.key);
    const run = running ?? new OnceRun(call, this);
    run.join(call, caller);
    if (running === undefined) {
      this.#runs.set(call.key, run);
      run.ask();
    }
    return run;
  }

  /** Called when a call is over. */
  over({ call }: OnceRun): void {
    this.#runs.delete(call.key);
    if (this.size === 0) this.#onIdle?.();
  }

  /** Resolves when no call runs, after `ms`, or on an abort. */
  async idle(ms: number, signal: AbortSignal): Promise<void> {
    if (this.size === 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timers = [setTimeout(resolve, ms)];
    this.#shorten = (ms) => timers.push(setTimeout(resolve, ms));
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    timers.forEach(clearTimeout);
  }

  /** Lets {@linkcode OnceRuns.idle} resolve after `ms` from now at the latest. */
  shorten(ms: number): void {
    this.#shorten?.(ms);
  }
}

/** A call that runs at most once, and its callers. */
export class OnceRun {
  /** The call. */
  readonly call: OnceCall;
  readonly #owner: OnceRuns;
  readonly #callers: OnceCaller[] = [];
  /** Proof of the reservation; `undefined` until the call is reserved. */
  #fence: string | undefined = undefined;
  /** Outcome of the handler, once it may be sent. */
  #outcome: Uint8Array | undefined = undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined = undefined;
  #endPause: (() => void) | undefined = undefined;

  constructor(call: OnceCall, owner: OnceRuns) {
    this.call = call;
    this.#owner = owner;
  }

  /** Adds a caller; refuses it, later, if its input differs. */
  join({ digest }: OnceCall, caller: OnceCaller): void {
    const outcome = this.#outcome;
    if (digest !== this.call.digest) {
      queueMicrotask(() => caller.refuse(conflict(caller.method)));
    } else if (outcome !== undefined) {
      queueMicrotask(() => caller.deliver(outcome));
    } else this.#callers.push(caller);
  }

  /** Removes a caller, unless the handler was entered; returns whether it did. */
  leave(caller: OnceCaller): boolean {
    if (this.#fence !== undefined) return false;
    const index = this.#callers.indexOf(caller);
    if (index < 0) return false;
    this.#callers.splice(index, 1);
    if (this.#callers.length === 0) this.#endPause?.();
    return true;
  }

  /** Asks the store until the call begins here or is over. */
  async ask(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (this.#callers.length > 0) {
      const answer = await this.#reserve();
      switch (answer?.state) {
        case undefined:
          return this.#refuse(unreachable);
        case "new":
          return await this.#begin(answer.fence);
        case "done":
          return this.#deliver(answer.outcome);
        case "gone":
          return this.#refuse(outcomeLost);
        case "conflict":
          return this.#refuse(conflict);
        case "full":
          return this.#refuse(full);
      }
      await this.#pause(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    this.#end();
  }

  /** Returns the answer of the store; `undefined` if it fails. */
  #reserve(): Promise<OnceReservation | undefined> {
    return this.#try(async (store) => {
      const reserving = store.reserve(this.call);
      const answer = await this.#inTime("reserve", reserving, (answer) => {
        if (answer?.state !== "new") return;
        // The call was refused meanwhile: its repetition may run.
        const { fence } = answer;
        void this.#try(async (store) => await store.release(this.call, fence));
      });
      const error = reservationError(answer);
      if (error === undefined) return answer;
      this.#owner.report(error);
      return { state: "gone" }; // the call may have run
    });
  }

  async #begin(fence: string): Promise<void> {
    this.#fence = fence;
    const { lease } = this.#owner.store;
    if (lease !== undefined) this.#renewAfter(lease / 3);
    await this.#startNext();
  }

  /** Lets the first caller enter its handler. */
  async #startNext(): Promise<void> {
    const [first] = this.#callers;
    if (first !== undefined) return first.start();
    const fence = this.#fence!; // set before
    await this.#try((store) =>
      this.#inTime("release", store.release(this.call, fence))
    );
    // A caller that joined meanwhile asks the store again.
    this.#fence = undefined;
    this.#stopRenewing();
    await this.ask();
  }

  /**
   * Stores the outcome of the handler, then sends it to all callers. They also
   * receive it if the store fails, which is then asked again. Meanwhile, the call
   * can be repeated on this server.
   */
  async settle(outcome: Uint8Array): Promise<void> {
    const fence = this.#fence!; // set before it began
    const settle = async (store: OnceStore) => {
      await this.#inTime("settle", store.settle(this.call, fence, outcome));
      return true;
    };
    let pause = FIRST_PAUSE;
    for (let attempt = 1;; attempt++) {
      const isStored = await this.#try(settle);
      this.#outcome = outcome;
      for (const caller of this.#callers.splice(0)) caller.deliver(outcome);
      if (isStored || attempt === SETTLE_ATTEMPTS) break;
      await this.#pause(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    this.#end();
  }

  /**
   * Refuses the first caller, whose handler was not entered. The next caller
   * starts, or the reservation is released.
   */
  async abandon(error: CallError): Promise<void> {
    this.#callers.shift()?.refuse(error);
    await this.#startNext();
  }

  #deliver(outcome: Uint8Array): void {
    for (const caller of this.#end()) caller.deliver(outcome);
  }

  #refuse(error: (method: string) => CallError): void {
    for (const caller of this.#end()) caller.refuse(error(caller.method));
  }

  /** Ends the call, and returns its callers. */
  #end(): OnceCaller[] {
    this.#stopRenewing();
    this.#owner.over(this);
    return this.#callers.splice(0);
  }

  /** Uses the store; reports an error and returns `undefined` if it fails. */
  async #try<Answer>(
    use: (store: OnceStore) => Answer | Promise<Answer>,
  ): Promise<Answer | undefined> {
    const { store, report } = this.#owner;
    try {
      return await use(store);
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  /**
   * Returns the answer of the store.
   *
   * @param onLate called with an answer that comes too late
   * @throws {Error} if the store does not answer in time
   */
  async #inTime<Answer>(
    name: string,
    answer: Answer | Promise<Answer>,
    onLate: (answer: Answer) => void = () => {},
  ): Promise<Answer> {
    if (!isThenable(answer)) return answer;
    const pending = Promise.resolve(answer);
    const { timeout = STORE_TIMEOUT } = this.#owner.store;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        pending.then(onLate, () => {}); // the call has been reported as failed
        reject(
          new Error(
            `The store of outcomes has not answered ${name}() within ${timeout} ms (its timeout)`,
          ),
        );
      }, timeout);
      setRef(timer, false);
    });
    try {
      return await Promise.race([pending, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #renewAfter(ms: number): void {
    const renewal = this.#renewal = setTimeout(async () => {
      const fence = this.#fence!; // set before
      await this.#try((store) =>
        this.#inTime("renew", store.renew(this.call, fence))
      );
      if (this.#renewal === renewal) this.#renewAfter(ms);
    }, ms);
    setRef(renewal, false);
  }

  #stopRenewing(): void {
    clearTimeout(this.#renewal);
    this.#renewal = undefined;
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      timer = setTimeout(resolve, ms);
      setRef(timer, false);
    });
    clearTimeout(timer);
    this.#endPause = undefined;
  }
}

/** Returns the error for a call whose outcome is not known. */
export function outcomeLost(
  method: string,
  message = "the call may have run, but its outcome is not stored",
  processed: Processed = "maybe",
): CallError {
  return new CallError(`${method}: ${message}`, {
    code: "outcome-lost",
    processed,
  });
}

function conflict(method: string): CallError {
  return new CallError(
    `${method}: the key of the call was used with another input; use another key`,
    { code: "conflict", processed: "no" },
  );
}

function full(method: string): CallError {
  return overloaded(
    `${method}: the store of outcomes has no room for another call (option once)`,
    "once",
  );
}

function unreachable(method: string): CallError {
  return new CallError(
    `${method}: the store of outcomes cannot be reached`,
    { code: "unavailable", processed: "no", retry: "later" },
  );
}
