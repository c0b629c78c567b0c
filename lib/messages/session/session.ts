/**
 * One end of a connection as a pure state machine: frames and commands in,
 * frames and events out. Time is an argument (ms, any origin);
 * {@linkcode Session.wakeAt} says when the session needs the next `tick`. It
 * never waits, never reads a clock, and throws only the errors that its
 * commands document. `session_state.ts` draws its states, `call_state.ts` the
 * states of a call.
 *
 * | kind of method | names |
 * | --- | --- |
 * | inputs | `receive`, `readSome`, `written`, `inputEnded`, `framingFailed`, `tick` |
 * | commands | `start`, `accept`, `refuse`, `call`, `notify`, `sendItem`, `endItems`, `cancel`, `takeItem`, `dropItems`, `respond`, `fail`, `refresh`, `drain`, `close` |
 * | outputs | frames to the sink, events to the host and the calls' observers, `wakeAt` |
 *
 * Read `wakeAt` after every input and every command.
 *
 * @module
 */
import type { CallerObserver, OutgoingCall } from "./calls/outgoing_calls.ts";
import type { IncomingCall } from "./calls/incoming_calls.ts";
import { SessionError } from "../errors/call_error.ts";
import { FrameDispatcher } from "./frame_dispatcher.ts";
import { HandshakeRefusal, MAX_EARLY_BYTES } from "./control/handshake.ts";
import type { Hello } from "./wire/hello.ts";
import { MalformedError, messageOf } from "./wire/malformed_error.ts";
import { servedMethods, unservedMethods } from "./control/method_matching.ts";
import { SessionCalls } from "./session_calls.ts";
import type { SessionConfig, SessionHost } from "./session_host.ts";
import { RECEPTION } from "./session_state.ts";
import { wakeBlocked } from "./flow/waiting_items.ts";
import { Kind } from "./wire/frame_header.ts";

/** One end of a connection. */
export class Session extends SessionCalls {
  /** The peer's HELLO; `undefined` until it arrives. */
  peer: Hello | undefined = undefined;
  readonly #dispatcher: FrameDispatcher;

