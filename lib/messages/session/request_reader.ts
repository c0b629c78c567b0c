/**
 * REQUEST and NOTIFY frames: ids that rise, messages that come whole or in
 * parts, one at a time, and the credit that they cost.
 *
 * @module
 */
import { CallError } from "../errors.ts";
import { Assembly, type AssemblyFault } from "./assembly.ts";
import type { Link } from "./link.ts";
import { writeU32 } from "./streams.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "./wire.ts";

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
  #next: { kind: number; id: number } = { kind: 0, id: 0 };
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

  /** Takes a frame. */
  receive(kind: number, id: number, frame: Uint8Array): void {
    const charge = frame.length - HEADER + FRAME_CHARGE;
    if (this.#credit <= 0) {
      return this.#link.fail(
        "flow-control",
        "a request came without credit for it",
      );
    }
    this.#credit -= charge;
    if (!this.#inOrder(kind, id)) return;
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    const body = frame.subarray(HEADER);
    if (more || this.#partial !== undefined) this.#part(body, more);
    else this.#whole(kind, id, body);
    this.#return(charge);
  }

  /** Ids rise; the frames of one message stand together, unless the message was given up. */
  #inOrder(kind: number, id: number): boolean {
    const partial = this.#partial;
    if (partial !== undefined && partial.kind === kind && partial.id === id) {
      return true;
    }
    if (partial?.assembly !== undefined) {
      this.#link.fail(
        "protocol",
        `message ${partial.id} was not whole when the next one began`,
      );
      return false;
    }
    this.#partial = undefined;
    if (kind === Kind.NOTIFY) {
      if (id === 0) return this.#begin(kind, id);
      this.#link.fail("protocol", `a notification has id ${id}; it must be 0`);
      return false;
    }
    if (id % 2 !== this.#parity || id <= this.lastId) {
      this.#link.fail(
        "protocol",
        `call ${id} came after ${this.lastId}; ids must rise, odd from the side that dialled, even from the other`,
      );
      return false;
    }
    this.lastId = id;
    return this.#begin(kind, id);
  }

  #begin(kind: number, id: number): true {
    this.#next = { kind, id };
    return true;
  }

  #part(body: Uint8Array, more: boolean): void {
    const partial = this.#partial ??= this.#newPartial();
    const { kind, id, assembly } = partial;
    if (!more) this.#partial = undefined;
    if (assembly === undefined) return;
    const fault = assembly.add(body);
    if (fault !== undefined) return this.#refuse(partial, fault, more);
    if (more) return;
    this.#link.wheel.remove(assembly);
    this.#whole(kind, id, assembly.finish());
  }

  #newPartial(): Partial {
    const { budget, limits, wheel, now } = this.#link;
    const partial: Partial = { ...this.#next, assembly: undefined };
    partial.assembly = new Assembly(budget, limits, () => this.#late(partial));
    wheel.add(partial.assembly, now + limits.assemblyTimeout);
    return partial;
  }

  #whole(kind: number, id: number, body: Uint8Array): void {
    if (body.length < 2) {
      return this.#link.fail("protocol", "a request ends before its method");
    }
    if (kind === Kind.NOTIFY) this.#sink.notify(body);
    else this.#sink.request(id, body);
  }

  #refuse(partial: Partial, fault: AssemblyFault, more: boolean): void {
    this.#giveUp(partial, more);
    const { maxMessage, maxAssembly } = this.#link.limits;
    if (partial.kind === Kind.NOTIFY) {
      this.#link.stats.malformedCalls++;
      return;
    }
    this.#sink.refused(
      partial.id,
      fault === "over-budget"
        ? new CallError(
          "overloaded",
          `more than ${maxAssembly} bytes of messages are unfinished`,
          { retry: "later" },
        )
        : new CallError(
          "too-large",
          `the request is ${fault}: at most ${maxMessage} bytes are accepted`,
        ),
    );
  }

  #late(partial: Partial): void {
    this.#giveUp(partial, true);
    if (partial.kind === Kind.NOTIFY) {
      this.#link.stats.malformedCalls++;
      return;
    }
    const { assemblyTimeout } = this.#link.limits;
    this.#sink.refused(
      partial.id,
      new CallError(
        "deadline",
        `the request was not whole after ${assemblyTimeout} ms`,
      ),
    );
  }

  #giveUp(partial: Partial, more: boolean): void {
    if (partial.assembly !== undefined) {
      this.#link.wheel.remove(partial.assembly);
      partial.assembly.drop();
      partial.assembly = undefined;
    }
    if (!more) this.#partial = undefined;
  }

  /** Gives up an unfinished request, if it is that one. */
  cancel(id: number): boolean {
    const partial = this.#partial;
    if (partial?.kind !== Kind.REQUEST || partial.id !== id) return false;
    const held = partial.assembly !== undefined;
    this.#giveUp(partial, false);
    return held;
  }

  /** Forgets what is unfinished. */
  drop(): void {
    if (this.#partial !== undefined) this.#giveUp(this.#partial, false);
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
