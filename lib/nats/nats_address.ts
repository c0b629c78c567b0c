/**
 * The address of a listener over a subject of NATS.
 *
 * @module
 */
import type { Connector } from "../messages/client/connector.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type {
  TransportError,
  TransportErrorCode,
} from "../transport/errors.ts";
import type { SocketConnection } from "../transport/socket_connection.ts";
import { SocketConnectionImpl } from "../transport/socket_connection_impl.ts";
import { checkTimeLimit } from "../transport/with_timeout.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsStream } from "./nats_stream.ts";
import { natsError, randomToken, StreamEnd } from "./stream_end.ts";
import {
  decodeOpening,
  encodeDial,
  OPEN,
  REFUSED,
  REFUSED_VERSION,
  STREAM_VERSION,
  type StreamFrame,
} from "./stream_frame.ts";
import {
  checkConnection,
  checkSubject,
  type NatsStreamOptions,
  type ResolvedStreamOptions,
  resolveStreamOptions,
  STREAM_OPTIONS,
} from "./stream_options.ts";

/** Options for {@linkcode natsAddress}. */
export interface NatsAddressOptions extends NatsStreamOptions {
  /** Subject of the listener, such as `"lw.shop"`. */
  subject: string;
  /**
   * First part of the subjects of this client.
   *
   * @default the `inboxPrefix` of the connection, or `"_INBOX"`
   */
  inboxPrefix?: string | undefined;
  /**
   * Maximum time for connecting in milliseconds; 0 means no limit.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
}

/** Address of a {@linkcode natsListener}. */
export interface NatsAddress extends Connector {
  /**
   * Connects to one of the listeners at the subject.
   *
   * @param signal aborts connecting
   * @returns the connection
   * @throws {TransportError} if nothing listens at the subject (`refused`), it has
   * too many connections (`limit`), does not reply (`timeout`), or has another
   * version (`protocol`), or NATS is not connected (`unreachable`)
   * @throws {unknown} the signal's reason, if the signal is aborted
   */
  connect(signal?: AbortSignal): Promise<SocketConnection>;
}

const OPTIONS: OptionNames<NatsAddressOptions> = {
  ...STREAM_OPTIONS,
  subject: true,
  inboxPrefix: true,
  timeout: true,
};

/** Milliseconds after which a dial without reply is repeated. */
const REPEAT = 250;
/** Number of times that a dial is sent. */
const DIALS = 4;

/**
 * Returns the address of a server that listens on a NATS subject.
 *
 * Pass it to `connect()` or `createClient()`, alone or in a list. If several
 * processes listen on the subject, each connection gets one of them.
 *
 * @param connection the connection; see {@linkcode natsBus} for its options
 * @param options the subject, and limits
 * @returns the address
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown, or the connection is not one
 *
 * @example
 * ```ts ignore
 * import { createClient } from "@lengthwise/lengthwise";
 * import { natsAddress } from "@lengthwise/lengthwise/nats";
 *
 * const client = createClient(Shop, natsAddress(nats, { subject: "lw.shop" }));
 * console.log(await client.remote.price({ sku: "A-1" }));
 * ```
 */
export function natsAddress(
  connection: NatsConnection,
  options: NatsAddressOptions,
): NatsAddress {
  const given = checkOptions("natsAddress()", options, OPTIONS);
  const { subject, timeout = 10_000 } = given;
  const { inboxPrefix = connection?.options?.inboxPrefix ?? "_INBOX" } = given;
  checkSubject("natsAddress()", "subject", subject);
  checkSubject("natsAddress()", "inboxPrefix", inboxPrefix);
  checkTimeLimit("connect", timeout);
  const resolved = resolveStreamOptions("natsAddress()", given);
  checkConnection("connect", connection);
  const dialer = new Dialer(connection, {
    ...{ subject, inboxPrefix, timeout },
    options: resolved,
  });
  return {
    name: `nats:${subject}`,
    connect: (signal) => dialer.dial(signal),
  };
}

interface DialerSettings {
  readonly subject: string;
  readonly inboxPrefix: string;
  readonly timeout: number;
  readonly options: ResolvedStreamOptions;
}

/** Connects to a subject. */
class Dialer {
  readonly #connection: NatsConnection;
  readonly #settings: DialerSettings;
  #end: StreamEnd | undefined = undefined;
  /** Attempts without a reply yet, by the last part of their subject. */
  readonly #waiting: Map<string, (frame: StreamFrame | undefined) => void> =
    new Map();
  #dialing = 0;

