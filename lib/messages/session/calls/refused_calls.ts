/**
 * The calls of a peer to a side that serves no method: each one is refused.
 *
 * A program that handles no calls, such as most pages in browsers, needs no other
 * code for them.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { receiveItem } from "../flow/received_items.ts";
import { encodeErrorHead } from "../wire/error_frame.ts";
import { getU16, Kind } from "../wire/frame_header.ts";
import type { MethodInfo } from "../wire/hello.ts";
import type { ServedMethod } from "./incoming_call.ts";
import type { PeerCalls, PeerCredit } from "./peer_calls.ts";
import { RequestReader, type RequestSink } from "./request_reader.ts";
import { unservedError } from "./unserved_error.ts";

/** Refuses the calls that the peer makes. */
export class RefusedCalls implements PeerCalls, RequestSink {
  /** No call occupies a slot. */
  readonly calls: { readonly size: number } = { size: 0 };
  /** @inheritdoc */
  lastAllowed = Infinity;
  /** @inheritdoc */
  methods: readonly (ServedMethod | MethodInfo)[] = [];
  /** @inheritdoc */
  readonly heldRequests = 0;
  /** @inheritdoc */
  readonly heldNotifications = 0;
  readonly #shared: SharedState;
  readonly #reader: RequestReader;

  /**
   * @param shared state that the session's parts share
   * @param firstId the peer's first id: 1 for a server, 2 for a client
   */
  constructor(shared: SharedState, firstId: number) {
    this.#shared = shared;
    this.#reader = new RequestReader(shared, firstId, this);
  }

  /** @inheritdoc */
  get incomplete(): number {
    return this.#reader.incomplete;
  }

  /** @inheritdoc */
  get creditGranted(): PeerCredit {
    const { requestCredit, notifyCredit } = this.#reader;
    return {
      requests: requestCredit.available,
      notifications: notifyCredit.available,
    };
  }

  /** @inheritdoc */
  get lastBegun(): number {
    return Math.max(0, Math.min(this.#reader.lastId, this.lastAllowed));
  }

  /** @inheritdoc */
  receive(kind: number, id: number, frame: Uint8Array): void {
    this.#reader.receive(kind, id, frame);
  }

  /** @inheritdoc */
  receiveRequest(id: number, bytes: Uint8Array, at: number): void {
    const number = getU16(bytes, at);
    const method = this.methods[number];
    const known = method !== undefined && "name" in method ? method : undefined;
    this.refuseRequest(id, unservedError(known, number));
  }

  /** @inheritdoc */
  refuseRequest(id: number, { code, message, retry }: CallError): void {
    const { stats, writer } = this.#shared;
    if (id > this.lastAllowed) {
      stats.lateFrames++;
      return;
    }
    stats.callsHandled.started++;
    stats.callsHandled.refused++;
    stats.refusedCalls++;
    const refusal = new CallError(message, { code, processed: "no", retry });
    writer.frame(Kind.ERROR, 0, id, encodeErrorHead(refusal));
  }

  /** A notification has no reply: it is counted and dropped. @inheritdoc */
  receiveNotification(): void {
    this.#shared.stats.malformedCalls++;
  }

  /** @inheritdoc */
  receiveCancel(id: number): void {
    this.#receiveLate(id);
  }

  /** @inheritdoc */
  receiveEnd(id: number): void {
    this.#receiveLate(id);
  }

  /** @inheritdoc */
  receiveItem(id: number, frame: Uint8Array): void {
    receiveItem(this.#shared, undefined, frame);
    this.#receiveLate(id);
  }

  /** @inheritdoc */
  receiveCredit(id: number): void {
    this.#receiveLate(id);
  }

  /** Drops a frame of a call that was refused. */
  #receiveLate(id: number): void {
    if (this.#reader.holds(id)) {
      const message = "a frame arrived between the frames of its request";
      this.#reader.abandon(id);
      this.refuseRequest(id, new CallError(message, { code: "malformed" }));
    } else if (id > this.#reader.lastId || id === 0) {
      this.#shared.fail(
        "protocol",
        `a frame refers to call ${id}, which has not started`,
      );
    } else this.#shared.stats.lateFrames++;
  }

  /** @inheritdoc */
  pause(paused: boolean): void {
    this.#reader.requestCredit.pause(paused);
    this.#reader.notifyCredit.pause(paused);
  }

  /** @inheritdoc */
  endUnavailable(): void {
    this.#reader.refuseIncomplete(
      new CallError("the drain ended before the request was complete", {
        code: "unavailable",
        retry: "now",
      }),
    );
  }

  /** @inheritdoc */
  endIncomplete(): void {
    this.#reader.drop();
  }

  /** @inheritdoc */
  end(): void {
    this.#reader.drop();
  }

  // No handler waits or runs.

  /** @inheritdoc */
  resumeGate(): void {}

  /** @inheritdoc */
  restartTimer(): void {}

  /** @inheritdoc */
  turnEnded(): void {}

  /** @inheritdoc */
  resume(): void {}

  /** @inheritdoc */
  dropNotifications(): void {}
}
