/**
 * Calls as tests make them, with observers that record every event.
 *
 * @module
 */
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { sendItem } from "../../../lib/messages/session/flow/outgoing_items.ts";
import type { QueuedNotification } from "../../../lib/messages/session/calls/outgoing_calls.ts";
import type { ItemSender } from "../../../lib/messages/session/flow/send_queue.ts";
import type {
  CallError,
  CallErrorCode,
} from "../../../lib/messages/errors/call_error.ts";
import { sendsItems } from "../../../lib/messages/session/calls/call_state.ts";
import type {
  CalleeObserver,
  IncomingCall,
} from "../../../lib/messages/session/calls/incoming_calls.ts";
import type {
  CallerObserver,
  OutgoingCall,
} from "../../../lib/messages/session/calls/outgoing_calls.ts";
import { CallError as Failure } from "../../../lib/messages/errors/call_error.ts";
import {
  type Fields,
  NO_FIELDS,
} from "../../../lib/messages/session/wire/fields.ts";
import { type Side, type Simulation, TABLES } from "./simulation.ts";

/** Indexes of the methods of `TABLES`. */
export const ASK = 0;
export const NOTE = 1;
export const DOWN = 2;
export const UP = 3;
export const TALK = 4;

/** Returns `size` bytes. */
export function body(size: number, fill = 1): Uint8Array {
  return new Uint8Array(size).fill(fill);
}

/** Called when the item that the call queued has been encoded or dropped. */
class Sender implements ItemSender {
  /** Number of times that the call was notified. */
  sendable = 0;
  /** Errors of items that cannot be encoded. */
  readonly rejected: unknown[] = [];
  onSendable: () => void = () => {
    this.sendable++;
  };

  onAccepted(): void {
    this.onSendable();
  }

  onRejected(error: unknown): void {
    this.rejected.push(error);
    this.onSendable();
  }

  onDropped(): void {
    this.onSendable();
  }
}

/** A call that one side made, and its outcome. */
export class Outgoing extends Sender implements CallerObserver {
  readonly side: Side;
  call!: OutgoingCall;
  readonly results: Uint8Array[] = [];
  readonly errors: CallError[] = [];
  readonly dropped: CallError[] = [];
  readonly items: Uint8Array[] = [];
  itemsEnded = false;
  /** Called with the item that the reader waits for. */
  onItem: (body: Uint8Array) => void = (item) => {
    this.items.push(item.slice());
  };

  constructor(side: Side) {
    super();
    this.side = side;
  }

  /** Called with the fields of an item. */
  onItemFields: (fields: Readonly<Fields>) => void = () => {};

  onResult(result: Uint8Array): void {
    this.results.push(result.slice());
  }

  onFailed(error: CallError): void {
    this.errors.push(error);
  }

  onItemsDropped(error: CallError): void {
    this.dropped.push(error);
  }

  onItemsEnded(): void {
    this.itemsEnded = true;
  }

  /** How many times the call has settled. */
  get settled(): number {
    return this.results.length + this.errors.length;
  }

  /** The error that the call failed with. */
  get error(): CallError {
    if (this.errors.length !== 1 || this.results.length > 0) {
      throw new Error(
        `The call has ${this.results.length} results, ${this.errors.length} errors`,
      );
    }
    return this.errors[0]!;
  }
}

/** Starts a call. */
export function call(
  simulation: Simulation,
  side: Side,
  options: {
    method?: number;
    value?: unknown;
    timeout?: number;
    fields?: Uint8Array;
  } = {},
): Outgoing {
  const { method = ASK, value, timeout = Infinity, fields = NO_FIELDS } =
    options;
  const observer = new Outgoing(side);
  observer.call = side.session.enter(simulation.now).outgoing.open({
    method,
    info: TABLES.calls[method]!,
    value,
    hasValue: value !== undefined,
    timeout,
    fields,
    observer,
  });
  side.touch();
  return observer;
}

/** Sends a notification. */
export function notify(
  simulation: Simulation,
  side: Side,
  value: unknown,
  timeout = Infinity,
): QueuedNotification | undefined {
  const { outgoing } = side.session.enter(simulation.now);
  return outgoing.notify({
    method: NOTE,
    info: TABLES.calls[NOTE]!,
    value,
    hasValue: true,
    timeout,
    fields: NO_FIELDS,
  });
}

/** Sends a notification that is encoded already. */
export function notifyEncoded(
  simulation: Simulation,
  side: Side,
  body: Uint8Array,
): void {
  const { outgoing } = side.session.enter(simulation.now);
  outgoing.notifyEncoded(NOTE, TABLES.calls[NOTE]!, body);
}

/** A call that the peer made, as its handler sees it. */
export class Incoming extends Sender implements CalleeObserver {
  readonly call: IncomingCall;
  readonly input: Uint8Array;
  readonly cancels: CallErrorCode[] = [];
  readonly items: Uint8Array[] = [];
  itemsEnded = false;
  onItem: (body: Uint8Array) => void = (item) => {
    this.items.push(item.slice());
  };

  constructor(call: IncomingCall, input: Uint8Array) {
    super();
    this.call = call;
    this.input = input.slice();
    call.observer = this;
    call.entered = true;
    // The items may have ended while the request waited for its handler.
    const ended = call.state === "ended";
    this.itemsEnded = ended && sendsItems(call.method.info.shape);
  }

  onItemsEnded(): void {
    this.itemsEnded = true;
  }

  onCancelled({ code }: CallError): void {
    this.cancels.push(code);
  }

  onUnsendable(cause: unknown): CallError {
    return new Failure("unsendable", {
      code: "internal",
      processed: "yes",
      cause,
    });
  }
}

/** Keeps incoming calls for the test to handle. */
export function hold(side: Side): Incoming[] {
  const held: Incoming[] = [];
  side.handle = (call, input) => held.push(new Incoming(call, input));
  return held;
}

/** Reads items as fast as they arrive. */
export function readAll(
  simulation: Simulation,
  side: Side,
  reader: Outgoing | Incoming,
): void {
  const next = () => {
    for (;;) {
      const item = takeItem(
        side.session.enter(simulation.now).shared,
        reader.call,
      );
      if (item === undefined) return side.touch();
      reader.items.push(item.slice());
    }
  };
  reader.onItem = (item) => {
    reader.items.push(item.slice());
    simulation.at(0, next);
  };
  next();
}

/** Sends items one after the other, as credit allows, then calls `done`. */
export function sendAll(
  simulation: Simulation,
  side: Side,
  writer: Outgoing | Incoming,
  items: Uint8Array[],
  done: () => void = () => {},
): void {
  let next = 0;
  let over = false;
  const go = () => {
    while (next < items.length) {
      const { shared } = side.session.enter(simulation.now);
      const outcome = sendItem(shared, writer.call, items[next], writer);
      if (outcome === "refused") return;
      next++;
      if (outcome === "queued") return;
    }
    if (!over) done();
    over = true;
  };
  writer.onSendable = () => simulation.at(0, go);
  go();
}