  constructor(connection: NatsConnection, settings: DialerSettings) {
    this.#connection = connection;
    this.#settings = settings;
  }

  async dial(signal?: AbortSignal): Promise<SocketConnection> {
    signal?.throwIfAborted();
    const end = this.#open();
    this.#dialing++;
    end.keep = true;
    try {
      return new SocketConnectionImpl(await this.#connect(end, signal));
    } finally {
      this.#dialing--;
      end.keep = this.#dialing > 0;
      end.stopIfUnused();
    }
  }

  /** Returns the end of all streams of this address. */
  #open(): StreamEnd {
    const { subject, inboxPrefix, options } = this.#settings;
    if (this.#end !== undefined && !this.#end.stopped) return this.#end;
    try {
      return this.#end = new StreamEnd(this.#connection, {
        name: subject,
        subject: `${inboxPrefix}.${randomToken()}`,
        peers: `${subject}.`,
        options,
        stray: (token, frame) => this.#receive(token, frame),
      });
    } catch (cause) {
      throw this.#failed("closed", "the NATS connection is closed", cause);
    }
  }

  #failed(
    code: TransportErrorCode,
    reason: string,
    cause?: unknown,
  ): TransportError {
    return natsError("connect to", this.#settings.subject, reason, code, cause);
  }

  /** Handles the reply to an attempt; returns whether it is one. */
  #receive(token: string, frame: StreamFrame | undefined): boolean {
    const reply = this.#waiting.get(token);
    if (reply === undefined) return false;
    this.#waiting.delete(token);
    // Without its first frame, the stream would lack bytes: the attempt is given up.
    const lost = frame !== undefined && frame.kind !== OPEN &&
      frame.kind !== REFUSED;
    if (!lost) reply(frame);
    return true;
  }

  async #connect(
    end: StreamEnd,
    signal: AbortSignal | undefined,
  ): Promise<NatsStream> {
    const { subject, timeout } = this.#settings;
    if (!end.isUp) throw this.#failed("unreachable", NOT_CONNECTED);
    const window = end.windows.open();
    if (window === undefined) {
      const reason = "its connections use all of totalWindow";
      throw this.#failed("limit", reason);
    }
    const { promise, resolve, reject } = Promise.withResolvers<NatsStream>();
    const nonce = randomToken();
    const tokens: string[] = [];
    const { largest } = end;
    const dial = encodeDial({
      version: STREAM_VERSION,
      ...{ nonce, window, largest },
    });
    const send = () => {
      const token = randomToken();
      tokens.push(token);
      // The next frame may follow in the same turn, so the stream begins at once.
      this.#waiting.set(token, (frame) => {
        forget();
        try {
          resolve(this.#opened(end, token, window, frame));
        } catch (error) {
          reject(error);
        }
      });
      if (end.send(subject, dial, end.subjectOf(token))) return;
      fail(this.#failed("unreachable", NOT_CONNECTED));
    };
    const forget = () => {
      for (const token of tokens) this.#waiting.delete(token);
    };
    const fail = (error: unknown) => {
      forget();
      reject(error);
    };
    const abort = () => fail(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const late = timeout === 0 ? undefined : setTimeout(
      () => fail(this.#failed("timeout", `no reply within ${timeout} ms`)),
      timeout,
    );
    send();
    const repeating = setInterval(() => {
      if (tokens.length < DIALS) send();
      else clearInterval(repeating);
    }, REPEAT);
    try {
      return await promise;
    } catch (error) {
      end.windows.release(window);
      throw error;
    } finally {
      clearInterval(repeating);
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Returns the stream that a listener has opened. @throws if it has not */
  #opened(
    end: StreamEnd,
    token: string,
    window: number,
    frame: StreamFrame | undefined,
  ): NatsStream {
    if (frame === undefined) {
      throw this.#failed("refused", "nothing listens on the subject");
    }
    if (frame.kind === REFUSED) {
      throw frame.payload[0] === REFUSED_VERSION
        ? this.#failed("protocol", "the listener speaks another version")
        : this.#failed("limit", "the listener has too many connections");
    }
    const opening = decodeOpening(frame.payload);
    if (
      opening?.version !== STREAM_VERSION || !end.accepts(opening.subject)
    ) throw this.#failed("protocol", "the reply of the listener is not valid");
    return end.add(token, {
      ...{ peer: opening.subject, window, credit: opening.window },
      largest: Math.min(opening.largest, end.largest),
      opened: { received: 1, sent: 0 },
    });
  }
}

const NOT_CONNECTED = "NATS is not connected";
