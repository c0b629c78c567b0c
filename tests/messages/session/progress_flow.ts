/**
 * The items of one direction of one call in the progress simulation: an
 * application that sends them, and one that reads them as its plan says.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  discardItems,
  takeItem,
} from "../../../lib/messages/session/flow/received_items.ts";
import {
  sendItem,
  type SendOutcome,
} from "../../../lib/messages/session/flow/outgoing_items.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import type { FlowPlan, Random } from "./progress_plan.ts";
import type { Incoming, Outgoing } from "./session_calls.ts";
import type { Side, Simulation } from "./simulation.ts";

/** One end of a call. */
export type CallEnd = Outgoing | Incoming;

/** A call that an application waits for. */
export interface Awaited {
  readonly settled: boolean;
  onSettled: () => void;
}

/** The run and the call that a flow belongs to. */
export interface FlowHost {
  readonly simulation: Simulation;
  readonly random: Random;
  /** Makes a call before the next item is sent, unless it is refused. */
  callBack(from: Side): Awaited | undefined;
  /** Called when the reader wants no more items. */
  left(flow: Flow): void;
}

/** Offsets at which items are checked: in every frame that an item may have. */
const SAMPLES = Array.from({ length: 64 }, (_, index) => index * 1021);

/** How far the sender is. */
type Sending = "new" | "ready" | "calling" | "blocked" | "sent";

/**
 * How far the reader is. A reader that stops never reads again; one that leaves
 * wants no more items.
 */
type Receiving = "new" | "busy" | "waiting" | "stopped" | "left" | "done";

/** The items of one direction of one call. */
export class Flow {
  readonly plan: FlowPlan;
  readonly from: Side;
  readonly to: Side;
  sending: Sending = "new";
  receiving: Receiving = "new";
  /** The call that the sender waits for. */
  sendsAfter: Awaited | undefined = undefined;
  /** Items that the session accepted. */
  accepted = 0;
  /** Items that the reader has received. */
  read = 0;
  /** Time at which the reader last received or requested an item. */
  readAt: number;
  #reader: CallEnd | undefined = undefined;
  #sender: CallEnd | undefined = undefined;
  readonly #host: FlowHost;
  #ended: () => boolean = () => false;
  #onSent: () => void = () => {};
  /** Whether an item was tried that cannot be encoded. */
  #failed = false;
  #onDone: () => void = () => {};

  constructor(host: FlowHost, from: Side, to: Side, plan: FlowPlan) {
    this.#host = host;
    this.from = from;
    this.to = to;
    this.plan = plan;
    this.readAt = host.simulation.now;
  }

  /** Whether the reader waits for no more items. */
  get over(): boolean {
    return this.receiving === "done" || this.receiving === "left";
  }

  // ── sender ─────────────────────────────────────────────────────────────

  startSending(sender: CallEnd, onSent: () => void): void {
    this.#sender = sender;
    this.#onSent = onSent;
    this.sending = "ready";
    sender.onAccepted = () => {
      if (this.sending !== "blocked") return;
      this.accepted++;
      this.#sendAfter(this.plan.pause);
    };
    sender.onRejected = (error) => {
      assert(error instanceof CodecError, `an item was rejected: ${error}`);
      if (this.sending === "blocked") this.#sendAfter(0);
    };
    sender.onDropped = () => this.stopSending();
    this.#send();
  }

  #send(): void {
    if (this.sending !== "ready") return;
    const { sizes, callsBefore, failsBefore } = this.plan;
    if (this.accepted === callsBefore && this.sendsAfter === undefined) {
      this.sendsAfter = this.#host.callBack(this.from);
      if (this.sendsAfter !== undefined) return this.#waitFor(this.sendsAfter);
    }
    if (this.accepted === failsBefore && !this.#failed) return this.#fail();
    if (this.accepted === sizes.length) {
      this.sending = "sent";
      return this.#onSent();
    }
    const item = new Uint8Array(sizes[this.accepted]!).fill(this.accepted);
    if (this.#put(item) === "queued") {
      this.sending = "blocked";
      return;
    }
    this.accepted++;
    if (this.plan.pause > 0) this.#sendAfter(this.plan.pause);
    else this.#send();
  }

