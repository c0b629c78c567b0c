/**
 * A listener over a subject of NATS.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { Backlog } from "../transport/memory/memory_listener.ts";
import { SocketConnectionImpl } from "../transport/socket_connection_impl.ts";
import type {
  ListenerOptions,
  SocketListener,
} from "../transport/socket_listener.ts";
import { SocketListenerImpl } from "../transport/socket_listener_impl.ts";
import { statusOf } from "./connection_status.ts";
import type {
  NatsConnection,
  NatsMessage,
  NatsSubscription,
} from "./nats_connection.ts";
import type { NatsStream } from "./nats_stream.ts";
import { natsError, randomToken, StreamEnd } from "./stream_end.ts";
import {
  decodeDial,
  encodeFrame,
  encodeOpening,
  OPEN,
  REFUSED,
  REFUSED_FULL,
  REFUSED_VERSION,
  STREAM_VERSION,
} from "./stream_frame.ts";
import {
  checkConnection,
  checkSubject,
  type NatsStreamOptions,
  resolveStreamOptions,
  STREAM_OPTIONS,
} from "./stream_options.ts";

/** Options for {@linkcode natsListener}. */
export interface NatsListenerOptions
  extends
    NatsStreamOptions,
    Pick<ListenerOptions, "maxConnections" | "onError" | "signal"> {
  /** Subject at which clients connect, such as `"lw.shop"`. */
  subject: string;
  /**
   * Queue group: of all listeners at a subject in one group, one gets each client.
   *
   * @default {"q"}
   */
  queue?: string | undefined;
  /**
   * First part of the subjects of clients.
   *
   * The listener sends to no others: a client names its own, and the listener may
   * have more permissions.
   *
   * @default {"_INBOX"}
   */
  inboxPrefix?: string | undefined;
}

const OPTIONS: OptionNames<NatsListenerOptions> = {
  ...STREAM_OPTIONS,
  subject: true,
  queue: true,
  inboxPrefix: true,
  maxConnections: true,
  onError: true,
  signal: true,
};

/**
 * Listens on a subject of NATS.
 *
 * Each connection is an ordered byte stream in each direction. It ends with
 * `reset` as soon as a message of NATS is missing, doubled or swapped, if its peer
 * is gone for three heartbeats, and if the connection to NATS is lost. Several
 * processes may listen on one subject; each client gets one of them.
 *
 * Clients are not authenticated by NATS alone: `info` has no address and no
 * certificate of a client, and a client of the NATS server that may read
 * `_INBOX.>` reads all bytes. Use `authenticate`, and the permissions of NATS.
 *
 * @param connection the connection; see {@linkcode natsBus} for its options
 * @param options the subject, and limits
 * @returns the listener, once the NATS server has its subscription; pass it to
 * `serve()` or `server.listen()`
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown, or the connection is not one
 * @throws {TransportError} if the NATS server does not permit the subscription
 * (`permission`), or the connection is closed (`closed`) or lost (`reset`)
 *
 * @example
 * ```ts ignore
 * import { connect, serve } from "@lengthwise/lengthwise";
 * import { natsAddress, natsListener } from "@lengthwise/lengthwise/nats";
 *
 * const listener = await natsListener(nats, { subject: "lw.shop" });
 * const server = await serve(Shop, listener).handle(handlers);
 *
 * // In another process:
 * const session = await connect(Shop, natsAddress(nats, { subject: "lw.shop" }));
 * ```
 */
export async function natsListener(
  connection: NatsConnection,
  options: NatsListenerOptions,
): Promise<SocketListener> {
  const given = checkOptions("natsListener()", options, OPTIONS);
  const { subject, queue = "q", inboxPrefix = "_INBOX" } = given;
  checkSubject("natsListener()", "subject", subject);
  checkSubject("natsListener()", "queue", queue);
  checkSubject("natsListener()", "inboxPrefix", inboxPrefix);
  const resolved = resolveStreamOptions("natsListener()", given);
  checkConnection("listen", connection);
  const { maxConnections, onError, signal } = given;
  signal?.throwIfAborted();
  if (connection.isClosed()) {
    const reason = "the NATS connection is closed";
    throw natsError("listen on", subject, reason, "closed");
  }
  const dials = new Dials(connection, {
    ...{ subject, queue },
    peers: `${inboxPrefix}.`,
    options: resolved,
  });
  const following = statusOf(connection).onStatus((status) => {
    if (status === "closed") listener.close();
  });
  const listener = new SocketListenerImpl(
    {
      addr: { transport: "nats", name: subject },
      close() {
        following[Symbol.dispose]();
        dials.close();
      },
      accept: async (accepting) =>
        new SocketConnectionImpl(await dials.accept(), accepting),
    },
    { maxConnections, onError, signal },
  );
  try {
    await dials.ready();
  } catch (error) {
    listener.close();
    throw error;
  }
  signal?.throwIfAborted();
  return listener;
}