  /** @param options its parts and limits */
  constructor(options: SessionConfig) {
    super(options);
    this.#dispatcher = new FrameDispatcher(
      this.shared,
      options.role === "client",
      {
        caller: this.caller,
        callee: this.callee,
        ping: this.ping,
        credentialRefresh: this.credentialRefresh,
        onReply: () => this.draining.finishIfIdle(),
        onPong: (number) => this.draining.onPong(number),
        onWindow: () => this.reportRoom(),
        onGoaway: (goaway) => this.receiveGoaway(goaway),
      },
    );
  }

  /** When {@linkcode Session.tick} must be called next. */
  get wakeAt(): number {
    if (this.state === "closed") return Infinity;
    const { timerWheel, now, writer } = this.shared;
    const wakeAt = Math.min(
      this.handshakeDeadline,
      this.draining.deadline,
      timerWheel.wakeAt,
    );
    if (this.state !== "open") return wakeAt;
    this.heartbeat.watch(now, writer.unsent);
    return Math.min(wakeAt, this.heartbeat.wakeAt);
  }

  // ── handshake ──────────────────────────────────────────────────────────

  /**
   * Sends HELLO (client only).
   *
   * @param credentials passed to the server's authentication; optional
   * @throws {CodecError} if the codec cannot encode the credentials
   * @throws {RangeError} if the HELLO exceeds the limit `maxHello`
   */
  start(credentials: unknown, now: number): void {
    this.shared.now = now;
    if (this.state !== "new") return;
    this.handshake.sendClientHello(credentials);
    this.on("start");
  }

  /** Handles a frame that must be HELLO. @throws {MalformedError} */
  #receiveHello(frame: Uint8Array): void {
    if (frame[0] !== Kind.HELLO) {
      throw new MalformedError(
        `the first frame has kind ${
          frame[0]
        }; expected HELLO (kind ${Kind.HELLO})`,
      );
    }
    const hello = this.handshake.receiveHello(frame);
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

  /**
   * Accepts the client (server only): sends HELLO, then handles the frames that
   * were kept during authentication.
   */
  accept(now: number): void {
    this.shared.now = now;
    const hello = this.peer;
    if (this.state !== "authenticating" || hello === undefined) return;
    try {
      this.handshake.sendServerHello(hello);
    } catch (error) {
      return this.abort("internal", messageOf(error));
    }
    this.on("accept");
    this.#open(hello);
    for (const { frame, receivedAt } of this.handshake.takeEarly()) {
      this.receive(frame, receivedAt);
    }
    this.shared.now = now;
  }

  /** Rejects the client with `unauthenticated` (server only). */
  refuse(message: string, now: number): void {
    this.shared.now = now;
    if (this.state === "authenticating") {
      this.abort("unauthenticated", message);
    }
  }

  #open(hello: Hello): void {
    this.handshakeDeadline = Infinity;
    this.heartbeat.read(this.shared.now);
    this.caller.applyPeerLimits(hello);
    this.options.host.onOpened(hello);
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /** Records that bytes were read, whether or not they complete a frame. */
  readSome(now: number): void {
    this.shared.now = now;
    this.heartbeat.read(now);
  }

  /** Handles one frame; its bytes are valid during this call only. */
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
      this.abort(
        "unsent",
        `${this.shared.writer.unsent} bytes were sent but not read (limit unsentHard, ${this.shared.limits.unsentHard})`,
      );
    }
  }

  /** @throws {MalformedError} */
  #receiveEarly(frame: Uint8Array): void {
    this.#dispatcher.checkLength(frame);
    switch (RECEPTION[this.state]) {
      case "hello-or-goaway":
        if (frame[0] === Kind.GOAWAY) return this.#dispatcher.receive(frame);
        return this.#receiveHello(frame);
      case "hello":
        return this.#receiveHello(frame);
      case "keep":
        if (this.handshake.keepEarly(frame)) return;
        return this.abort(
          "flow-control",
          `more than ${MAX_EARLY_BYTES} bytes were sent before authentication finished`,
        );
      case "refuse":
        throw new MalformedError("a frame arrived before this side sent HELLO");
    }
  }

  /** Sends waiting frames after the transport accepted bytes. */
  written(now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    const { writer } = this.shared;
    this.heartbeat.written(now, writer.unsent);
    this.callee.responses.drain();
    writer.drain();
    wakeBlocked(this.shared);
    this.reportRoom();
    this.draining.finishIfIdle();
  }

  /** Closes the session because the peer's bytes are not valid frames. */
  framingFailed(message: string, now: number): void {
    this.shared.now = now;
    this.abort("protocol", message);
  }

  /** Ends the session: the peer ended its stream, or the transport failed. */
  inputEnded(cause: unknown, now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    const expected = this.peerDrains || this.draining.stage !== "none";
    if (cause === undefined && expected && this.caller.calls.size === 0) {
      return this.finish(undefined);
    }
    const why = cause === undefined ? "the peer closed it" : messageOf(cause);
    const message = `The connection was lost: ${why}`;
    this.finish(new SessionError("disconnected", message, { cause }));
  }

  /** Handles every timeout that is due at `now`. */
  tick(now: number): void {
    this.shared.now = now;
    if (this.state === "closed") return;
    this.shared.timerWheel.advance(now);
    this.reportRoom();
    if (now >= this.draining.deadline) return this.draining.finish();
    const { limits, writer } = this.shared;
    if (now >= this.handshakeDeadline) {
      return this.abort(
        "timeout",
        `the handshake did not finish within ${limits.handshakeTimeout} ms`,
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
          `nothing was received, and ${limits.heartbeatMisses} PINGs went unanswered`,
        );
        break;
      case "stalled":
        this.abort(
          "unsent",
          `sent bytes were not read for ${limits.writeStall} ms (limit writeStall)`,
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
