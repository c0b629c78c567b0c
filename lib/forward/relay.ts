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
import {
  BUSY_PAUSE,
  type MemoryAccount,
  type MemoryBudget,
} from "../messages/connection/memory_budget.ts";
import type { SessionErrorCode } from "../messages/errors/call_error.ts";
import type { DrainOptions } from "../messages/session/control/drain.ts";
import { Feature } from "../messages/session/wire/features.ts";
import type { Goaway } from "../messages/session/wire/goaway.ts";
import { HEADER, Kind, putU64 } from "../messages/session/wire/frame_header.ts";
import type { Hello } from "../messages/session/wire/hello.ts";
import { toHex } from "../messages/support/hex.ts";
import { LINGER_TIME } from "../support/linger.ts";
import type { Connection } from "../transport/connection.ts";
import { hideClaims } from "./hidden_claims.ts";
import { RelayEnd } from "./relay_end.ts";
import { clientHello, serverHello } from "./relayed_hello.ts";
import {
  RelayedSession,
  type ResumableSessions,
  type SentFrames,
} from "./relayed_session.ts";
import type { Address, Reached } from "./server_addresses.ts";

/** Milliseconds for the PONG that follows a GOAWAY. */
const PROOF_TIME = 1_000;

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
    options: { readonly first?: Address; readonly signal: AbortSignal },
  ): Promise<Reached>;
  /** The sessions that can be resumed. */
  readonly resumable: ResumableSessions<Address>;
  /** The memory of all sessions. */
  readonly memory: MemoryBudget;
  /** Returns whether a relay may tell its client why it ends; few do at once. */
  mayTell(relay: Relay): boolean;
  /** Called with failures that concern no client. */
  report(error: unknown): void;
}

