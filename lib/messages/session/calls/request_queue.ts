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
import { MessageQueue, type QueueBudget } from "./message_queue.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { NO_BYTES, type OutgoingCall } from "./outgoing_call.ts";
import { SendQueue } from "../flow/send_queue.ts";
import { ringOf, RINGS, type Source } from "../flow/send_scheduler.ts";
import { Kind } from "../wire/frame_header.ts";

/** Offset of the fields in a REQUEST: after the u16 method number. */
const FIELDS_AT = 2;

/** The ring of large REQUESTs. */
const LARGE = RINGS - 1;

/** Starts the calls of a queue. */
export interface CallStarter {
  /** Whether the peer accepts another call in flight. */
  readonly hasFreeSlot: boolean;
  /** Assigns a call's id before its first frame is sent. */
  start(call: OutgoingCall): void;
}

/** Calls that wait, with REQUESTs of about the same size. */
class CallQueue implements Source {
  readonly calls: MessageQueue<OutgoingCall>;
  readonly #shared: SharedState;
  readonly #starter: CallStarter;

  constructor(shared: SharedState, starter: CallStarter, budget: QueueBudget) {
    this.#shared = shared;
    this.#starter = starter;
    this.calls = new MessageQueue(budget);
  }

  /** @inheritdoc */
  get nextSize(): number {
    return this.calls.first?.bytes.length ?? 0;
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.calls.length > 0;
  }

  /** @inheritdoc */
  mustWait(): boolean {
    const { requestCredit, unfinished } = this.#shared;
    if (!this.#starter.hasFreeSlot) return true; // the end of a call adds the queue again
    const bytes = this.calls.first?.bytes;
    return bytes === undefined ||
      requestCredit.mustWait(this, requestReserve(this.#shared)) ||
      !fitsFrame(this.#shared, bytes) &&
        unfinished.mustWait(this, bytes.length);
  }

  /** @inheritdoc */
  sendNext(): number {
    const call = this.calls.shift();
    if (call === undefined) return 0;
    const { bytes, deadlineAt } = call;
    call.bytes = NO_BYTES;
    this.#starter.start(call);
    this.#shared.timerWheel.add(call, deadlineAt); // it no longer waits for a place
    // Subtract the time in the queue from the timeout on the wire.
    if (deadlineAt !== Infinity) {
      putTimeout(bytes, FIELDS_AT, deadlineAt - this.#shared.now);
    }
    const queue = call.sendQueue ??= new SendQueue(this.#shared, call);
    queue.putFirst({ kind: Kind.REQUEST, bytes, offset: 0 });
    const length = queue.sendNext();
    this.#shared.writer.resume(queue);
    return length;
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
   * @param budget is charged for the calls
   */
  constructor(shared: SharedState, starter: CallStarter, budget: QueueBudget) {
    this.#shared = shared;
    this.#starter = starter;
    this.#queues = Array.from(
      { length: RINGS },
      () => new CallQueue(shared, starter, budget),
    );
  }

  /** Number of queued calls. */
  get length(): number {
    let length = 0;
    for (const { calls } of this.#queues) length += calls.length;
    return length;
  }

  /** Whether a new call must wait, unless its REQUEST is large. */
  get mustQueue(): boolean {
    return this.length > this.#queues[LARGE]!.calls.length || // in range: a queue for each ring
      this.#lacking !== undefined;
  }

  /** The reason why new calls must wait, or `undefined`. */
  get #lacking(): string | undefined {
    const { requestCredit, writer } = this.#shared;
    if (!this.#starter.hasFreeSlot) {
      return `the peer handles ${writer.peerLimits.maxCalls} other calls (its limit maxCalls)`;
    }
    if (requestCredit.available <= requestReserve(this.#shared)) {
      return "the peer has not taken earlier requests (its limit connectionWindow)";
    }
    if (!writer.congested) return undefined;
    return `${writer.unsent} bytes are unsent (limit unsentSoft)`;
  }

  /** Returns why calls wait. */
  get reason(): string {
    return this.#lacking ?? `${this.length} calls are waiting to be sent`;
  }

  /** Adds a call, and sends as much as possible. */
  put(call: OutgoingCall): void {
    const { limits, linkTime, writer } = this.#shared;
    call.queuedUntil = linkTime.now + limits.queueTimeout;
    this.#startTimer(call);
    const queue = this.#queueOf(call);
    queue.calls.push(call);
    writer.resume(queue);
  }

  #startTimer(call: OutgoingCall): void {
    const { linkTime, timerWheel } = this.#shared;
    const until = linkTime.of(call.queuedUntil);
    timerWheel.add(call, Math.min(call.deadlineAt, until));
  }

  /** Adapts the timers of all calls to a cut or a resumption. */
  restartTimers(): void {
    for (const { calls } of this.#queues) {
      for (let index = 0; index < calls.length; index++) {
        this.#startTimer(calls.at(index)!); // in range: the loop's condition
      }
    }
  }

  /** Lets calls start after the peer accepts more of them. */
  resume(): void {
    if (this.length > 0) this.#shared.writer.resumeAll(this.#queues);
  }

  /** Drops a call that has not been started. */
  drop(call: OutgoingCall): void {
    const queue = this.#queueOf(call);
    if (!queue.calls.remove(call)) return;
    this.#shared.writer.resume(queue); // the next call may need less
  }

  #queueOf({ bytes }: OutgoingCall): CallQueue {
    return this.#queues[ringOf(bytes.length)]!; // in range: a queue for each ring
  }

  /** Removes all calls and returns them. None of them is started any more. */
  takeAll(): OutgoingCall[] {
    return this.#queues.flatMap(({ calls }) => calls.takeFrom(0));
  }
}

/** Returns the credit that is reserved for requests that have begun. */
function requestReserve({ queued }: SharedState): number {
  return queued.requests > 0 ? 1 : 0;
}