  /** Sends an item that cannot be encoded; the next one must not be affected. */
  #fail(): void {
    this.#failed = true;
    try {
      assert(this.#put("text") === "queued", "text was encoded as bytes");
      this.sending = "blocked";
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#sendAfter(0);
    }
  }

  #put(item: unknown): SendOutcome {
    const { now } = this.#host.simulation;
    const sender = this.#sender!; // set when sending started
    const { shared } = this.from.session.enter(now);
    const outcome = sendItem(shared, sender.call, item, sender);
    this.from.touch();
    assert(outcome !== "refused", "an item was refused before the call ended");
    return outcome;
  }

  #sendAfter(delay: number): void {
    this.sending = "ready";
    this.#host.simulation.at(delay, () => this.#send());
  }

  #waitFor(call: Awaited): void {
    this.sending = "calling";
    call.onSettled = () => {
      if (this.sending !== "calling") return;
      this.sending = "ready";
      this.#send();
    };
  }

  /** Called when the call is over for the sender. */
  stopSending(): void {
    this.sending = "sent";
  }

  // ── reader ─────────────────────────────────────────────────────────────

  startReading(
    reader: CallEnd,
    ended: () => boolean,
    onDone: () => void,
  ): void {
    if (this.receiving !== "new") return;
    this.#reader = reader;
    this.#ended = ended;
    this.#onDone = onDone;
    this.receiving = "busy";
    reader.onItem = (item) => {
      assert(
        this.receiving === "waiting",
        "an item arrived that no one awaits",
      );
      this.#receive(item);
    };
    const { random } = this.#host;
    if (this.plan.reading !== "late") return this.#next();
    this.#nextAfter(1000 + random(60_000));
  }

  #nextAfter(delay: number): void {
    this.#host.simulation.at(delay, () => this.#next());
  }

  #receive(item: Uint8Array): void {
    const intact = item.length === this.plan.sizes[this.read] &&
      SAMPLES.every((at) => at >= item.length || item[at] === this.read);
    assert(
      intact,
      `item ${this.read} of call ${this.#reader?.call.id} differs`,
    );
    const { simulation, random } = this.#host;
    this.receiving = "busy";
    this.readAt = simulation.now;
    this.read++;
    const { reading, reads } = this.plan;
    const pauses = reading === "pausing" && this.read === reads;
    this.#nextAfter(pauses ? 30_000 : reading === "slow" ? random(1000) : 0);
  }

  #next(): void {
    if (this.receiving !== "busy") return;
    const { reading, reads } = this.plan;
    if (this.read >= reads && reading === "stopping") {
      this.receiving = "stopped";
    } else if (this.read >= reads && reading === "leaving") this.#leave();
    else this.#take();
  }

  #take(): void {
    const { now } = this.#host.simulation;
    const { shared } = this.to.session.enter(now);
    const item = takeItem(shared, this.#reader!.call); // set when reading started
    this.to.touch();
    this.readAt = now;
    if (item !== undefined) return this.#receive(item);
    this.receiving = "waiting";
    if (this.#ended()) this.end();
  }

  #leave(): void {
    this.receiving = "left";
    this.#host.left(this);
    this.#onDone();
  }

  /** Called when no more items will arrive. */
  end(): void {
    if (this.receiving !== "waiting") return;
    this.receiving = "done";
    this.#onDone();
  }

  /** Called when the call is over for the reader; unread items were dropped. */
  stopReading(): void {
    if (!this.over) this.receiving = "done";
  }

  /** Called when the session has dropped unread items of a call that is over. */
  lose(): void {
    if (!this.over) this.receiving = "left";
  }

  /** Drops unread and later items. */
  discard(): void {
    if (this.#reader === undefined) return;
    const { now } = this.#host.simulation;
    discardItems(this.to.session.enter(now).shared, this.#reader.call);
    this.to.touch();
  }
}
