/**
 * REQUEST and NOTIFY frames: ids that rise, messages that come whole or in
 * parts, one at a time, and the credit that they cost.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { Reassembly, type ReassemblyFault } from "../flow/reassembly.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { writeU32 } from "../flow/stream_items.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";

/** Takes what was read. */
export interface RequestSink {
  /** A whole REQUEST; the bytes are valid during the call. */
  request(id: number, body: Uint8Array): void;
  /** A whole NOTIFY; the bytes are valid during the call. */
  notify(body: Uint8Array): void;
  /** A REQUEST that breaks a limit. */
  refused(id: number, error: CallError): void;
}

/** A message whose frames are still coming. Without a reassembly they are thrown away. */
interface Partial {
  readonly kind: number;
  readonly id: number;
  reassembly: Reassembly | undefined;
}

/** Reads the requests of a connection. */
export class RequestReader {
  /** Highest id seen. */
  lastId: number;
  #credit: number;
  #owed = 0;
  #partial: Partial | undefined = undefined;
  readonly #shared: SharedState;
  readonly #sink: RequestSink;
  readonly #parity: number;

  /**
   * @param link shared by the session's parts
   * @param firstId the peer's first id
   * @param sink takes what was read
   */
  constructor(shared: SharedState, firstId: number, sink: RequestSink) {
    this.#shared = shared;
    this.#sink = sink;
    this.#parity = firstId % 2;
    this.lastId = firstId - 2;
    this.#credit = shared.limits.connectionWindow;
  }

  /** Credit that the peer has. */
  get credit(): number {
    return this.#credit;
  }

  /** What it will get back with the next WINDOW. */
  get owed(): number {
    return this.#owed;
  }

  /** Takes a frame. */
  receive(kind: number, id: number, frame: Uint8Array): void {
    if (this.#credit <= 0) {
      return this.#shared.fail(
        "flow-control",
        "a request came without credit for it",
      );
    }
    const charge = frame.length - HEADER + FRAME_CHARGE;
    this.#credit -= charge;
    if (!this.#inOrder(kind, id)) return;
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    const body = frame.subarray(HEADER);
    if (this.#partial !== undefined) this.#part(this.#partial, body, more);
    else if (more) this.#part(this.#begin(kind, id), body, more);
    else this.#whole(kind, id, body);
    this.#return(charge);
  }

  /** Ids rise; the frames of one message stand together, unless the message was given up. */
  #inOrder(kind: number, id: number): boolean {
    const partial = this.#partial;
    if (partial !== undefined) {
      if (partial.kind === kind && partial.id === id) return true;
      if (partial.reassembly !== undefined) {
        this.#shared.fail(
          "protocol",
          `message ${partial.id} was not whole when the next one began`,
        );
        return false;
      }
      this.#partial = undefined;
    }
    if (kind === Kind.NOTIFY ? id === 0 : this.#rises(id)) return true;
    this.#shared.fail(
      "protocol",
      kind === Kind.NOTIFY
        ? `a notification has id ${id}; it must be 0`
        : `call ${id} came after ${this.lastId}; ids must rise, odd from the side that dialled, even from the other`,
    );
    return false;
  }

  #rises(id: number): boolean {
    if (id % 2 !== this.#parity || id <= this.lastId) return false;
    this.lastId = id;
    return true;
  }

  #begin(kind: number, id: number): Partial {
    const { budget, limits, wheel, now } = this.#shared;
    const partial: Partial = { kind, id, reassembly: undefined };
    const reassembly = new Reassembly(
      budget,
      limits,
      () => this.#late(partial),
    );
    partial.reassembly = reassembly;
    wheel.add(reassembly, now + limits.assemblyTimeout);
    return this.#partial = partial;
  }

  #part(partial: Partial, body: Uint8Array, more: boolean): void {
    if (!more) this.#partial = undefined;
    const { kind, id, reassembly } = partial;
    if (reassembly === undefined) return;
    const fault = reassembly.add(body) ?? reassembly.claim();
    if (fault !== undefined) {
      return this.#giveUp(partial, faultError(this.#shared, fault));
    }
    if (more) return;
    this.#shared.wheel.remove(reassembly);
    this.#whole(kind, id, reassembly.finish());
  }

  #whole(kind: number, id: number, body: Uint8Array): void {
    if (body.length < 2) {
      this.#shared.fail("protocol", "a request ends before its method");
    } else if (kind === Kind.NOTIFY) this.#sink.notify(body);
    else this.#sink.request(id, body);
  }

  #late(partial: Partial): void {
    const { assemblyTimeout } = this.#shared.limits;
    const message = `the request was not whole after ${assemblyTimeout} ms`;
    this.#giveUp(partial, new CallError("deadline", message));
  }

  /** What still comes of it is thrown away. */
  #giveUp(partial: Partial, error: CallError): void {
    this.#forget(partial);
    if (partial.kind === Kind.NOTIFY) this.#shared.stats.malformedCalls++;
    else this.#sink.refused(partial.id, error);
  }

  #forget(partial: Partial): void {
    if (partial.reassembly === undefined) return;
    this.#shared.wheel.remove(partial.reassembly);
    partial.reassembly.drop();
    partial.reassembly = undefined;
  }

  /** Whether this is the request whose frames are still coming. */
  holds(id: number): boolean {
    const partial = this.#partial;
    return partial?.kind === Kind.REQUEST && partial.id === id &&
      partial.reassembly !== undefined;
  }

  /** Forgets what is unfinished; what still comes of it is thrown away. */
  drop(): void {
    if (this.#partial !== undefined) this.#forget(this.#partial);
  }

  /**
   * Gives credit back: for a whole request, whose handler has been entered by
   * now, and for a part, which the bounds on unfinished messages cover. In
   * portions that are worth a frame.
   */
  #return(charge: number): void {
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
      "overloaded",
      `more than ${limits.maxAssembly} bytes of messages are unfinished`,
      { retry: "later" },
    )
    : new CallError(
      "too-large",
      `the request is ${fault}: at most ${limits.maxMessage} bytes are accepted`,
    );
}
