/**
 * Requests and notifications that wait for credit, for a place, or for their
 * last frames. The frames of one stand together on the wire, and ids rise in
 * the order of the first frames.
 *
 * @module
 */
import { putTimeout } from "../wire/fields.ts";
import { INITIAL_PEER_LIMITS } from "../wire/limits.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { OutgoingCall } from "./outgoing_call.ts";
import type { Pending, Source } from "../flow/round_robin.ts";

/** Where the fields stand in a REQUEST: behind u16 method. */
const FIELDS_AT = 2;

/** A message that waits; a notification has no call. */
export interface Queued extends Pending {
  readonly call: OutgoingCall | undefined;
}

/** Told how far a call has got. */
export interface QueueOwner {
  /** Whether there is a place for another call. */
  readonly hasPlace: boolean;
  /** Its first frame is about to leave: it needs an id. */
  onStarting(call: OutgoingCall): void;
  /** Its last frame has left. */
  onSent(call: OutgoingCall): void;
}

/** Requests and notifications that wait. */
export class RequestQueue implements Source {
  /** Credit for REQUEST and NOTIFY frames. */
  credit: number = INITIAL_PEER_LIMITS.connectionWindow;
  #messages: Queued[] = [];
  #bytes = 0;
  /** The one whose frames are leaving. */
  #current: Queued | undefined = undefined;
  readonly #shared: SharedState;
  readonly #owner: QueueOwner;

  /**
   * @param link shared by the session's parts
   * @param owner told how far a call has got
   */
  constructor(shared: SharedState, owner: QueueOwner) {
    this.#shared = shared;
    this.#owner = owner;
  }

  /** How many wait. */
  get length(): number {
    return this.#messages.length;
  }

  /** Whether a further message must wait behind others, or for credit. */
  get mustWait(): boolean {
    return this.#messages.length > 0 || this.credit <= 0;
  }

  /** Why so many bytes more may not wait, if so. The first behind the one that is leaving may be of any size. */
  fullFor(bytes: number): string | undefined {
    const { maxQueuedCalls, unsentSoft } = this.#shared.limits;
    if (this.#messages.length >= maxQueuedCalls) {
      return `${maxQueuedCalls} calls wait for a place or for credit (limit maxQueuedCalls)`;
    }
    const waiting = this.#bytes - (this.#messages[0]?.bytes.length ?? 0);
    if (waiting === 0 || waiting + bytes <= unsentSoft) return undefined;
    return `${waiting} bytes of calls wait for a place or for credit (limit unsentSoft, ${unsentSoft})`;
  }

  /** Adds a message and sends what may leave. */
  put(message: Queued): void {
    this.#bytes += message.bytes.length;
    this.#messages.push(message);
    this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#messages.length > 0;
  }

  /** @inheritdoc */
  get lacksCredit(): boolean {
    return this.credit <= 0;
  }

  /** Credit has come. */
  grant(amount: number): void {
    this.credit += amount;
    if (this.hasNext) this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  sendNext(): boolean {
    if (this.credit <= 0) return false;
    const message = this.#current ?? this.#start();
    if (message === undefined) return false;
    const { call } = message;
    this.credit -= this.#shared.writer.fragment(message, call?.id ?? 0);
    if (message.offset < message.bytes.length) return true;
    this.#remove(message);
    if (call !== undefined) this.#owner.onSent(call);
    return true;
  }

  /** The next that may begin: where calls wait for a place, notifications pass them. */
  #start(): Queued | undefined {
    const hasPlace = this.#owner.hasPlace;
    const message = hasPlace
      ? this.#messages[0]
      : this.#messages.find(({ call }) => call === undefined);
    this.#current = message;
    const call = message?.call;
    if (message === undefined || call === undefined) return message;
    this.#owner.onStarting(call);
    // The time that it waited is gone.
    if (call.slot >= 0) {
      putTimeout(message.bytes, FIELDS_AT, call.dueAt - this.#shared.now);
    }
    return message;
  }

  /** Forgets the rest of a call's request; harmless if nothing waits. */
  drop(call: OutgoingCall): void {
    if (call.sent || this.#messages.length === 0) return;
    const message = this.#messages.find((queued) => queued.call === call);
    if (message !== undefined) this.#remove(message);
  }

  #remove(message: Queued): void {
    this.#messages.splice(this.#messages.indexOf(message), 1);
    this.#bytes -= message.bytes.length;
    if (this.#current === message) this.#current = undefined;
  }

  /** Calls whose first frame has not left. */
  get unstarted(): OutgoingCall[] {
    return this.#messages.flatMap((message) =>
      message.call === undefined || message === this.#current
        ? []
        : [message.call]
    );
  }

  /** Forgets all. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
    this.#current = undefined;
  }
}