/** A relayed session. */
export class Relay {
  /** Resolves when both connections are closed. */
  readonly ended: Promise<void>;
  readonly #host: RelayHost;
  readonly #client: RelayEnd;
  #server: RelayEnd | undefined = undefined;
  /** The frames of both ends, also on earlier connections. */
  #session: RelayedSession<Address> = new RelayedSession();
  /** Aborted when the session is over before a server was reached. */
  readonly #dialling: AbortController = new AbortController();
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();
  readonly #account: MemoryAccount;
  /** Heap bytes of the client's HELLO, until it was relayed. */
  #heldByHello = 0;
  /** Whether the memory no longer counts, as little of it is left. */
  #released = false;
  readonly #cut = (): void => this.abort();
  /** The session that the client wants to resume, until the server's HELLO. */
  #resumes: Hello["resume"] = undefined;
  /** Whether the server's HELLO was relayed. */
  #isOpen = false;
  /** Whether PINGs have positions. */
  #resumable = false;
  /** Receivers of the PONGs of this gateway's own PINGs. */
  readonly #pongs: Map<string, () => void> = new Map();
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
      () => this.#charge(),
    );
    const account = this.#account = host.memory.open();
    const accepted = () => this.#isOpen;
    account.holder = {
      get accepted() {
        return accepted();
      },
      restrict: (restricted) => {
        this.#client.restrict(restricted);
        this.#server?.restrict(restricted);
      },
      evict: (message) => this.#evict(message),
    };
    // Later, as an eviction during the first read requires the promise.
    this.ended = Promise.resolve().then(() => this.#run())
      .catch((error) => host.report(error));
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
      const server = await this.#open();
      if (server !== undefined) await this.#relay(server);
    } finally {
      this.#over = true;
      for (const timer of this.#timers) clearTimeout(timer);
      await Promise.all([this.#client.dispose(), this.#server?.dispose()]);
      this.#leave();
    }
  }

  /**
   * Relays the client's HELLO.
   *
   * The session outlasts this function, and so does not keep the frame.
   *
   * @returns the server's end; `undefined` if the session is over
   */
  async #open(): Promise<RelayEnd | undefined> {
    const frame = await this.#greeting();
    if (frame === undefined) return undefined;
    this.#heldByHello = 2 * frame.length; // with the one that is relayed
    this.#charge();
    if (this.#over) return undefined;
    const { id, maxFrameBody, resumable } = this.#host;
    const knows = (token: Uint8Array) => resumable.find(token) !== undefined;
    const relayed = clientHello(frame, id, maxFrameBody, knows);
    if (!("hello" in relayed)) {
      this.refuse(relayed.code, relayed.message);
      return undefined;
    }
    await this.#connect(relayed.hello);
    this.#server?.write(relayed.frame);
    this.#heldByHello = 0;
    return this.#server;
  }

  /** Counts the heap bytes that the session holds. */
  #charge(): void {
    if (this.#released) return;
    const { client, server } = this.#session;
    this.#account.update(
      this.#heldByHello + this.#client.held + (this.#server?.held ?? 0) +
        client.held + server.held,
      0,
    );
  }

  #release(): void {
    if (this.#released) return;
    this.#account.update(0, 0);
    this.#released = true;
  }

  /** Ends the session as the gateway's memory is used up. */
  #evict(message: string): void {
    this.#release();
    if (this.#over || this.#client.unsent > 0 || !this.#host.mayTell(this)) {
      return this.abort(); // its client does not read, or many sessions end at once
    }
    this.#end({
      code: "refused-busy",
      retryAfter: BUSY_PAUSE,
      lastId: 0,
      message,
    });
  }

  /** Leaves the session for another connection. */
  #leave(): void {
    this.#release();
    this.#host.memory.close(this.#account);
    const session = this.#session;
    if (session.cut !== this.#cut) return; // it goes on, or cannot be resumed
    session.cut = () => {};
    this.#host.resumable.keep(session);
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
    const { resume } = hello;
    const { signal } = this.#dialling;
    try {
      const client = this.#client.connection;
      const first = resume && host.resumable.find(resume.token)?.address;
      const options = { signal, ...first !== undefined && { first } };
      const { connection, address } = await host.dial(hello, client, options);
      if (this.#over) return connection[Symbol.dispose]();
      this.#resumes = hello.resume;
      this.#session.address = address;
      const offered = (hello.features & Feature.RESUME) !== 0;
      this.#session.client.repeats = offered;
      this.#server = new RelayEnd(
        connection,
        host.server,
        () => this.#client.room(),
        () => this.#charge(),
      );
      this.#server.restrict(this.#account.restricted);
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
    if (this.#isOwnPong(frame)) return;
    const { client, server: back } = this.#session;
    if (client.count(frame) && !hideClaims(frame)) {
      return this.#violated(
        "too-large",
        "the fields of a message do not fit into its first frame, as the gateway requires",
      );
    }
    back.answered(frame);
    this.#noteEnd(frame);
    server.write(frame);
  }

  /** Forgets a session that a GOAWAY ends, as it is not resumed. */
  #noteEnd(frame: Uint8Array): void {
    if (frame[0] === Kind.GOAWAY) this.#host.resumable.forget(this.#session);
  }

  #fromServer(frame: Uint8Array): void {
    if (this.#over || frame.length < HEADER) return;
    if (this.#isOwnPong(frame)) return;
    if (frame[0] === Kind.HELLO) this.#onAccepted(frame);
    const { client, server } = this.#session;
    server.count(frame);
    client.answered(frame);
    this.#noteEnd(frame);
    this.#client.write(frame);
  }

  /** Reads the server's HELLO. */
  #onAccepted(frame: Uint8Array): void {
    this.#isOpen = true;
    const hello = serverHello(frame, this.#host.maxFrameBody);
    if (hello === undefined) return;
    this.#resume(hello);
    const { token } = hello;
    const session = this.#session;
    this.#resumable = token !== undefined;
    session.client.repeats = this.#resumable;
    session.cut = this.#cut;
    if (token !== undefined) this.#host.resumable.add(token.secret, session);
  }

  /** Takes over the session that the server resumes. */
  #resume({ resumed }: Hello): void {
    const resume = this.#resumes;
    this.#resumes = undefined;
    if (resumed === undefined || resume === undefined) return;
    const session = this.#host.resumable.find(resume.token);
    if (session === undefined) return; // it has ended meanwhile
    session.cut();
    this.#host.resumable.resume(session);
    session.client.position = resumed.received;
    session.server.position = resume.received;
    this.#session = session;
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
    // A client without the server's HELLO is refused.
    if (this.#server === undefined || !this.#isOpen) {
      return this.#end(this.#draining);
    }
    const { toldId } = this.#session.server;
    this.#server.goAway({ ...goaway, lastId: toldId });
    // The server stops notifications before the client has the next session, as
    // otherwise both sessions could bring the same ones.
    this.#whenRead(this.#server, this.#session.client, () => {
      this.#client.goAway({ ...goaway, lastId: this.#session.client.toldId });
      this.#whenRead(this.#client, this.#session.server, () => {
        this.#settled = true;
        this.#turnEnded();
      });
    });
    this.#after(grace ?? this.#host.grace, () => this.#close());
  }

  /** Calls a function when an end has read everything, or later. */
  #whenRead(end: RelayEnd, { position }: SentFrames, then: () => void): void {
    const ping = new Uint8Array(HEADER + (this.#resumable ? 16 : 8));
    ping[0] = Kind.PING;
    crypto.getRandomValues(ping.subarray(HEADER, HEADER + 8));
    if (this.#resumable) putU64(ping, HEADER + 8, position);
    const proof = toHex(ping.subarray(HEADER));
    const once = () => {
      if (this.#pongs.delete(proof) && !this.#over) then();
    };
    this.#pongs.set(proof, once);
    end.write(ping);
    this.#after(PROOF_TIME, once);
  }

  /** Handles a PONG that answers a PING of this gateway. */
  #isOwnPong(frame: Uint8Array): boolean {
    if (this.#pongs.size === 0 || frame[0] !== Kind.PONG) return false;
    const proved = this.#pongs.get(toHex(frame.subarray(HEADER)));
    proved?.();
    return proved !== undefined;
  }

  /** Ends a session that drains and has no calls. */
  #turnEnded(): void {
    const { size } = this.#session.client.open;
    if (this.#settled && size + this.#session.server.open.size === 0) {
      this.#close();
    }
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
    const { lastId, toldId } = this.#session.client;
    this.#client.goAway({ ...goaway, lastId: Math.min(lastId, toldId) });
    this.#client.closeWrite();
    const server = this.#server;
    this.#after(2 * LINGER_TIME, () => this.abort());
    if (server === undefined) return;
    const back = this.#session.server;
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
