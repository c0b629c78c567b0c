/**
 * A session that a gateway relays frame by frame: one connection to the client,
 * one to its server.
 *
 * Frames keep their ids, lengths and order, so the two ends count the same credit
 * and the same positions. The gateway only looks at headers, at the fields of a
 * request, and at HELLO and GOAWAY.
 *
 * ```text
 *  greeting ──HELLO──▶ dialling ──connected──▶ open ──drain()──▶ draining
 *     │ timeout, fault    │ no server           │ one end is over  │ no calls, or grace
 *     └───────────────────┴─────▶ over ◀────────┴──────────────────┘
 * ```
 *
 * @module
 */
import { FrameError } from "../framing/errors.ts";
import type { LinkSettings } from "../messages/connection/link.ts";
import type { SessionErrorCode } from "../messages/errors/call_error.ts";
import type { DrainOptions } from "../messages/session/control/drain.ts";
import { decodeGoaway, type Goaway } from "../messages/session/wire/goaway.ts";
import {
  Flag,
  HEADER,
  Kind,
  MAX_ID,
  readId,
} from "../messages/session/wire/frame_header.ts";
import type { Hello } from "../messages/session/wire/hello.ts";
import { MalformedError } from "../messages/session/wire/malformed_error.ts";
import { LINGER_TIME } from "../support/linger.ts";
import type { Connection } from "../transport/connection.ts";
import { hideClaims } from "./hidden_claims.ts";
import { RelayEnd } from "./relay_end.ts";
import { clientHello, serverHello } from "./relayed_hello.ts";

/**
 * Milliseconds for which a session that drains stays open without calls.
 *
 * The client can then read the GOAWAY before its next call.
 */
const SETTLE_TIME = 500;

/** A connection to a server. */
export interface Dialled {
  /** The connection. */
  readonly connection: Connection;
  /** Called with the content of the server's HELLO. */
  accepted(hello: Hello): void;
}

/** Members of a gateway that its relays require. */
export interface RelayHost {
  /** Id of the gateway, in bytes. */
  readonly id: Uint8Array;
  /** Framing and time limits of clients. */
  readonly client: LinkSettings;
  /** Those of servers. */
  readonly server: LinkSettings;
  /** Largest body of a frame. */
  readonly maxFrameBody: number;
  /** Milliseconds for the client's HELLO. */
  readonly handshakeTimeout: number;
  /** Milliseconds for the calls of a session that drains. */
  readonly grace: number;
  /**
   * Connects to the server of a client.
   *
   * @throws if none was reached in time
   */
  dial(
    hello: Hello,
    client: Connection,
    signal: AbortSignal,
  ): Promise<Dialled>;
  /** Called with failures that concern no client. */
  report(error: unknown): void;
}

/** Messages that one end has begun, and the other ends. */
class Begun {
  /** Highest id of a call. */
  lastId = 0;
  /** Ids of the calls without a terminal. */
  readonly open: Set<number> = new Set();
  /** Lowest last id of the GOAWAYs that the end has received. */
  toldId: number = MAX_ID;
  /** Whether a NOTIFY is incomplete. */
  inNotify = false;

  /** Returns whether a REQUEST is the first frame of its call. */
  begins(id: number): boolean {
    if (id <= this.lastId) return false;
    this.lastId = id;
    this.open.add(id);
    return true;
  }

  /** Records a last id: calls above it have no terminal. */
  told(lastId: number): void {
    this.toldId = Math.min(this.toldId, lastId);
    if (lastId >= this.lastId) return;
    for (const id of this.open) if (id > lastId) this.open.delete(id);
  }
}

/** A relayed session. */
export class Relay {
  /** Resolves when both connections are closed. */
  readonly ended: Promise<void>;
  readonly #host: RelayHost;
  readonly #client: RelayEnd;
  #server: RelayEnd | undefined = undefined;
  /** Calls of the client, and of the server. */
  readonly #calls: Begun = new Begun();
  readonly #callsBack: Begun = new Begun();
  /** Aborted when the session is over before a server was reached. */
  readonly #dialling: AbortController = new AbortController();
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();
  #accepted: ((hello: Hello) => void) | undefined = undefined;
  #settled = false;
  #draining: Goaway | undefined = undefined;
  #over = false;

