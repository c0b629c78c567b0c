/**
 * The contract of a bus, which joins the servers of one application.
 *
 * @module
 */

/**
 * Whether a bus carries messages.
 *
 * - `"up"`: it does.
 * - `"down"`: it has lost its connection, and tries to get another one.
 * - `"closed"`: it carries no messages any more.
 */
export type BusStatus = "up" | "down" | "closed";

/** A subscription of a {@linkcode Bus}. Disposing it ends it. */
export interface BusSubscription extends Disposable {
  /**
   * Resolves when messages that are published from now on arrive; never rejects.
   *
   * It stays pending while the bus is down.
   */
  readonly ready: Promise<void>;
}

/** A message that a bus has stored. */
export interface StoredMessage {
  /**
   * Its place among all stored messages, from 1: later messages have higher ones.
   *
   * Those of one subject need not be adjacent.
   */
  readonly index: number;
  /** The message. */
  readonly message: Uint8Array;
}

/**
 * Messages that a bus has stored, for servers that have missed them.
 *
 * Both functions may reject, and the server then has a gap.
 */
export interface BusHistory {
  /**
   * Finds the newest message of a subject.
   *
   * @param subject the subject
   * @returns the message; `undefined` if none is stored
   */
  newest(subject: string): Promise<StoredMessage | undefined>;
  /**
   * Finds the first message of a subject at an index or above.
   *
   * @param subject the subject
   * @param index the lowest index
   * @returns the message; `undefined` if none is stored
   */
  next(subject: string, index: number): Promise<StoredMessage | undefined>;
}

/**
 * Carries messages between the servers of one application.
 *
 * It delivers each message to the subscriptions of its subject on all members, at
 * most once and in the order of each publisher. Whether a member receives its own
 * messages is left to the bus: servers drop theirs. Subjects consist of parts of
 * `A-Z a-z 0-9 _ - ~ ! =` that are joined with `.`.
 *
 * `broadcastChannelBus()` joins the threads of one process, and `natsBus()` of
 * `./nats` joins processes. `checkBus()` of `./testing` checks your own.
 */
export interface Bus {
  /** Maximum size of a message in bytes. */
  readonly maxMessage: number;
  /**
   * Messages that were published before, if the bus stores any.
   *
   * Shared sources read from it what a server has missed.
   */
  readonly history?: BusHistory | undefined;
  /** Whether the bus carries messages. */
  readonly status: BusStatus;
  /**
   * Calls a function when the status has changed.
   *
   * @param listener the function, which receives the new status
   * @returns a disposable that removes the listener
   */
  onStatus(listener: (status: BusStatus) => void): Disposable;
  /**
   * Publishes a message; never throws and never waits.
   *
   * A message that is not taken is not kept for later, so that no old messages
   * arrive when the bus is up again.
   *
   * @param subject the subject
   * @param message at most `maxMessage` bytes, which are not changed afterwards
   * @returns whether the bus took the message: `false` while it is down, or if too
   * much has not been sent
   */
  publish(subject: string, message: Uint8Array): boolean;
  /**
   * Subscribes to a subject, also across losses of the connection.
   *
   * @param subject the subject, which contains no wildcards
   * @param receive called with each message, whose bytes are valid until it
   * returns; it does not throw
   * @returns the subscription
   */
  subscribe(
    subject: string,
    receive: (message: Uint8Array) => void,
  ): BusSubscription;
}

/** A session's subscription to a topic. Disposing it unsubscribes the session. */
export interface TopicSubscription extends Disposable {
  /**
   * Resolves when messages that other servers publish from now on arrive; never
   * rejects.
   *
   * Without the option `bus`, and while the bus is down, it resolves at once.
   */
  readonly ready: Promise<void>;
}
