/**
 * Routes the frames of an open session to its parts. Routing, cancellation,
 * credit and limits work without decoding a body.
 *
 * @module
 */
import type { OutgoingCalls } from "./calls/outgoing_calls.ts";
import type { PeerCalls } from "./calls/peer_calls.ts";
import { decodeGoaway, type Goaway } from "./wire/goaway.ts";
import type { SharedState } from "./flow/shared_state.ts";
import { MalformedError } from "./wire/malformed_error.ts";
import type { Ping } from "./control/ping.ts";
import type { CredentialRefresh } from "./control/credential_refresh.ts";
import { MAX_CREDIT, totalOf } from "./flow/credit.ts";
import {
  Flag,
  FRAME_CHARGE,
  HEADER,
  Kind,
  readId,
} from "./wire/frame_header.ts";

/** The parts of a session that handle frames. */
export interface FrameReceivers {
  /** Receiver of frames for calls that this side made. */
  readonly outgoing: OutgoingCalls;
  /** Receiver of frames for calls that the peer made. */
  readonly incoming: PeerCalls;
  /** Receiver of PING and PONG. */
  readonly ping: Ping;
  /** Receiver of AUTH. */
  readonly credentialRefresh: CredentialRefresh;
  /** Called when a PONG for the PINGs up to `number` has arrived. */
  onPong(number: number): void;
  /**
   * Handles an ACK; returns `false` if sessions are not resumed.
   *
   * @throws {MalformedError}
   */
  onAck(frame: Uint8Array): boolean;
  /** Called when the peer sends GOAWAY. */
  onGoaway(goaway: Required<Goaway>): void;
}

/** Router of frames to the parts that handle them. */
export class FrameDispatcher {
  readonly #shared: SharedState;
  /** `id % 2` of the calls that this side makes: 1 for a client, 0 for a server. */
  readonly #ownParity: number;
  readonly #receivers: FrameReceivers;

  /**
   * @param shared state that the session's parts share
   * @param isClient whether this side is the client
   * @param receivers the parts that handle frames
   */
  constructor(
    shared: SharedState,
    isClient: boolean,
    receivers: FrameReceivers,
  ) {
    this.#shared = shared;
    this.#ownParity = isClient ? 1 : 0;
    this.#receivers = receivers;
  }

  /** @throws {MalformedError} if the frame is too short to have a header */
  checkLength(frame: Uint8Array): void {
    if (frame.length < HEADER) {
      throw new MalformedError(
        `a frame of ${frame.length} bytes is too short; the header alone takes ${HEADER}`,
      );
    }
  }

  /** Handles one frame. @throws {MalformedError} */
  receive(frame: Uint8Array): void {
    this.checkLength(frame);
    const { maxFrameBody } = this.#shared.limits;
    if (frame.length - HEADER > maxFrameBody) {
      return this.#shared.fail(
        "too-large",
        `a frame body has ${
          frame.length - HEADER
        } bytes; at most ${maxFrameBody} are accepted (limit maxFrameBody)`,
      );
    }
    const kind = frame[0]!; // in range: frames have a header
    const id = readId(frame);
    switch (kind) {
      case Kind.REQUEST:
      case Kind.NOTIFY:
        return this.#receivers.incoming.receive(kind, id, frame);
      case Kind.RESULT:
      case Kind.ERROR:
        this.#requireSender(kind, id, true);
        return this.#receivers.outgoing.receiveReply(kind, id, frame);
      case Kind.ITEM:
        return this.#receiveItem(id, frame);
      case Kind.CREDIT:
        return this.#receiveCredit(id, frame);
      case Kind.END:
        this.#requireSender(kind, id, false);
        return this.#receivers.incoming.receiveEnd(id);
      case Kind.CANCEL:
        this.#requireSender(kind, id, false);
        return this.#receivers.incoming.receiveCancel(id, frame);
      default:
        return this.#receiveSessionFrame(kind, id, frame);
    }
  }

  #receiveSessionFrame(kind: number, id: number, frame: Uint8Array): void {
    switch (kind) {
      case Kind.WINDOW:
        return this.#receiveWindow(id, frame);
      case Kind.PING:
        return this.#receivers.ping.receivePing(frame);
      case Kind.PONG:
        return this.#receivers.onPong(this.#receivers.ping.receivePong(frame));
      case Kind.GOAWAY:
        return this.#receivers.onGoaway(decodeGoaway(frame));
      case Kind.AUTH:
        return this.#receivers.credentialRefresh.receive(id, frame);
      case Kind.ACK:
        if (this.#receivers.onAck(frame)) return;
        break; // an unknown kind
      case Kind.HELLO:
        throw new MalformedError("HELLO was received twice");
    }
    if ((frame[1]! & Flag.IGNORABLE) === 0) { // in range: frames have a header
      throw new MalformedError(`unknown frame kind ${kind}`);
    }
    this.#shared.stats.ignoredFrames++;
  }

  /** Handles a frame that concerns no call; drops any other. @throws {MalformedError} */
  receiveForSession(frame: Uint8Array): void {
    const kind = frame[0]!; // in range: the length was checked
    if (kind >= Kind.REQUEST) this.#shared.stats.lateFrames++;
    else this.#receiveSessionFrame(kind, readId(frame), frame);
  }

  #callsOf(id: number): OutgoingCalls | PeerCalls {
    return id % 2 === this.#ownParity
      ? this.#receivers.outgoing
      : this.#receivers.incoming;
  }

  /** Checks the sender: the caller sends END and CANCEL, the callee replies. */
  #requireSender(kind: number, id: number, fromCallee: boolean): void {
    if ((id % 2 === this.#ownParity) === fromCallee) return;
    throw new MalformedError(
      `only the ${
        fromCallee ? "callee" : "caller"
      } of call ${id} may send a frame of kind ${kind}`,
    );
  }

  /** Charges all items, even late ones: their sender has charged them. */
  #receiveItem(id: number, frame: Uint8Array): void {
    if (
      this.#shared.items.credit.charge(frame.length - HEADER + FRAME_CHARGE)
    ) {
      return this.#callsOf(id).receiveItem(id, frame);
    }
    this.#shared.fail(
      "flow-control",
      "an item was sent without credit for the items of all calls",
    );
  }

  #receiveCredit(id: number, frame: Uint8Array): void {
    const total = totalOf(frame);
    if (total !== undefined) this.#callsOf(id).receiveCredit(id, total);
    else this.#failTotal("CREDIT", id);
  }

  #receiveWindow(account: number, frame: Uint8Array): void {
    const total = totalOf(frame);
    if (total === undefined) return this.#failTotal("WINDOW", account);
    if (this.#receivers.outgoing.receiveWindow(account, total)) return;
    this.#shared.fail(
      "flow-control",
      `a WINDOW frame grants ${total} bytes in total to account ${account}: its credit would exceed ${MAX_CREDIT}`,
    );
  }

  #failTotal(kind: string, id: number): void {
    this.#shared.fail(
      "flow-control",
      `a ${kind} frame with id ${id} is not valid; expected 8 bytes with a total below 2^53`,
    );
  }
}
