/**
 * Reads REQUEST and NOTIFY frames: checks that ids increase, reassembles one
 * message at a time, and accounts for the credit that the frames cost.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { Reassembly, type ReassemblyFault } from "../flow/reassembly.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { writeU32 } from "../flow/credit.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";

/** Receiver of complete messages. */
export interface RequestSink {
  /** Called with a complete REQUEST; the bytes are valid during this callback. */
  receiveRequest(id: number, body: Uint8Array): void;
  /** Called with a complete NOTIFY; the bytes are valid during this callback. */
  receiveNotification(body: Uint8Array): void;
  /** Called with the id of a REQUEST that exceeds a limit. */
  refuseRequest(id: number, error: CallError): void;
}

/**
 * A message of which more frames are expected. If `reassembly` is `undefined`,
 * those frames are dropped.
 */
interface PartialMessage {
  readonly kind: number;
  readonly id: number;
  reassembly: Reassembly | undefined;
}

/** Reader of a session's requests and notifications. */
export class RequestReader {
  /** Highest id of a REQUEST so far. */
  lastId: number;
  #credit: number;
  #owed = 0;
  #partial: PartialMessage | undefined = undefined;
  readonly #shared: SharedState;
  readonly #sink: RequestSink;
  readonly #parity: number;

  /**
   * @param shared state that the session's parts share
   * @param firstId the peer's first id
   * @param sink receives complete messages
   */
  constructor(shared: SharedState, firstId: number, sink: RequestSink) {
    this.#shared = shared;
    this.#sink = sink;
    this.#parity = firstId % 2;
    this.lastId = firstId - 2;
    this.#credit = shared.limits.connectionWindow;
  }

  /** The peer's remaining credit. */
  get credit(): number {
    return this.#credit;
  }

  /** Credit that the next WINDOW will return. */
  get owed(): number {
    return this.#owed;
  }

  /** Handles a REQUEST or NOTIFY frame. */
  receive(kind: number, id: number, frame: Uint8Array): void {
    if (this.#credit <= 0) {
      return this.#shared.fail(
        "flow-control",
        "a REQUEST or NOTIFY was sent without credit",
      );
    }
    const charge = frame.length - HEADER + FRAME_CHARGE;
    this.#credit -= charge;
    if (!this.#checkOrder(kind, id)) return;
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    const body = frame.subarray(HEADER);
    if (this.#partial !== undefined) {
      this.#receivePart(this.#partial, body, more);
    } else if (more) this.#receivePart(this.#begin(kind, id), body, more);
    else this.#deliver(kind, id, body);
    this.#returnCredit(charge);
  }

  /**
   * Checks the order of frames. Ids must increase, and no message may start
   * between the frames of another message, unless the receiver has given up on
   * the latter.
   */
  #checkOrder(kind: number, id: number): boolean {
    const partial = this.#partial;
    if (partial !== undefined) {
      if (partial.kind === kind && partial.id === id) return true;
      if (partial.reassembly !== undefined) {
        this.#shared.fail(
          "protocol",
          `a message started before message ${partial.id} was complete`,
        );
        return false;
      }
      this.#partial = undefined;
    }
    if (kind === Kind.NOTIFY ? id === 0 : this.#advanceTo(id)) return true;
    this.#shared.fail(
      "protocol",
      kind === Kind.NOTIFY
        ? `NOTIFY has id ${id}; expected 0`
        : `call id ${id} is not valid after ${this.lastId}; expected a higher ${
          this.#parity === 1 ? "odd" : "even"
        } number`,
    );
    return false;
  }

  #advanceTo(id: number): boolean {
    if (id % 2 !== this.#parity || id <= this.lastId) return false;
    this.lastId = id;
    return true;
  }

  #begin(kind: number, id: number): PartialMessage {
    const { reassemblyBudget, limits, timerWheel, now } = this.#shared;
    const partial: PartialMessage = { kind, id, reassembly: undefined };
    const reassembly = new Reassembly(
      reassemblyBudget,
      limits,
      () => this.#timedOut(partial),
    );
    partial.reassembly = reassembly;
    timerWheel.add(reassembly, now + limits.assemblyTimeout);
    return this.#partial = partial;
  }

  #receivePart(partial: PartialMessage, body: Uint8Array, more: boolean): void {
    if (!more) this.#partial = undefined;
    const { kind, id, reassembly } = partial;
    if (reassembly === undefined) return;
    const fault = reassembly.add(body) ?? reassembly.claim();
    if (fault !== undefined) {
      return this.#giveUp(partial, faultError(this.#shared, fault));
    }
    if (more) return;
    this.#shared.timerWheel.remove(reassembly);
    this.#deliver(kind, id, reassembly.finish());
  }

  #deliver(kind: number, id: number, body: Uint8Array): void {
    if (body.length < 2) {
      this.#shared.fail(
        "protocol",
        "a REQUEST or NOTIFY is too short for a method number",
      );
    } else if (kind === Kind.NOTIFY) this.#sink.receiveNotification(body);
    else this.#sink.receiveRequest(id, body);
  }

  #timedOut(partial: PartialMessage): void {
    const { assemblyTimeout } = this.#shared.limits;
    const message =
      `the request was still incomplete after ${assemblyTimeout} ms`;
    this.#giveUp(partial, new CallError(message, { code: "deadline" }));
  }

  /** Refuses or drops a message; its remaining frames will be dropped. */
  #giveUp(partial: PartialMessage, error: CallError): void {
    this.#discard(partial);
    if (partial.kind === Kind.NOTIFY) this.#shared.stats.malformedCalls++;
    else this.#sink.refuseRequest(partial.id, error);
  }

  #discard(partial: PartialMessage): void {
    if (partial.reassembly === undefined) return;
    this.#shared.timerWheel.remove(partial.reassembly);
    partial.reassembly.drop();
    partial.reassembly = undefined;
  }

  /** Returns whether more frames of this REQUEST are expected. */
  holds(id: number): boolean {
    const partial = this.#partial;
    return partial?.kind === Kind.REQUEST && partial.id === id &&
      partial.reassembly !== undefined;
  }

  /** Number of REQUESTs of which more frames are expected. */
  get incomplete(): number {
    const { kind, reassembly } = this.#partial ?? {};
    return kind === Kind.REQUEST && reassembly !== undefined ? 1 : 0;
  }

  /** Refuses the incomplete REQUESTs; their remaining frames will be dropped. */
  refuseIncomplete(error: CallError): void {
    if (this.incomplete > 0) this.#giveUp(this.#partial!, error); // incomplete
  }

  /** Drops the unfinished message; its remaining frames will be dropped. */
  drop(): void {
    if (this.#partial !== undefined) this.#discard(this.#partial);
  }

  /**
   * Returns credit for a frame. By now the message has been handled or refused,
   * or other limits apply to it. Sends WINDOW only once a quarter of the
   * connection's window is owed.
   */
  #returnCredit(charge: number): void {
    this.#owed += charge;
    if (this.#owed * 4 < this.#shared.limits.connectionWindow) return;
    writeU32(this.#shared, Kind.WINDOW, 0, this.#owed);
    this.#credit += this.#owed;
    this.#owed = 0;
  }
}

function faultError(
  { limits }: SharedState,
  fault: ReassemblyFault,
): CallError {
  return fault === "over-budget"
    ? new CallError(
      `unfinished messages exceed ${limits.maxAssembly} bytes`,
      { code: "overloaded", retry: "later" },
    )
    : new CallError(
      fault === "too-large"
        ? `the request exceeds ${limits.maxMessage} bytes`
        : `the request has more than ${limits.maxFragments} frames`,
      { code: "too-large" },
    );
}
