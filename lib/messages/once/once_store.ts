/**
 * Stores of the outcomes of calls that run at most once.
 *
 * @module
 */

/**
 * A call that runs at most once, as a {@linkcode OnceStore} sees it.
 *
 * @category Stores of outcomes
 */
export interface OnceCall {
  /**
   * Unique name of the call: its principal, its method, and the caller's key or
   * the client and its number, joined with `/`.
   *
   * Handlers receive the same text as `context.key`.
   */
  readonly key: string;
  /** Name of the principal that made the call; `""` without authentication. */
  readonly principal: string;
  /**
   * Name of the calls that share room in a store. They belong to one principal
   * or, without it, to one address.
   */
  readonly group: string;
  /** Unique name of the client that numbers its calls; `""` if the caller chose a key. */
  readonly client: string;
  /** Number of the call, which its client counts from 1. */
  readonly number: number;
  /** Number up to which the client needs no outcomes any more. */
  readonly seen: number;
  /** Time of its first attempt by the server's clock, Unix ms. */
  readonly created: number;
  /** SHA-256 of the encoded input, in hexadecimal. */
  readonly digest: string;
}

/**
 * Answer of a {@linkcode OnceStore} to a call.
 *
 * | state | meaning | the server then |
 * | --- | --- | --- |
 * | `new` | the call is reserved for this server | enters the handler |
 * | `running` | the call runs elsewhere | asks again |
 * | `done` | the call has run | sends the outcome |
 * | `gone` | the call ran or may have run; its outcome is not stored | sends `outcome-lost` |
 * | `conflict` | the key was used with another input | sends `conflict` |
 * | `full` | there is no room for another call | sends `overloaded`, `processed: "no"` |
 *
 * @category Stores of outcomes
 */
export type OnceReservation =
  | {
    /** The call is reserved for this server. */
    readonly state: "new";
    /** Proof of the reservation, which no other reservation has. */
    readonly fence: string;
  }
  | {
    /** The call has run. */
    readonly state: "done";
    /** Outcome that was stored. */
    readonly outcome: Uint8Array;
  }
  | {
    /** The state of the call, or the reason why it is refused. */
    readonly state: "running" | "gone" | "conflict" | "full";
  };

/**
 * Store of the outcomes of calls that run at most once.
 *
 * Each function is atomic: of any number of servers that reserve the same call,
 * one gets `new`. `memoryOnceStore()` keeps outcomes in the memory of one
 * process; `examples/once_redis/` contains a store for several processes.
 *
 * A store never removes a running call. It removes an outcome only if the client
 * has seen it, or after a time of retention. It answers `gone` to a call that it
 * does not know if the number is one that the client has seen, or if the call was
 * created before the time of retention: such a call may have run. A store that is
 * full refuses new calls; it does not remove others.
 *
 * If `reserve` throws, the call fails with `unavailable`, `processed: "no"`; an
 * answer that is not an {@linkcode OnceReservation} counts as `gone`. If
 * `settle` throws, its callers receive the outcome, and the server tries 7 more
 * times, within 2.3 s if it throws at once. If the last attempt fails, the outcome
 * is not stored for calls that are repeated later. The errors are reported to
 * `onError`. An
 * operation that takes longer than `timeout` counts as one that has thrown; if
 * `reserve` answers `new` later, the call is released.
 *
 * @category Stores of outcomes
 */
export interface OnceStore {
  /**
   * Id of the stored data, 1 to 128 bytes of text.
   *
   * A client repeats a call only on a server whose store has the same id. A
   * store that has lost its data must have another one.
   */
  readonly id: string;
  /**
   * Milliseconds for which a reservation is valid; the server renews it after a
   * third of the time.
   *
   * A store answers `gone` to a running call whose reservation was not renewed:
   * its server has crashed. Stores in the memory of the process need no such
   * limit.
   *
   * @default no limit
   */
  readonly lease?: number | undefined;
  /**
   * Milliseconds that an operation may take.
   *
   * @default {5000}
   */
  readonly timeout?: number | undefined;
  /** Reserves a call, or says why it must not run. */
  reserve(call: OnceCall): OnceReservation | Promise<OnceReservation>;
  /**
   * Stores the outcome of a running call; ignored if the fence is not that of
   * its reservation, or if the store has answered `gone` since.
   *
   * A store that has no room for an outcome notes that the call has run, and
   * answers `gone` from then on.
   */
  settle(
    call: OnceCall,
    fence: string,
    outcome: Uint8Array,
  ): void | Promise<void>;
  /** Renews a reservation; ignored under the same conditions. */
  renew(call: OnceCall, fence: string): void | Promise<void>;
  /**
   * Removes the reservation of a call whose handler was not entered; ignored
   * under the same conditions.
   */
  release(call: OnceCall, fence: string): void | Promise<void>;
}
