/**
 * Which part of an open session takes which frame. Routing, cancelling, credit
 * and limits never look into a body.
 *
 * @module
 */
import type { IncomingCalls } from "./calls/incoming_calls.ts";
import type { OutgoingCalls } from "./calls/outgoing_calls.ts";
import { decodeGoaway, type Goaway } from "./wire/goaway.ts";
import type { SharedState } from "./flow/shared_state.ts";
import { MalformedError } from "./wire/malformed_error.ts";
import type { Ping } from "./control/ping.ts";
import type { CredentialRefresh } from "./control/credential_refresh.ts";
import { creditOf, MAX_CREDIT } from "./flow/stream_items.ts";
import { Flag, HEADER, Kind, readId } from "./wire/frame_header.ts";

/** What takes frames. */
export interface FrameReceivers {
  /** Our calls. */
  readonly caller: OutgoingCalls;
  /** The peer's calls. */
  readonly callee: IncomingCalls;
  /** PINGs. */
  readonly ping: Ping;
  /** Credentials. */
  readonly credentialRefresh: CredentialRefresh;
  /** A reply has been handled. */
  onReply(): void;
  /** PINGs up to that number have been answered. */
  onPong(number: number): void;
  /** There is credit again for requests and notifications. */
  onWindow(): void;
  /** The peer sends GOAWAY. */
  onGoodbye(goaway: Goaway): void;
}

/** Hands frames to what takes them. */
export class Dispatcher {
  readonly #shared: SharedState;
  /** Remainder of the ids of our calls: odd ones are the client's. */
  readonly #ours: number;
  readonly #to: FrameReceivers;

  /**
   * @param link shared by the session's parts
   * @param dials whether this side dialled
   * @param to what takes frames
   */
  constructor(shared: SharedState, dials: boolean, to: FrameReceivers) {
    this.#shared = shared;
    this.#ours = dials ? 1 : 0;
    this.#to = to;
  }

  /** @throws {MalformedError} for a frame that is too short or too long for any kind */
  checkLength(frame: Uint8Array): void {
    if (frame.length < HEADER) {
      throw new MalformedError(
        `a frame of ${frame.length} bytes has no header`,
      );
    }
  }

  /** Takes a frame. @throws {MalformedError} */
  receive(frame: Uint8Array): void {
    this.checkLength(frame);
    const { maxFrameBody } = this.#shared.limits;
    if (frame.length - HEADER > maxFrameBody) {
      return this.#shared.fail(
        "too-large",
        `a frame has ${
          frame.length - HEADER
        } bytes behind its header, at most ${maxFrameBody} are accepted`,
      );
    }
    const kind = frame[0]!; // in range: frames have a header
    const id = readId(frame);
    switch (kind) {
      case Kind.REQUEST:
      case Kind.NOTIFY:
        return this.#to.callee.reader.receive(kind, id, frame);
      case Kind.RESULT:
      case Kind.ERROR:
        this.#requireOwner(kind, id, true);
        this.#to.caller.receiveReply(kind, id, frame);
        return this.#to.onReply();
      case Kind.ITEM:
        return this.#half(id).receiveItem(id, frame);
      case Kind.CREDIT:
        return this.#receiveCredit(id, frame);
      case Kind.END:
        this.#requireOwner(kind, id, false);
        return this.#to.callee.receiveEnd(id);
      case Kind.CANCEL:
        this.#requireOwner(kind, id, false);
        return this.#to.callee.receiveCancel(id, frame);
      default:
        return this.#receiveSessionFrame(kind, id, frame);
    }
  }

  #receiveSessionFrame(kind: number, id: number, frame: Uint8Array): void {
    switch (kind) {
      case Kind.WINDOW:
        return this.#receiveWindow(frame);
      case Kind.PING:
        return this.#to.ping.receivePing(frame);
      case Kind.PONG:
        return this.#to.onPong(this.#to.ping.receivePong(frame));
      case Kind.GOAWAY:
        return this.#to.onGoodbye(decodeGoaway(frame));
      case Kind.AUTH:
        return this.#to.credentialRefresh.receive(id, frame);
      case Kind.HELLO:
        throw new MalformedError("HELLO came a second time");
    }
    if ((frame[1]! & Flag.IGNORABLE) === 0) { // in range: frames have a header
      throw new MalformedError(`a frame is of the unknown kind ${kind}`);
    }
    this.#shared.stats.ignoredFrames++;
  }

  #half(id: number): OutgoingCalls | IncomingCalls {
    return id % 2 === this.#ours ? this.#to.caller : this.#to.callee;
  }

  /** Callers end and cancel, callees answer: never the other way round. */
  #requireOwner(kind: number, id: number, ours: boolean): void {
    if ((id % 2 === this.#ours) === ours) return;
    throw new MalformedError(
      `a frame of kind ${kind} came from the wrong side of call ${id}`,
    );
  }

  #receiveCredit(id: number, frame: Uint8Array): void {
    const amount = creditOf(frame);
    if (amount > 0) this.#half(id).receiveCredit(id, amount);
    else this.#shared.fail("flow-control", "a CREDIT frame grants nothing");
  }

  #receiveWindow(frame: Uint8Array): void {
    const amount = creditOf(frame);
    const { queue } = this.#to.caller;
    if (amount === 0 || queue.credit + amount > MAX_CREDIT) {
      return this.#shared.fail(
        "flow-control",
        `the connection was granted ${amount}`,
      );
    }
    queue.grant(amount);
    this.#to.onWindow();
  }
}
