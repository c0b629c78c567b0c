/**
 * Both ends of one call in the progress simulation, and the explanation of what
 * waits in it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { type Awaited, Flow } from "./progress_flow.ts";
import { type CallPlan, LARGEST, type Random } from "./progress_plan.ts";
import { call, type Incoming, type Outgoing } from "./session_calls.ts";
import { type Side, type Simulation, TABLES } from "./simulation.ts";

/** The run that a call belongs to. */
export interface CallHost {
  readonly simulation: Simulation;
  readonly random: Random;
  /** Starts a call; returns `undefined` if it is refused at once. */
  begin(caller: Side, depth: number): RunCall | undefined;
  /** Returns whether another stream is waited for on this side. */
  hasReader(side: Side): boolean;
  /** Returns whether this side leaves the items of a stream unread. */
  leavesUnread(side: Side): boolean;
}

/** How far the handler is. */
type Stage = "sent" | "delayed" | "calling" | "streaming" | "settled";

/** Both ends of one call. */
export class RunCall implements Awaited {
  readonly depth: number;
  readonly caller: Side;
  readonly callee: Side;
  readonly plan: CallPlan;
  readonly outgoing: Outgoing;
  readonly index: number;
  readonly up: Flow | undefined;
  readonly down: Flow | undefined;
  incoming: Incoming | undefined = undefined;
  stage: Stage = "sent";
  onSettled: () => void = () => {};
  /** Whether it was ended because its items were not read. */
  endedUnread = false;
  #cancelled = false;
  readonly #nested: RunCall[] = [];
  readonly #host: CallHost;

  constructor(
    host: CallHost,
    { caller, plan, depth, timeout, index }: {
      caller: Side;
      plan: CallPlan;
      depth: number;
      timeout: number;
      index: number;
    },
  ) {
    this.#host = host;
    const { simulation, random } = host;
    this.caller = caller;
    this.callee = simulation.other(caller);
    this.plan = plan;
    this.depth = depth;
    this.index = index;
    const flows = {
      ...{ simulation, random },
      callBack: (from: Side) => host.begin(from, depth + 1),
      left: (flow: Flow) => this.#left(flow),
    };
    this.up = plan.up && new Flow(flows, caller, this.callee, plan.up);
    this.down = plan.down && new Flow(flows, this.callee, caller, plan.down);
    const value = new Uint8Array(plan.inputSize);
    new DataView(value.buffer).setUint32(0, index);
    const { method } = plan;
    this.outgoing = call(simulation, caller, { method, value, timeout });
  }

  get settled(): boolean {
    return this.outgoing.settled > 0;
  }

  // ── caller ─────────────────────────────────────────────────────────────

  /** Starts the streams of the caller. */
  start(): void {
    const { outgoing, caller } = this;
    const { onResult, onFailed, onItemsDropped } = outgoing;
    outgoing.onResult = (result) => {
      onResult.call(outgoing, result);
      this.#callerSettled();
    };
    outgoing.onFailed = (error) => {
      onFailed.call(outgoing, error);
      // The unread items of a call that was given up were dropped.
      if (outgoing.call.state === "cancelled") this.down?.stopReading();
      if (!this.endedUnread && error.message.includes("were not read")) {
        this.#endedUnread(this.down);
      }
      this.#callerSettled();
    };
    outgoing.onItemsEnded = () => this.down?.end();
    outgoing.onItemsDropped = (error) => {
      onItemsDropped.call(outgoing, error);
      this.#endedUnread(this.down);
      this.down?.lose();
    };
    this.up?.startSending(outgoing, () => {
      if (this.settled) return;
      const { session } = caller;
      session.enter(this.#host.simulation.now).outgoing.endItems(outgoing.call);
      caller.touch();
    });
    this.down?.startReading(outgoing, () => this.settled, () => {});
  }

  #callerSettled(): void {
    this.up?.stopSending();
    this.down?.end();
    this.#host.simulation.at(0, () => this.onSettled());
  }

  /** Cancels the call at its caller. */
  cancel(): void {
    if (this.settled) return;
    const { now } = this.#host.simulation;
    const reason = { code: "cancelled", message: "changed mind" } as const;
    this.caller.session.enter(now).outgoing.giveUp(this.outgoing.call, reason);
    this.caller.touch();
  }