  /**
   * @param host the gateway
   * @param connection the client's connection, which the relay then owns
   */
  constructor(host: RelayHost, connection: Connection) {
    this.#host = host;
    this.#client = new RelayEnd(
      connection,
      host.client,
      () => this.#server?.room(),
    );
    this.ended = this.#run().catch((error) => host.report(error));
  }

  /** Whether the session drains. */
  get draining(): boolean {
    return this.#draining !== undefined;
  }

  /** Number of bytes that were read and not taken yet. */
  get unsent(): number {
    return this.#client.unsent + (this.#server?.unsent ?? 0);
  }

  async #run(): Promise<void> {
    try {
      const frame = await this.#greeting();
      if (frame === undefined) return;
      const { id, maxFrameBody } = this.#host;
      const relayed = clientHello(frame, id, maxFrameBody);
      if (!("hello" in relayed)) {
        return this.refuse(relayed.code, relayed.message);
      }
      await this.#connect(relayed.hello);
      const server = this.#server;
      if (server === undefined) return;
      server.write(relayed.frame);
      await this.#relay(server);
    } finally {
      this.#over = true;
      for (const timer of this.#timers) clearTimeout(timer);
      await Promise.all([this.#client.dispose(), this.#server?.dispose()]);
    }
  }

  /** Returns the client's first frame. */
  async #greeting(): Promise<Uint8Array | undefined> {
    const timer = this.#after(
      this.#host.handshakeTimeout,
      () => this.refuse("timeout", "no HELLO has arrived in time"),
    );
    try {
      const frame = await this.#client.read();
      if (this.#over || frame === null) return undefined;
      if (frame.length >= HEADER) return frame;
      this.refuse("protocol", "a frame is shorter than its header");
    } catch (error) {
      this.refuse("protocol", error instanceof Error ? error.message : "");
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }

  /** Connects to a server, unless the session is over. */
  async #connect(hello: Hello): Promise<void> {
    const host = this.#host;
    const { signal } = this.#dialling;
    try {
      const { connection } = this.#client;
      const dialled = await host.dial(hello, connection, signal);
      if (this.#over) return dialled.connection[Symbol.dispose]();
      this.#accepted = dialled.accepted;
      this.#server = new RelayEnd(
        dialled.connection,
        host.server,
        () => this.#client.room(),
      );
    } catch (error) {
      if (this.#over) return;
      this.refuse("refused-busy", "the gateway could not reach a server");
      host.report(error);
    }
  }

  /** Relays until both ends are over. */
  async #relay(server: RelayEnd): Promise<void> {
    const client = this.#client;
    await Promise.all([
      client.receive(
        (frame) => this.#fromClient(frame, server),
        () => this.#turnEnded(),
      ).catch((error) => {
        const broken = error instanceof FrameError &&
          error.code !== "truncated" && error.code !== "timeout";
        if (broken) this.#violated("too-large", error.message);
      }).finally(() => this.#inputEnded(server)),
      server.receive(
        (frame) => this.#fromServer(frame),
        () => this.#turnEnded(),
      ).catch(() => {}) // the server has failed, or was cut
        .finally(() => this.#inputEnded(client)),
    ]);
  }

  #fromClient(frame: Uint8Array, server: RelayEnd): void {
    if (this.#over) return;
    if (frame.length < HEADER) {
      return this.#violated("protocol", "a frame is shorter than its header");
    }
    const isKnown = this.#noteClaims(frame);
    if (isKnown) {
      this.#note(frame, this.#calls, this.#callsBack);
      return server.write(frame);
    }
    this.#violated(
      "too-large",
      "the fields of a message do not fit into its first frame, as the gateway requires",
    );
  }

  /** Hides claims of identity; returns `false` if the fields are unknown. */
  #noteClaims(frame: Uint8Array): boolean {
    const [kind] = frame;
    const isFirst = kind === Kind.REQUEST
      ? readId(frame) > this.#calls.lastId
      : kind === Kind.NOTIFY && !this.#calls.inNotify;
    return !isFirst || hideClaims(frame);
  }

  #fromServer(frame: Uint8Array): void {
    if (this.#over || frame.length < HEADER) return;
    if (frame[0] === Kind.HELLO) {
      const hello = serverHello(frame, this.#host.maxFrameBody);
      if (hello !== undefined) this.#accepted?.(hello);
    }
    this.#note(frame, this.#callsBack, this.#calls);
    this.#client.write(frame);
  }

  /** Records what a frame begins or ends. */
  #note(frame: Uint8Array, own: Begun, others: Begun): void {
    const isLast = (frame[1]! & Flag.MORE) === 0; // a frame has a header
    switch (frame[0]) {
      case Kind.REQUEST:
        own.begins(readId(frame));
        break;
      case Kind.NOTIFY:
        own.inNotify = !isLast;
        break;
      case Kind.RESULT:
      case Kind.ERROR:
        if (isLast) others.open.delete(readId(frame));
        break;
      case Kind.GOAWAY:
        noteGoaway(frame, others);
        break;
    }
  }

  /** The input of one end is over, and soon the whole session. */
  #inputEnded(other: RelayEnd): void {
    other.closeWrite();
    this.#after(2 * LINGER_TIME, () => {
      this.#client.abort();
      this.#server?.abort();
    });
  }

  /**
   * Asks both ends to begin nothing more; the session ends with its calls, or
   * after the grace.
   */
  drain(options: DrainOptions): void {
    const { code = "drain", retryAfter = 0, spread = 0, grace } = options;
    if (this.#over || this.draining) return;
    const goaway = { code, retryAfter, spread, message: "the gateway drains" };
    this.#draining = { ...goaway, lastId: 0 };
    if (this.#server === undefined) {
      return this.#end(this.#draining);
    }
    this.#client.goAway({ ...goaway, lastId: this.#calls.toldId });
    this.#server.goAway({ ...goaway, lastId: this.#callsBack.toldId });
    this.#after(SETTLE_TIME, () => {
      this.#settled = true;
      this.#turnEnded();
    });
    this.#after(grace ?? this.#host.grace, () => this.#close());
  }

  /** Ends a session that drains and has no calls. */
  #turnEnded(): void {
    const { size } = this.#calls.open;
    if (this.#settled && size + this.#callsBack.open.size === 0) this.#close();
  }

  #close(): void {
    this.#end({ code: "closed", lastId: 0, message: "the gateway drains" });
  }

  /** Ends the session of a client that does not follow the protocol. */
  #violated(code: SessionErrorCode, message: string): void {
    this.#end({ code, lastId: 0, message });
  }

  /** Ends a session that has no server yet. */
  refuse(code: SessionErrorCode, message: string): void {
    this.#end({ code, lastId: 0, message });
  }

  /** Sends GOAWAY to the client, with the last id that was relayed. */
  #end(goaway: Goaway): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialling.abort();
    const { lastId, toldId } = this.#calls;
    this.#client.goAway({ ...goaway, lastId: Math.min(lastId, toldId) });
    this.#client.closeWrite();
    const server = this.#server;
    this.#after(2 * LINGER_TIME, () => this.abort());
    if (server === undefined) return;
    const back = this.#callsBack;
    server.goAway({
      code: "closed",
      lastId: Math.min(back.lastId, back.toldId),
      message: goaway.message,
    });
    server.closeWrite();
  }

  /** Closes both connections at once. */
  abort(): void {
    this.#over = true;
    this.#dialling.abort();
    this.#client.abort();
    this.#server?.abort();
  }

  #after(ms: number, run: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(run, ms);
    this.#timers.add(timer);
    return timer;
  }
}

function noteGoaway(frame: Uint8Array, others: Begun): void {
  try {
    others.told(decodeGoaway(frame).lastId);
  } catch (error) {
    // Its receiver closes the session.
    if (!(error instanceof MalformedError)) throw error;
  }
}
