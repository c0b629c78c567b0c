/**
 * Reads REQUEST and NOTIFY frames: checks that ids increase, reassembles the
 * messages, and keeps the accounts that the frames are charged to. The frames of
 * different REQUESTs may alternate; those of a NOTIFY are contiguous among the
 * NOTIFY frames.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { overloaded } from "../../errors/overload_cause.ts";
import { Reassembly, type ReassemblyFault } from "../flow/reassembly.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { Account, ConnectionCredit } from "../flow/credit.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";

/** Receiver of complete messages. */
export interface RequestSink {
  /**
   * Called with a complete REQUEST, which begins at offset `at`; the bytes are
   * valid during this callback.
   */
  receiveRequest(id: number, bytes: Uint8Array, at: number): void;
  /** Like {@linkcode RequestSink.receiveRequest}, for a complete NOTIFY. */
  receiveNotification(bytes: Uint8Array, at: number): void;
  /** Called with the id of a REQUEST that exceeds a limit. */
  refuseRequest(id: number, error: CallError): void;
}

/** Reader of a session's requests and notifications. */
export class RequestReader {
  /** Highest id of a REQUEST so far. */
  lastId: number;
  /** Account of the REQUEST frames. */
  readonly requestCredit: ConnectionCredit;
  /** Account of the NOTIFY frames. */
  readonly notifyCredit: ConnectionCredit;
  /** Incomplete REQUESTs by id. */
  readonly #requests: Map<number, Reassembly> = new Map();
  /**
   * Ids of incomplete REQUESTs that were refused. More of their frames may
   * arrive. The oldest are forgotten beyond `maxCalls`: by then the caller has
   * received their ERRORs, because each of them occupied one of its slots.
   */
  readonly #abandoned: Set<number> = new Set();
  /** The incomplete NOTIFY; `"abandoned"` if its remaining frames are dropped. */
  #notification: Reassembly | "abandoned" | undefined = undefined;
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
    const { writer, limits } = shared;
    this.requestCredit = new ConnectionCredit(
      writer,
      Account.REQUESTS,
      limits.connectionWindow,
    );
    this.notifyCredit = new ConnectionCredit(
      writer,
      Account.NOTIFICATIONS,
      limits.notifyWindow,
    );
  }

  /** Handles a REQUEST or NOTIFY frame. */
  receive(kind: number, id: number, frame: Uint8Array): void {
    const request = kind === Kind.REQUEST;
    const credit = request ? this.requestCredit : this.notifyCredit;
    const charge = frame.length - HEADER + FRAME_CHARGE;
    if (!credit.charge(charge)) {
      return this.#shared.fail(
        "flow-control",
        `a ${request ? "REQUEST" : "NOTIFY"} was sent without credit`,
      );
    }
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    if (request) this.#receiveRequest(id, frame, more);
    else this.#receiveNotification(id, frame, more);
    // The message was handled or refused, or the limits on reassembly apply.
    credit.release(charge);
    // Requests that wait withhold credit. A message that has begun must not wait
    // for them: its sender counts it as unfinished, and sends no large replies.
    const begun = request ? this.#requests.size > 0 : this.#notification;
    if (begun) credit.allowFrame();
  }

  #receiveRequest(id: number, frame: Uint8Array, more: boolean): void {
    const partial = this.#requests.get(id);
    if (partial !== undefined) return this.#addPart(id, partial, frame, more);
    if (this.#abandoned.has(id)) {
      if (!more) this.#abandoned.delete(id);
      return;
    }
    if (id % 2 !== this.#parity || id <= this.lastId) {
      return this.#shared.fail(
        "protocol",
        `call id ${id} is not valid after ${this.lastId}; expected a higher ${
          this.#parity === 1 ? "odd" : "even"
        } number`,
      );
    }
    this.lastId = id;
    if (!more) return this.#deliver(id, frame, HEADER);
    const reassembly = this.#begin((reason) => {
      const message = `the request is incomplete: ${reason}`;
      this.#refuse(id, new CallError(message, { code: "deadline" }));
    });
    const { limits } = this.#shared;
    this.#requests.set(id, reassembly);
    // Each costs about 4 KiB, however short. A caller that counts its calls in
    // flight has no more than this.
    if (this.#requests.size > limits.maxCalls) {
      const message = `more than ${limits.maxCalls} requests are incomplete`;
      return this.#refuse(id, overloaded(message, "maxCalls"));
    }
    this.#addPart(id, reassembly, frame, more);
  }

  #begin(expired: (reason: string) => void): Reassembly {
    const { reassemblyBudget } = this.#shared;
    const reassembly = new Reassembly(this.#shared, reassemblyBudget, expired);
    reassembly.startTimer();
    return reassembly;
  }

  #addPart(
    id: number,
    partial: Reassembly,
    frame: Uint8Array,
    more: boolean,
  ): void {
    const fault = partial.add(frame.subarray(HEADER)) ?? partial.claim();
    if (fault !== undefined) {
      this.#refuse(id, faultError(this.#shared, fault));
      if (!more) this.#abandoned.delete(id);
    } else if (!more) {
      this.#requests.delete(id);
      this.#deliver(id, partial.finish(), 0);
    }
  }

  #deliver(id: number, bytes: Uint8Array, at: number): void {
    if (bytes.length < at + 2) this.#failTooShort();
    else this.#sink.receiveRequest(id, bytes, at);
  }

  #failTooShort(): void {
    this.#shared.fail(
      "protocol",
      "a REQUEST or NOTIFY is too short for a method number",
    );
  }

  #refuse(id: number, error: CallError): void {
    this.abandon(id);
    this.#sink.refuseRequest(id, error);
  }

  #receiveNotification(id: number, frame: Uint8Array, more: boolean): void {
    if (id !== 0) {
      return this.#shared.fail(
        "protocol",
        `NOTIFY has id ${id}; expected 0`,
      );
    }
    const partial = this.#notification;
    if (partial === "abandoned") {
      if (!more) this.#notification = undefined;
    } else if (partial !== undefined || more) {
      const begun = partial ?? this.#newNotification();
      this.#addNotificationPart(begun, frame, more);
    } else this.#deliverNotification(frame, HEADER);
  }

  #newNotification(): Reassembly {
    const reassembly = this.#begin(() => this.#abandonNotification(reassembly));
    return this.#notification = reassembly;
  }

  #addNotificationPart(
    partial: Reassembly,
    frame: Uint8Array,
    more: boolean,
  ): void {
    const fault = partial.add(frame.subarray(HEADER)) ?? partial.claim();
    if (fault !== undefined) {
      this.#abandonNotification(partial);
      if (!more) this.#notification = undefined;
    } else if (!more) {
      this.#notification = undefined;
      this.#deliverNotification(partial.finish(), 0);
    }
  }

  #abandonNotification(partial: Reassembly): void {
    this.#shared.stats.malformedCalls++;
    partial.drop();
    this.#notification = "abandoned";
  }

  #deliverNotification(bytes: Uint8Array, at: number): void {
    if (bytes.length < at + 2) this.#failTooShort();
    else this.#sink.receiveNotification(bytes, at);
  }

  /** Returns whether more frames of this REQUEST are expected. */
  holds(id: number): boolean {
    return this.#requests.has(id);
  }

  /** Drops an incomplete REQUEST; its remaining frames will be dropped. */
  abandon(id: number): void {
    const partial = this.#requests.get(id);
    if (partial === undefined) return;
    this.#requests.delete(id);
    partial.drop();
    this.#abandoned.add(id);
    if (this.#abandoned.size <= this.#shared.limits.maxCalls) return;
    for (const oldest of this.#abandoned) {
      this.#abandoned.delete(oldest);
      return;
    }
  }

  /** Number of REQUESTs of which more frames are expected. */
  get incomplete(): number {
    return this.#requests.size;
  }

  /** Refuses the incomplete REQUESTs; their remaining frames will be dropped. */
  refuseIncomplete(error: CallError): void {
    for (const id of [...this.#requests.keys()]) this.#refuse(id, error);
  }

  /** Drops all unfinished messages when the session ends. */
  drop(): void {
    for (const id of [...this.#requests.keys()]) this.abandon(id);
    const notification = this.#notification;
    if (notification instanceof Reassembly) notification.drop();
    this.#notification = undefined;
  }
}

function faultError(
  { limits }: SharedState,
  fault: ReassemblyFault,
): CallError {
  return fault === "over-budget"
    ? overloaded(
      `unfinished messages exceed ${limits.maxAssembly} bytes`,
      "maxAssembly",
    )
    : new CallError(
      fault === "too-large"
        ? `the request exceeds ${limits.maxMessage} bytes`
        : `the request has more than ${limits.maxFragments} frames`,
      { code: "too-large" },
    );
}
