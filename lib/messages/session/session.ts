/**
 * One side of a connection as a pure state machine: frames and commands in,
 * frames and events out. Time is an argument (ms, any origin), the next time
 * it wants to be called is {@linkcode Session.wakeAt}. It never waits, reads no
 * clock, and throws only what its commands document. Its states are drawn in
 * `session_state.ts`, those of a call in `call_state.ts`.
 *
 * | kind of method | names |
 * | --- | --- |
 * | inputs | `receive`, `readSome`, `written`, `inputEnded`, `framingFailed`, `tick` |
 * | commands | `start`, `accept`, `refuse`, `call`, `notify`, `sendItem`, `endItems`, `cancel`, `takeItem`, `dropItems`, `respond`, `fail`, `refresh`, `drain`, `close` |
 * | outputs | frames to the sink, events to the host and the calls' observers, `wakeAt` |
 *
 * After every input and command the caller looks at `wakeAt`.
 *
 * @module
 */
import type { CallerObserver, OutgoingCall } from "./calls/outgoing_calls.ts";
import type { IncomingCall } from "./calls/incoming_calls.ts";
import { SessionError } from "../errors/call_error.ts";
import { Dispatcher } from "./dispatcher.ts";
import { HandshakeRefusal } from "./control/handshake.ts";
import type { Hello } from "./wire/hello.ts";
import { MalformedError, messageOf } from "./wire/malformed_error.ts";
import { servedMethods, unservedMethods } from "./control/method_matching.ts";
import { SessionCalls } from "./session_calls.ts";
import type { SessionConfig, SessionHost } from "./session_host.ts";
import { RECEPTION } from "./session_state.ts";
import { wakeBlocked } from "./flow/stream_items.ts";
import { Kind } from "./wire/frame_header.ts";

/** One side of a connection. */
export class Session extends SessionCalls {
  /** What the peer said of itself, once it has. */
  peer: Hello | undefined = undefined;
  readonly #dispatcher: Dispatcher;

