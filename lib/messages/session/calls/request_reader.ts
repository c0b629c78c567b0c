/**
 * REQUEST and NOTIFY frames: ids that rise, messages that come whole or in
 * parts, one at a time, and the credit that they cost.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { Assembly, type AssemblyFault } from "../flow/reassembly.ts";
import type { Link } from "../flow/shared_state.ts";
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

/** A message whose frames are still coming. Without an assembly they are thrown away. */
interface Partial {
  readonly kind: number;
  readonly id: number;
  assembly: Assembly | undefined;
}

/** Reads the requests of a connection. */
export class RequestReader {
  /** Highest id seen. */
  lastId: number;
  #credit: number;
  #owed = 0;
  #partial: Partial | undefined = undefined;
  readonly #link: Link;
  readonly #sink: RequestSink;
  readonly #parity: number;

  /**
   * @param link shared by the session's parts
   * @param firstId the peer's first id
   * @param sink takes what was read
   */
  constructor(link: Link, firstId: number, sink: RequestSink) {
    this.#link = link;
    this.#sink = sink;
    this.#parity = firstId % 2;
    this.lastId = firstId - 2;
    this.#credit = link.limits.connectionWindow;
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
      return this.#link.fail(
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
      if (partial.assembly !== undefined) {
        this.#link.fail(
          "protocol",
          `message ${partial.id} was not whole when the next one began`,
        );
        return false;
      }
      this.#partial = undefined;
    }
    if (kind === Kind.NOTIFY ? id === 0 : this.#rises(id)) return true;
    this.#link.fail(
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
    const { budget, limits, wheel, now } = this.#link;
    const partial: Partial = { kind, id, assembly: undefined };
    const assembly = new Assembly(budget, limits, () => this.#late(partial));
    partial.assembly = assembly;
    wheel.add(assembly, now + limits.assemblyTimeout);
    return this.#partial = partial;
  }

  #part(partial: Partial, body: Uint8Array, more: boolean): void {
    if (!more) this.#partial = undefined;
    const { kind, id, assembly } = partial;
    if (assembly === undefined) return;
    const fault = assembly.add(body) ?? assembly.claim();
    if (fault !== undefined) {
      return this.#giveUp(partial, faultError(this.#link, fault));
    }
    if (more) return;
    this.#link.wheel.remove(assembly);
    this.#whole(kind, id, assembly.finish());
  }

  #whole(kind: number, id: number, body: Uint8Array): void {
    if (body.length < 2) {
      this.#link.fail("protocol", "a request ends before its method");
    } else if (kind === Kind.NOTIFY) this.#sink.notify(body);
    else this.#sink.request(id, body);
  }

  #late(partial: Partial): void {
    const { assemblyTimeout } = this.#link.limits;
    const message = `the request was not whole after ${assemblyTimeout} ms`;
    this.#giveUp(partial, new CallError("deadline", message));
  }

  /** What still comes of it is thrown away. */
  #giveUp(partial: Partial, error: CallError): void {
    this.#forget(partial);
    if (partial.kind === Kind.NOTIFY) this.#link.stats.malformedCalls++;
    else this.#sink.refused(partial.id, error);
  }

  #forget(partial: Partial): void {
    if (partial.assembly === undefined) return;
    this.#link.wheel.remove(partial.assembly);
    partial.assembly.drop();
    partial.assembly = undefined;
  }

  /** Whether this is the request whose frames are still coming. */
  holds(id: number): boolean {
    const partial = this.#partial;
    return partial?.kind === Kind.REQUEST && partial.id === id &&
      partial.assembly !== undefined;
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
    if (this.#owed * 4 < this.#link.limits.connectionWindow) return;
    writeU32(this.#link, Kind.WINDOW, 0, this.#owed);
    this.#credit += this.#owed;
    this.#owed = 0;
  }
}

function faultError({ limits }: Link, fault: AssemblyFault): CallError {
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
