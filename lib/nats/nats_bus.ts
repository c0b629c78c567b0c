/**
 * A bus over a NATS connection.
 *
 * @module
 */
import { messageOf } from "../support/message_of.ts";
import type {
  Bus,
  BusHistory,
  BusStatus,
  BusSubscription,
} from "../messages/bus/bus.ts";
import { describeType } from "../support/describe_type.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { type ConnectionStatus, statusOf } from "./connection_status.ts";
import type { NatsConnection, NatsSubscription } from "./nats_connection.ts";
import { StoredMessages } from "./stored_messages.ts";
import { checkConnection } from "./stream_options.ts";
import { UnflushedBytes } from "./unflushed_bytes.ts";

/** Options for {@linkcode natsBus}. */
export interface NatsBusOptions {
  /**
   * Maximum number of published bytes that have not reached the NATS server.
   *
   * Further messages are not taken until it has caught up.
   *
   * @default {8388608}
   */
  maxUnflushed?: number | undefined;
  /**
   * Name of a JetStream stream that stores the items of shared sources.
   *
   * Create it with the subjects `lw.s.>`, `allow_direct: true` and bounds for what
   * it keeps. Streams of clients then continue on servers that have not kept their
   * items. If the stream cannot be read, the items are a gap.
   *
   * @default the servers keep the items, within the `history` of each source
   */
  history?: string | undefined;
  /**
   * Called with warnings, as text.
   *
   * They concern options of the connection with which it gives up or notices a dead
   * link late, and errors of subscriptions.
   *
   * @default prints the text with `console.warn`
   */
  onWarning?: ((message: string) => void) | undefined;
}

const OPTIONS: OptionNames<NatsBusOptions> = {
  maxUnflushed: true,
  history: true,
  onWarning: true,
};

/** Maximum number of bytes that have not reached the NATS server. */
export const DEFAULT_UNFLUSHED: number = 8 * 2 ** 20;

/** Names of streams. */
const STREAM = /^[^\s.*>/\\]+$/;

/** Largest payload of a NATS server by default. */
const DEFAULT_PAYLOAD = 2 ** 20;

/** Longest `pingInterval` in ms without a warning. */
const LONG_PING = 20_000;

/**
 * Returns a bus over a NATS connection, which joins processes.
 *
 * NATS delivers each message at most once, in the order of its publisher. While
 * the connection is down, messages are not taken, and subscriptions are kept. The
 * connection stays yours: close it after the servers.
 *
 * Any client of the NATS server that may read the subjects `lw.>` reads all
 * messages, and any that may write them can send messages to the clients of your
 * servers. Restrict both with the permissions of NATS.
 *
 * @param connection the connection, from `@nats-io/transport-node`,
 * `@nats-io/transport-deno` or `wsconnect()`. Connect with
 * `maxReconnectAttempts: -1` and `pingInterval: 20_000`: by default, the client
 * closes after 10 failed attempts, and notices a dead connection after 4 minutes.
 * @param options the bound for what is not sent
 * @returns the bus
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown, or the connection is not one
 *
 * @example
 * ```ts ignore
 * import { connect as connectNats } from "@nats-io/transport-node";
 * import { serve } from "@lengthwise/lengthwise";
 * import { natsBus } from "@lengthwise/lengthwise/nats";
 *
 * const nats = await connectNats({
 *   servers: "127.0.0.1:4222",
 *   maxReconnectAttempts: -1,
 *   pingInterval: 20_000,
 * });
 * const server = await serve(Chat, { port: 7000 }, { bus: natsBus(nats) })
 *   .handle(handlers);
 * ```
 */
export function natsBus(
  connection: NatsConnection,
  options: NatsBusOptions = {},
): Bus {
  checkOptions("natsBus()", options, OPTIONS);
  const { maxUnflushed = DEFAULT_UNFLUSHED, history, onWarning = warn } =
    options;
  if (!Number.isInteger(maxUnflushed) || maxUnflushed < 1) {
    throw new RangeError(
      `Cannot create a bus with maxUnflushed ${maxUnflushed}: it must be an integer of at least 1`,
    );
  }
  if (history !== undefined && !STREAM.test(history)) {
    throw new RangeError(
      `Cannot create a bus with the history "${history}": expected the name of a stream`,
    );
  }
  if (typeof onWarning !== "function") {
    throw new TypeError(
      `Cannot use ${
        describeType(onWarning)
      } as option "onWarning": expected a function`,
    );
  }
  checkConnection("create a bus", connection);
  warnOfDefaults(connection, onWarning);
  const stored = history === undefined
    ? undefined
    : new StoredMessages(connection, history);
  return new NatsBus(connection, maxUnflushed, onWarning, stored);
}