  /** @param options what it is made of */
  constructor(options: SessionConfig) {
    super(options);
    this.#dispatcher = new Dispatcher(this.shared, options.role === "client", {
      caller: this.caller,
      callee: this.callee,
      ping: this.ping,
      credentialRefresh: this.credentialRefresh,
      onReply: () => this.draining.check(),
      onPong: (number) => this.draining.answered(number),
      onWindow: () => this.offerRoom(),
      onGoodbye: (goaway) => this.peerLeaves(goaway),
    });
  }

  /** When {@linkcode Session.tick} is wanted. */
  get wakeAt(): number {
    if (this.state === "closed") return Infinity;
    const { wheel, now, writer } = this.shared;
    const wakeAt = Math.min(
      this.handshakeDeadline,
      this.draining.deadline,
      wheel.wakeAt,
    );
    if (this.state !== "open") return wakeAt;
    this.heartbeat.watch(now, writer.unsent);
    return Math.min(wakeAt, this.heartbeat.wakeAt);
  }

  // ── handshake ──────────────────────────────────────────────────────────

  /**
   * Sends HELLO (client).
   *
   * @param credentials what the server's authentication gets, if anything
   * @throws {CodecError} for credentials that have no encoding
   * @throws {RangeError} for a protocol that does not fit into a handshake
   */
  start(credentials: unknown, now: number): void {
    this.shared.now = now;
    if (this.state !== "new") return;
    this.handshake.greet(credentials);
    this.on("start");
  }

  /** Takes the frame that must be HELLO. @throws {MalformedError} */
  #receiveHello(frame: Uint8Array): void {
    if (frame[0] !== Kind.HELLO) {
      throw new MalformedError(
        `the first frame is of kind ${frame[0]}; it must be HELLO`,
      );
    }
    const hello = this.handshake.read(frame);
    if (hello instanceof HandshakeRefusal) {
      return this.abort(hello.code, hello.message);
    }
    const { methods } = this.options;
    this.peer = hello;
    this.callee.methods = servedMethods(hello.methods, methods);
    this.unserved = unservedMethods(hello, methods);
    this.on("hello");
    if (this.state === "open") this.#open(hello);
    else this.#authenticate(hello);
  }

  #authenticate(hello: Hello): void {
    let credentials: unknown;
    try {
      if (hello.auth !== undefined) credentials = this.codec.decode(hello.auth);
    } catch (error) {
      return this.abort(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    this.options.host.onAuthenticate(hello, credentials);
  }

  /** Lets the client in (server): HELLO goes out, what it sent meanwhile is handled. */
  accept(now: number): void {
    this.shared.now = now;
    const hello = this.peer;
    if (this.state !== "authenticating" || hello === undefined) return;
    try {
      this.handshake.answer(hello);
    } catch (error) {
      return this.abort("internal", messageOf(error));
    }
    this.on("accept");
    this.#open(hello);
    for (const { frame, cameAt } of this.handshake.takeEarly()) {
      this.receive(frame, cameAt);
    }
    this.shared.now = now;
  }

  /** Turns the client away (server). */
  refuse(message: string, now: number): void {
    this.shared.now = now;
    if (this.state === "authenticating") {
      this.abort("unauthenticated", message);
    }
  }

  #open(hello: Hello): void {
    this.handshakeDeadline = Infinity;
    this.heartbeat.read(this.shared.now);
    this.caller.raise(hello);
    this.options.host.onOpened(hello);
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /** Bytes were read, a whole frame or not. */
  readSome(now: number): void {
    this.shared.now = now;
    this.heartbeat.read(now);
  }

  /** Takes one frame; its bytes are valid during the call. */
  receive(frame: Uint8Array, now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    try {
      if (this.state === "open") this.#dispatcher.receive(frame);
      else this.#receiveEarly(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.abort("protocol", error.message);
    }
    if (this.shared.writer.unsent >= this.shared.limits.unsentHard) {
      this.abort("unsent", "the peer sends more than it reads");
    }
  }

  /** @throws {MalformedError} */
  #receiveEarly(frame: Uint8Array): void {
    this.#dispatcher.checkLength(frame);
    switch (RECEPTION[this.state]) {
      case "answer":
        if (frame[0] === Kind.GOAWAY) return this.#dispatcher.receive(frame);
        return this.#receiveHello(frame);
      case "hello":
        return this.#receiveHello(frame);
      case "keep":
        if (this.handshake.keep(frame)) return;
        return this.abort(
          "flow-control",
          "more was sent during authentication than the initial credit allows",
        );
      case "refuse":
        throw new MalformedError("a frame came before it was asked for");
    }
  }

  /** The transport took bytes: what waited for room may leave. */
  written(now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    const { writer } = this.shared;
    this.heartbeat.written(now, writer.unsent);
    this.callee.answers.drain();
    writer.drain();
    wakeBlocked(this.shared);
    this.offerRoom();
    this.draining.check();
  }

  /** The peer's bytes make no frames. */
  framingFailed(message: string, now: number): void {
    this.shared.now = now;
    this.abort("protocol", message);
  }

  /** The peer has ended its stream, or the transport has failed. */
  inputEnded(cause: unknown, now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    const expected = this.peerDrains || this.draining.stage !== "none";
    if (cause === undefined && expected && this.caller.calls.size === 0) {
      return this.finish(undefined);
    }
    const why = cause === undefined
      ? "the peer ended the connection"
      : messageOf(cause);
    const message = `The connection is gone: ${why}`;
    this.finish(new SessionError("disconnected", message, { cause }));
  }

  /** Time has passed. */
  tick(now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    this.shared.wheel.advance(now);
    this.offerRoom();
    if (now >= this.draining.deadline) return this.draining.finish();
    const { limits, writer } = this.shared;
    if (now >= this.handshakeDeadline) {
      return this.abort(
        "timeout",
        `the handshake took more than ${limits.handshakeTimeout} ms`,
      );
    }
    if (this.state !== "open") return;
    switch (this.heartbeat.check(now, writer.unsent)) {
      case "ping":
        this.ping.send();
        break;
      case "silent":
        this.abort(
          "timeout",
          `the peer was silent, and answered none of ${limits.heartbeatMisses} PINGs`,
        );
        break;
      case "stalled":
        this.abort(
          "unsent",
          `the peer took no byte for ${limits.writeStall} ms`,
        );
    }
  }
}

export type {
  CallerObserver,
  IncomingCall,
  OutgoingCall,
  SessionConfig,
  SessionHost,
};