interface DialsSettings {
  readonly subject: string;
  readonly queue: string;
  readonly peers: string;
  readonly options: ConstructorParameters<typeof StreamEnd>[1]["options"];
}

/** The clients that connect to a subject. */
class Dials {
  readonly #connection: NatsConnection;
  readonly #settings: DialsSettings;
  readonly #backlog: Backlog;
  readonly #end: StreamEnd;
  readonly #subscription: NatsSubscription;
  /** Streams by the nonce of their client, which may repeat its dial. */
  readonly #byNonce: Map<string, NatsStream> = new Map();
  readonly #nonces: Map<NatsStream, string> = new Map();
  #failure: Error | undefined = undefined;

  constructor(connection: NatsConnection, settings: DialsSettings) {
    const { subject, queue, peers, options } = settings;
    this.#connection = connection;
    this.#settings = settings;
    this.#backlog = new Backlog(`nats:${subject}`);
    this.#end = new StreamEnd(connection, {
      name: subject,
      subject: `${subject}.${randomToken()}`,
      ...{ peers, options },
      ended: (stream) => {
        this.#byNonce.delete(this.#nonces.get(stream) ?? "");
        this.#nonces.delete(stream);
      },
    });
    this.#end.keep = true;
    this.#subscription = connection.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error === null) this.#receive(message);
        else this.#failure = error;
      },
    });
  }

  /** Resolves when the NATS server has the subscriptions. */
  async ready(): Promise<void> {
    const { subject } = this.#settings;
    try {
      await this.#connection.flush();
    } catch (cause) {
      const reason = "the NATS connection was lost";
      throw natsError("listen on", subject, reason, "reset", cause);
    }
    const cause = this.#failure;
    if (cause === undefined) return;
    const reason = "the NATS server does not permit the subscription";
    throw natsError("listen on", subject, reason, "permission", cause);
  }

  /** Waits for the next client. */
  accept(): ReturnType<Backlog["accept"]> {
    return this.#backlog.accept();
  }

  /** Accepts no more clients; streams that were accepted go on. */
  close(): void {
    try {
      this.#subscription.unsubscribe();
    } catch {
      // The connection is closed, and the subscription with it.
    }
    this.#end.keep = false;
    this.#backlog.close();
    this.#end.stopIfUnused();
  }

  /** Handles a dial; never throws. */
  #receive({ data, reply }: NatsMessage): void {
    const dial = decodeDial(data);
    if (dial === undefined || reply === undefined) return;
    if (!this.#end.accepts(reply)) return;
    const existing = this.#byNonce.get(dial.nonce);
    if (existing !== undefined) return this.#open(existing);
    const { version, nonce, window: credit } = dial;
    if (version !== STREAM_VERSION) return this.#refuse(reply, REFUSED_VERSION);
    const window = this.#end.windows.open();
    if (window === undefined) return this.#refuse(reply, REFUSED_FULL);
    const largest = Math.min(dial.largest, this.#end.largest);
    const opened = { received: 0, sent: 1 };
    const stream = this.#end.add(
      randomToken(),
      { peer: reply, window, credit, largest, opened },
    );
    this.#byNonce.set(nonce, stream);
    this.#nonces.set(stream, nonce);
    if (this.#backlog.offer(stream)) return this.#open(stream);
    stream.cut("limit", "too many clients wait to be accepted");
    this.#refuse(reply, REFUSED_FULL);
  }

  #open(stream: NatsStream): void {
    const { peer, own: subject, firstWindow: window } = stream;
    const { largest } = this.#end;
    const opening = encodeOpening({
      version: STREAM_VERSION,
      ...{ window, largest, subject },
    });
    this.#end.send(peer, encodeFrame(OPEN, 1, opening));
  }

  #refuse(peer: string, reason: number): void {
    this.#end.send(peer, encodeFrame(REFUSED, 1, Uint8Array.of(reason)));
  }
}
