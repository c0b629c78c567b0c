/**
 * The calls that wait to be started. Starting one requires credit for requests,
 * a free call slot and, if its REQUEST is split, room for an unfinished message.
 * Calls receive their ids in the order in which they are started; the rest of a
 * REQUEST then waits in the send queue of its call, so that the frames of large
 * REQUESTs alternate.
 *
 * Small REQUESTs do not wait for larger ones: the queue has one part for each
 * ring of the scheduler.
 *
 * @module
 */
import { putTimeout } from "../wire/fields.ts";
import { fitsFrame } from "../flow/fragment.ts";
import { queueFull } from "./queue_bound.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { OutgoingCall } from "./outgoing_call.ts";
import { SendQueue } from "../flow/send_queue.ts";
import { ringOf, RINGS, type Source } from "../flow/send_scheduler.ts";
import { Kind } from "../wire/frame_header.ts";

/** Offset of the fields in a REQUEST: after the u16 method number. */
const FIELDS_AT = 2;

/** The ring of large REQUESTs. */
const LARGE = RINGS - 1;

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

/** Calls that wait, with REQUESTs of about the same size. */
class CallQueue implements Source {
  #calls: QueuedCall[] = [];
  #bytes = 0;
  readonly #shared: SharedState;
  readonly #starter: CallStarter;

  constructor(shared: SharedState, starter: CallStarter) {
    this.#shared = shared;
    this.#starter = starter;
  }

  /** Number of calls. */
  get length(): number {
    return this.#calls.length;
  }

  /** Sum of the sizes of the calls, except for the first one. */
  get waitingBytes(): number {
    return this.#bytes - this.nextSize;
  }

  /** @inheritdoc */
  get nextSize(): number {
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
    const bytes = this.#calls[0]?.bytes;
    return bytes === undefined || requestCredit.mustWait(this) ||
      !fitsFrame(this.#shared, bytes) &&
        unfinished.mustWait(this, bytes.length);
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
  readonly #queues: readonly CallQueue[];
  readonly #shared: SharedState;
  readonly #starter: CallStarter;

  /**
   * @param shared state that the session's parts share
   * @param starter starts calls
   */
  constructor(shared: SharedState, starter: CallStarter) {
    this.#shared = shared;
    this.#starter = starter;
    this.#queues = Array.from(
      { length: RINGS },
      () => new CallQueue(shared, starter),
    );
  }

  /** Number of queued calls. */
  get length(): number {
    return this.#queues.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether a new call must wait, unless its REQUEST is large. */
  get mustQueue(): boolean {
    return this.#queues.some((queue, ring) => ring < LARGE && queue.hasNext) ||
      this.#shared.requestCredit.available <= 0 || !this.#starter.hasFreeSlot;
  }

  /** Returns why a call of this size cannot be queued, or `undefined`. */
  fullFor(size: number): string | undefined {
    const { waitingBytes } = this.#queues[ringOf(size)]!; // in range: as in put()
    return queueFull(this.#shared.limits, this.length, waitingBytes, size);
  }

  /** Adds a call, and sends as much as possible. */
  put(call: OutgoingCall, bytes: Uint8Array): void {
    this.#queues[ringOf(bytes.length)]!.put(call, bytes); // in range: a queue for each ring
  }

  /** Lets calls start after the peer accepts more of them. */
  resume(): void {
    if (this.length > 0) this.#shared.writer.resumeAll(this.#queues);
  }

  /** Drops a call that has not been started. */
  drop(call: OutgoingCall): void {
    for (const queue of this.#queues) queue.drop(call);
  }

  /** Removes all calls and returns them. None of them is started any more. */
  takeAll(): OutgoingCall[] {
    return this.#queues.flatMap((queue) => queue.takeAll())
      .map(({ call }) => call);
  }
}