function warn(message: string): void {
  // deno-lint-ignore no-console -- the default; `onWarning` replaces it
  console.warn(message);
}

const warned: WeakSet<NatsConnection> = new WeakSet();

/** Warns once of options with which the client gives up. */
function warnOfDefaults(
  connection: NatsConnection,
  onWarning: (message: string) => void,
): void {
  const { options } = connection;
  if (options === undefined || warned.has(connection)) return;
  warned.add(connection);
  const { maxReconnectAttempts = 10, pingInterval = 120_000 } = options;
  if (maxReconnectAttempts !== -1) {
    onWarning(
      `The NATS connection closes for good after ${maxReconnectAttempts} failed attempts to reconnect; connect with maxReconnectAttempts: -1`,
    );
  }
  if (pingInterval > LONG_PING) {
    onWarning(
      `The NATS connection notices a dead link only after ${
        2 * pingInterval / 1_000
      } s or more; connect with pingInterval: ${LONG_PING}`,
    );
  }
}

class NatsBus implements Bus {
  readonly history: BusHistory | undefined;
  readonly #connection: NatsConnection;
  readonly #onWarning: (message: string) => void;
  readonly #followed: ConnectionStatus;
  readonly #unflushed: UnflushedBytes;

  constructor(
    connection: NatsConnection,
    maxUnflushed: number,
    onWarning: (message: string) => void,
    history: BusHistory | undefined,
  ) {
    this.history = history;
    this.#connection = connection;
    this.#onWarning = onWarning;
    this.#followed = statusOf(connection);
    this.#unflushed = new UnflushedBytes(
      connection,
      this.#followed,
      maxUnflushed,
    );
  }

  get maxMessage(): number {
    return this.#connection.info?.max_payload ?? DEFAULT_PAYLOAD;
  }

  get status(): BusStatus {
    return this.#connection.isClosed() ? "closed" : this.#followed.status;
  }

  onStatus(listener: (status: BusStatus) => void): Disposable {
    return this.#followed.onStatus(listener);
  }

  publish(subject: string, message: Uint8Array): boolean {
    const { length } = message;
    if (
      this.status !== "up" || this.#connection.isDraining() ||
      length > this.maxMessage ||
      !this.#unflushed.fits(length)
    ) return false;
    try {
      this.#connection.publish(subject, message);
    } catch {
      return false; // it has closed since
    }
    this.#unflushed.add(length);
    return true;
  }

  subscribe(
    subject: string,
    receive: (message: Uint8Array) => void,
  ): BusSubscription {
    const ended = new AbortController();
    let subscription: NatsSubscription | undefined;
    try {
      subscription = this.#connection.subscribe(subject, {
        callback: (error, message) => {
          if (ended.signal.aborted) return;
          if (error === null) receive(message.data);
          else this.#onWarning(`Cannot read ${subject}: ${error.message}`);
        },
      });
    } catch (error) {
      this.#onWarning(`Cannot subscribe to ${subject}: ${messageOf(error)}`);
    }
    const ready = this.#ready(ended.signal);
    return {
      ready,
      [Symbol.dispose]: () => {
        if (ended.signal.aborted) return;
        ended.abort();
        try {
          subscription?.unsubscribe();
        } catch {
          // The connection is closed, and the subscription with it.
        }
      },
    };
  }

  /** Resolves when the server has received the subscription. */
  async #ready(ended: AbortSignal): Promise<void> {
    while (this.status !== "closed" && !ended.aborted) {
      if (this.status === "up") {
        try {
          const { losses } = this.#unflushed;
          await this.#connection.flush();
          if (losses === this.#unflushed.losses) return;
          continue;
        } catch {
          if (this.status === "up") await this.#change(ended, 100);
          continue; // the client subscribes again when it is connected
        }
      }
      await this.#change(ended);
    }
  }

  /** Waits for another status, or the end of the subscription. */
  async #change(ended: AbortSignal, most?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    const listening = this.onStatus(end);
    ended.addEventListener("abort", end);
    const timer = most === undefined ? undefined : setTimeout(end, most);
    await promise;
    clearTimeout(timer);
    ended.removeEventListener("abort", end);
    listening[Symbol.dispose]();
  }
}
