/**
 * The streams of a listener or an address over one NATS connection: one
 * subscription, one heartbeat and one sum of windows.
 *
 * @module
 */
import { toHex } from "../messages/support/hex.ts";
import { setRef } from "../messages/support/keep_alive.ts";
import {
  TransportError,
  type TransportErrorCode,
} from "../transport/errors.ts";
import { type ConnectionStatus, statusOf } from "./connection_status.ts";
import type {
  NatsConnection,
  NatsMessage,
  NatsSubscription,
} from "./nats_connection.ts";
import { goneFrame, NatsStream, type StreamHost } from "./nats_stream.ts";
import type { ResolvedStreamOptions } from "./stream_options.ts";
import {
  decodeFrame,
  decodeOpening,
  OPEN,
  PING,
  type StreamFrame,
} from "./stream_frame.ts";
import { UnflushedBytes } from "./unflushed_bytes.ts";
import { WindowBudget } from "./window_budget.ts";

/** Maximum number of bytes that have not reached the NATS server. */
const MAX_UNFLUSHED = 8 * 2 ** 20;

/** Largest payload of a NATS server by default. */
const DEFAULT_PAYLOAD = 2 ** 20;

/** Settings of an end. */
export interface StreamEndSettings {
  /** Subject of the listener. */
  readonly name: string;
  /** Subject of all frames for this end, without the last part. */
  readonly subject: string;
  /** First part of the subjects to which frames may be sent. */
  readonly peers: string;
  /** Resolved options. */
  readonly options: ResolvedStreamOptions;
  /** Called with frames for tokens that have no stream; returns whether used. */
  stray?(token: string, frame: StreamFrame | undefined): boolean;
  /** Called with a stream that has ended. */
  ended?(stream: NatsStream): void;
}

/** The streams of one end. */
export class StreamEnd implements StreamHost {
  readonly windows: WindowBudget;
  /** Whether the subscription is kept without streams. */
  keep = false;
  readonly #connection: NatsConnection;
  readonly #settings: StreamEndSettings;
  readonly #followed: ConnectionStatus;
  readonly #following: Disposable;
  readonly #unflushed: UnflushedBytes;
  /** Streams by the last part of their subject. */
  readonly #streams: Map<string, NatsStream> = new Map();
  readonly #subscription: NatsSubscription;
  /** Peers of streams that ended while NATS was not connected. */
  #gone: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #stopped = false;

  /** @throws if the NATS connection is closed */
  constructor(connection: NatsConnection, settings: StreamEndSettings) {
    const { subject, options } = settings;
    this.#connection = connection;
    this.#settings = settings;
    this.windows = new WindowBudget(options.totalWindow, options.window);
    this.#subscription = connection.subscribe(`${subject}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
    this.#followed = statusOf(connection);
    this.#following = this.#followed.onStatus((status) => {
      if (status === "up") this.#tellGone();
      else this.#lose();
    });
    this.#unflushed = new UnflushedBytes(
      connection,
      this.#followed,
      MAX_UNFLUSHED,
      () => {
        for (const stream of this.#streams.values()) stream.wake();
      },
    );
  }

  /** Bytes of the largest message that the NATS server carries. */
  get largest(): number {
    return this.#connection.info?.max_payload ?? DEFAULT_PAYLOAD;
  }

  /** Number of streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether the NATS connection is up. */
  get isUp(): boolean {
    return !this.#connection.isClosed() && this.#followed.status === "up";
  }

  /** Whether the end is of no use any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Returns the subject of the frames for a stream. */
  subjectOf(token: string): string {
    return `${this.#settings.subject}.${token}`;
  }

  /** Returns whether frames may be sent to a subject. */
  accepts(subject: string): boolean {
    const { peers } = this.#settings;
    return subject.startsWith(peers) && subject.length > peers.length &&
      /^[^\s*>]+$/.test(subject);
  }

  /** Adds a stream. */
  add(
    token: string,
    settings: Omit<ConstructorParameters<typeof NatsStream>[1], "name" | "own">,
  ): NatsStream {
    const { name } = this.#settings;
    const own = this.subjectOf(token);
    const stream = new NatsStream(this, { ...settings, name, own });
    this.#streams.set(token, stream);
    this.#beatLater();
    return stream;
  }

  send(subject: string, frame: Uint8Array, reply?: string): boolean {
    if (!this.isUp) return false;
    try {
      this.#connection.publish(
        subject,
        frame,
        reply === undefined ? undefined : { reply },
      );
    } catch {
      return false; // it has closed since, or the frame is too large
    }
    this.#unflushed.add(frame.length);
    return true;
  }

  fits(length: number): boolean {
    return this.#unflushed.fits(length);
  }

  remove(stream: NatsStream): void {
    this.#streams.delete(this.#tokenOf(stream.own));
    if (!this.isUp && !this.#connection.isClosed()) {
      this.#gone.push(stream.peer);
    }
    if (this.#streams.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#settings.ended?.(stream);
    this.stopIfUnused();
  }

  /** Ends the subscription if there is nothing to receive. */
  stopIfUnused(): void {
    if (this.keep || this.#streams.size > 0 || this.#stopped) return;
    if (this.#gone.length > 0 && !this.#connection.isClosed()) return;
    this.#stopped = true;
    this.#following[Symbol.dispose]();
    this.#unflushed.stop();
    try {
      this.#subscription.unsubscribe();
    } catch {
      // The connection is closed, and the subscription with it.
    }
  }

  #tokenOf(subject: string): string {
    return subject.slice(this.#settings.subject.length + 1);
  }

  /** Handles a message for one of the streams; never throws. */
  #receive(message: NatsMessage): void {
    const { data, subject, reply } = message;
    const token = this.#tokenOf(subject);
    const frame = decodeFrame(data);
    const stream = this.#streams.get(token);
    if (stream !== undefined) {
      // The NATS server replies without a payload if no one is subscribed.
      if (frame !== undefined) stream.receive(frame);
      else if (data.length === 0) stream.cut("reset", "the peer is gone");
      return;
    }
    if (this.#settings.stray?.(token, frame) || frame === undefined) return;
    const peer = frame.kind === OPEN
      ? decodeOpening(frame.payload)?.subject
      : frame.kind === PING
      ? reply
      : undefined;
    if (peer !== undefined && this.accepts(peer)) this.send(peer, goneFrame());
  }

  /** Ends all streams: the NATS client drops what it has not sent. */
  #lose(): void {
    for (const stream of [...this.#streams.values()]) {
      stream.cut("reset", "the NATS connection was lost");
    }
    this.stopIfUnused();
  }

  /** Resets the streams of peers that ended meanwhile. */
  #tellGone(): void {
    for (const peer of this.#gone.splice(0)) this.send(peer, goneFrame());
    this.stopIfUnused();
  }

  #beatLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#beatLater();
      for (const stream of [...this.#streams.values()]) stream.beat();
    }, this.#settings.options.heartbeat);
    setRef(this.#timer, false);
  }
}

/** Returns an error of an address of NATS. */
export function natsError(
  verb: string,
  name: string,
  reason: string,
  code: TransportErrorCode,
  cause?: unknown,
): TransportError {
  const address = `nats:${name}`;
  return new TransportError(`Cannot ${verb} ${address}: ${reason}`, {
    code,
    address,
    cause,
  });
}

/** Returns 32 random hexadecimal digits, which no other client can guess. */
export function randomToken(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(16)));
}