  #left(flow: Flow): void {
    if (flow === this.down) this.cancel();
    else flow.discard();
  }

  /** A stream may be ended only if it was unread for long and another is read. */
  #endedUnread(flow: Flow | undefined): void {
    assert(flow !== undefined, `${this} has no unread items`);
    this.endedUnread = true;
    const { simulation, hasReader } = this.#host;
    const { unreadTimeout } = flow.to.session.limits;
    const unread = simulation.now - flow.readAt;
    assert(
      flow.receiving !== "waiting",
      `${this} was ended although it is read`,
    );
    assert(unread >= unreadTimeout, `${this} was ended after ${unread} ms`);
    assert(
      hasReader.call(this.#host, flow.to),
      `${this} was ended for no other stream`,
    );
  }

  // ── handler ────────────────────────────────────────────────────────────

  handle(incoming: Incoming): void {
    assert(this.incoming === undefined, "a call arrived twice");
    assertEquals(incoming.input.length, this.plan.inputSize, "the input");
    this.incoming = incoming;
    const { simulation, random } = this.#host;
    incoming.onCancelled = ({ code, message }) => {
      incoming.cancels.push(code);
      this.#cancelled = true;
      if (message.includes("were not read")) this.#endedUnread(this.up);
      this.up?.stopReading();
      this.down?.stopSending();
      if (random(2) === 0) this.#nested.forEach((nested) => nested.cancel());
      simulation.at(random(30), () => this.#settle());
    };
    incoming.onItemsEnded = () => {
      incoming.itemsEnded = true;
      this.up?.end();
    };
    this.stage = "delayed";
    simulation.at(this.plan.delay, () => this.#callBack());
  }

  #callBack(): void {
    if (this.stage !== "delayed") return;
    this.stage = "calling";
    for (let count = this.plan.nested; count > 0; count--) {
      const nested = this.#host.begin(this.callee, this.depth + 1);
      if (nested === undefined) continue;
      this.#nested.push(nested);
      nested.onSettled = () => this.#called();
    }
    this.#called();
  }

  #called(): void {
    if (this.stage !== "calling") return;
    if (!this.#nested.every(({ settled }) => settled)) return;
    this.stage = "streaming";
    const incoming = this.incoming!; // set when the call arrived
    if (!this.#cancelled) {
      const streamed = () => this.#streamed();
      this.up?.startReading(incoming, () => incoming.itemsEnded, streamed);
      this.down?.startSending(incoming, streamed);
    }
    this.#streamed();
  }

  #streamed(): void {
    if (this.stage !== "streaming") return;
    if (this.down !== undefined && this.down.sending !== "sent") return;
    if (this.plan.waitsForItems && this.up?.over === false) return;
    this.#settle();
  }

  #settle(): void {
    if (this.stage === "settled") return;
    this.stage = "settled";
    this.up?.stopReading();
    this.down?.stopSending();
    const { call } = this.incoming!; // set when the call arrived
    const { responses } = this.callee.session.enter(this.#host.simulation.now)
      .incoming;
    const { resultSize, ending } = this.plan;
    if (ending === "error") {
      const data = new Uint8Array(Math.min(resultSize, LARGEST - 1024));
      const declared = { code: "declared", declared: "no" } as const;
      responses.fail(
        call,
        new CallError("no", { ...declared, processed: "yes", data }),
      );
    } else {
      const unsendable = ending === "unsendable";
      const result = unsendable ? "text" : new Uint8Array(resultSize);
      responses.respond(call, result, NO_FIELDS);
    }
    this.callee.touch();
  }

  // ── explanations ───────────────────────────────────────────────────────

  toString(): string {
    const { name } = TABLES.calls[this.plan.method]!; // plans use its indexes
    const { id } = this.outgoing.call;
    return `${this.caller.name}'s ${name} ${this.index} (id ${id}, depth ${this.depth}, ${this.stage})`;
  }

  /** Lists what waits in this call without an explanation. */
  unexplained(): string[] {
    const reasons = [this.settled ? undefined : this.#waitsOn([])];
    for (const flow of [this.up, this.down]) {
      reasons.push(flow && this.#flowWaitsOn(flow, []));
    }
    return reasons.flatMap((reason) =>
      reason === undefined ? [] : [`${this}: ${reason}`]
    );
  }

  /**
   * Whether the callee enters no handlers of streams, because the caller leaves
   * items unread. Without queueTimeout, the requests wait and hold back credit.
   */
  get #waitsForHandler(): boolean {
    return this.callee.session.incoming.gate.waiting > 0 &&
      this.#host.leavesUnread(this.caller);
  }

  /** Returns why the call should have settled, or `undefined`. */
  #waitsOn(path: readonly RunCall[]): string | undefined {
    if (path.includes(this)) return "waits for itself";
    const further = [...path, this];
    switch (this.stage) {
      case "sent":
        // The run checks that the calls in flight are explained.
        return this.outgoing.call.id === 0 && slotsAreFull(this.caller) ||
            this.#waitsForHandler
          ? undefined
          : "its request does not arrive";
      case "delayed":
        return "its handler was not resumed";
      case "calling": {
        const open = this.#nested.filter(({ settled }) => !settled);
        if (open.length === 0) return "its handler was not resumed";
        return open.map((nested) => nested.#waitsOn(further))
          .find((reason) => reason !== undefined);
      }
      case "streaming": {
        const { up, down, plan } = this;
        if (down !== undefined && down.sending !== "sent") {
          return this.#flowWaitsOn(down, further);
        }
        if (up?.over === false && plan.waitsForItems) {
          return this.#flowWaitsOn(up, further);
        }
        return "its handler was not resumed";
      }
      case "settled":
        return this.down?.receiving === "stopped" &&
            this.down.read < this.down.accepted
          ? undefined
          : "its reply does not arrive";
    }
  }

  /** Returns why the items should have arrived, or `undefined`. */
  #flowWaitsOn(flow: Flow, path: readonly RunCall[]): string | undefined {
    const { receiving, sending, sendsAfter, accepted, read } = flow;
    if (receiving === "stopped" || flow.over) return undefined;
    if (sending === "calling") {
      return sendsAfter instanceof RunCall && !sendsAfter.settled
        ? sendsAfter.#waitsOn(path)
        : "its sender was not resumed";
    }
    // The reader starts once the handler has made its calls, and the call itself
    // is checked.
    if (receiving === "new") return undefined;
    const name = flow === this.up ? "up" : "down";
    const state =
      `${read} of ${accepted} accepted items were read; the next has ${
        flow.plan.sizes[read]
      } bytes`;
    if (sending === "blocked") {
      return `an item (${name}) is not accepted: ${state}`;
    }
    if (receiving === "busy") {
      return `a reader (${name}) was not resumed: ${state}`;
    }
    if (receiving !== "waiting") return undefined;
    if (accepted > read) return `an item (${name}) waits: ${state}`;
    if (flow === this.up && sending === "sent") {
      return `a reader (${name}) waits: ${state}`;
    }
    return this.settled ? `a reader (${name}) outlives the call` : undefined;
  }
}

/** Returns whether all of a caller's slots are in use. */
function slotsAreFull({ session }: Side): boolean {
  return !session.outgoing.hasFreeSlot;
}
