/**
 * The calls that wait to be started. Starting one requires credit for requests,
 * a free call slot and, if its REQUEST is split, room for an unfinished message.
 * Calls receive their ids in the order in which they are started; the rest of a
 * REQUEST then waits in the send queue of its call, so that the frames of large
 * REQUESTs alternate.
 *
 * Short REQUESTs, which fit into a frame, do not wait for long ones:
 *
 * ```text
 *   short  ▒ ▒ ▒          ┐  each in the order of the calls, as turns and
 *   long   ▒▒▒▒▒▒ ▒▒▒▒▒▒  ┘  what the peer grants permit
 * ```
 *
 * @module
 */
import { putTimeout } from "../wire/fields.ts";
import { fitsFrame } from "../flow/fragment.ts";
import { queueFull } from "./queue_bound.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { OutgoingCall } from "./outgoing_call.ts";
import { SendQueue } from "../flow/send_queue.ts";
import type { Source } from "../flow/send_scheduler.ts";
import { Kind } from "../wire/frame_header.ts";

/** Offset of the fields in a REQUEST: after the u16 method number. */
const FIELDS_AT = 2;

/** A call that waits, with its encoded REQUEST. */
interface QueuedCall {
  readonly call: OutgoingCall;
  readonly bytes: Uint8Array;
}

/** Starts the calls of a queue. */
export interface CallStarter {
  /** Whether the peer accepts another call in flight. */
  readonly hasFreeSlot: boolean;
  /** Assigns a call's id before its first frame is sent. */
  start(call: OutgoingCall): void;
}

/** Calls that wait, with REQUESTs that are all short or all long. */
class CallQueue implements Source {
  #calls: QueuedCall[] = [];
  #bytes = 0;
  readonly short: boolean;
  readonly #shared: SharedState;
  readonly #starter: CallStarter;

  constructor(short: boolean, shared: SharedState, starter: CallStarter) {
    this.short = short;
    this.#shared = shared;
    this.#starter = starter;
  }

  /** Number of calls. */
  get length(): number {
    return this.#calls.length;
  }

  /** Sum of the sizes of the calls, except for the first one. */
  get waitingBytes(): number {
    return this.#bytes - this.#nextSize;
  }

  get #nextSize(): number {
    return this.#calls[0]?.bytes.length ?? 0;
  }

  /** Appends a call. */
  put(call: OutgoingCall, bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#calls.push({ call, bytes });
    this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#calls.length > 0;
  }

  /** @inheritdoc */
  mustWait(): boolean {
    const { requestCredit, unfinished } = this.#shared;
    if (!this.#starter.hasFreeSlot) return true; // the end of a call adds the queue again
    return requestCredit.mustWait(this) ||
      !this.short && unfinished.mustWait(this, this.#nextSize);
  }

  /** @inheritdoc */
  sendNext(): number {
    const next = this.#calls.shift();
    if (next === undefined) return 0;
    const { call, bytes } = next;
    this.#bytes -= bytes.length;
    this.#starter.start(call);
    // Subtract the time in the queue from the timeout on the wire.
    if (call.slot >= 0) {
      putTimeout(bytes, FIELDS_AT, call.dueAt - this.#shared.now);
    }
    const queue = call.sendQueue ??= new SendQueue(this.#shared, call);
    queue.putFirst({ kind: Kind.REQUEST, bytes, offset: 0 });
    const length = queue.sendNext();
    this.#shared.writer.resume(queue);
    return length;
  }

  /** Drops a call, if it is present. */
  drop(call: OutgoingCall): void {
    const index = this.#calls.findIndex((queued) => queued.call === call);
    if (index < 0) return;
    const [dropped] = this.#calls.splice(index, 1);
    this.#bytes -= dropped?.bytes.length ?? 0;
    this.#shared.writer.resume(this); // the next call may need less
  }

  /** Removes and returns all calls. */
  takeAll(): QueuedCall[] {
    this.#bytes = 0;
    return this.#calls.splice(0);
  }
}

/** The queue of calls that wait to be started. */
export class RequestQueue {
  readonly #short: CallQueue;
  readonly #long: CallQueue;
  readonly #shared: SharedState;
  readonly #starter: CallStarter;

  /**
   * @param shared state that the session's parts share
   * @param starter starts calls
   */
  constructor(shared: SharedState, starter: CallStarter) {
    this.#shared = shared;
    this.#starter = starter;
    this.#short = new CallQueue(true, shared, starter);
    this.#long = new CallQueue(false, shared, starter);
  }

  /** Number of queued calls. */
  get length(): number {
    return this.#short.length + this.#long.length;
  }

  /** Whether a new short call must wait. */
  get mustQueue(): boolean {
    return this.#short.hasNext || this.#shared.requestCredit.available <= 0 ||
      !this.#starter.hasFreeSlot;
  }

  /** Returns why a call of this size cannot be queued, or `undefined`. */
  fullFor(size: number): string | undefined {
    const waiting = this.#short.waitingBytes + this.#long.waitingBytes;
    return queueFull(this.#shared.limits, this.length, waiting, size);
  }

  /** Adds a call, and sends as much as possible. */
  put(call: OutgoingCall, bytes: Uint8Array): void {
    const queue = fitsFrame(this.#shared, bytes) ? this.#short : this.#long;
    queue.put(call, bytes);
  }

  /** Lets calls start after the peer accepts more of them. */
  resume(): void {
    if (this.length > 0) {
      this.#shared.writer.resumeAll([this.#short, this.#long]);
    }
  }

  /** Drops a call that has not been started. */
  drop(call: OutgoingCall): void {
    this.#short.drop(call);
    this.#long.drop(call);
  }

  /** Removes all calls and returns them. None of them is started any more. */
  takeAll(): OutgoingCall[] {
    return [...this.#short.takeAll(), ...this.#long.takeAll()]
      .map(({ call }) => call);
  }
}
