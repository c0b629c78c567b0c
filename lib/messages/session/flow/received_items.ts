/**
 * Arriving items: reassembly, delivery, and the credit returned for them. The
 * caller and the callee share this code.
 *
 * @module
 */
import { messageOf } from "../../../support/message_of.ts";
import { Reassembly, type ReassemblyFault } from "./reassembly.ts";
import {
  EMPTY_FIELDS,
  type Fields,
  fieldsEnd,
  readFields,
} from "../wire/fields.ts";
import type { QueuedItem, ReceiveWindow } from "./receive_window.ts";
import type { SessionStream, SharedState } from "./shared_state.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";
import { writeTotal } from "./credit.ts";

/** Error messages for items that exceed a limit on reassembly. */
const FAULTS: Readonly<Record<ReassemblyFault, string>> = {
  "too-large": "an item exceeds the limit maxMessage",
  "too-many": "an item has more frames than the limit maxFragments",
  "over-budget": "unfinished messages exceed the limit maxAssembly",
};

/** The window of a call that sends items, and the call. */
interface Stream {
  readonly call: SessionStream;
  readonly window: ReceiveWindow;
}

/** An item that has arrived. */
interface ArrivedItem {
  /** The bytes that contain it. */
  readonly bytes: Uint8Array;
  /** Offset of its fields. */
  readonly at: number;
  /** The charge that has not been returned. */
  readonly charge: number;
  /** Bytes of the item budget that it claims. */
  readonly claimed: number;
  /** Whether `bytes` may be kept; a frame is valid only while it is handled. */
  readonly owned: boolean;
  /** Whether it has a value, which the application receives. */
  readonly hasValue: boolean;
}

/** A frame of an item that may have several. */
interface ItemPart {
  readonly frame: Uint8Array;
  readonly charge: number;
  readonly more: boolean;
}

/**
 * Processes an ITEM frame that was charged to account 2.
 *
 * @param call the call; `undefined` if it is over
 */
export function receiveItem(
  shared: SharedState,
  call: SessionStream | undefined,
  frame: Uint8Array,
): void {
  const charge = frame.length - HEADER + FRAME_CHARGE;
  const window = call?.receiveWindow;
  if (call === undefined || call.over || window?.phase === "discarding") {
    if (call !== undefined) shared.stats.lateFrames++;
    shared.items.release(charge);
  } else if (window?.phase !== "open" || !call.mayReceiveItems) {
    shared.items.release(charge);
    call.fail("malformed", "items are not allowed here");
  } else acceptItem(shared, { call, window }, frame, charge);
  shared.items.relieve();
}

function acceptItem(
  shared: SharedState,
  stream: Stream,
  frame: Uint8Array,
  charge: number,
): void {
  const { call, window } = stream;
  if (!window.charge(charge)) {
    return shared.fail(
      "flow-control",
      `call ${call.id} sent an item without credit for it`,
    );
  }
  const flags = frame[1]!; // in range: frames have a header
  const more = (flags & Flag.MORE) !== 0;
  if ((flags & Flag.NO_VALUE) !== 0) {
    receiveValueless(shared, stream, { frame, charge, more });
  } else if (more || window.partial !== undefined) {
    receivePart(shared, stream, { frame, charge, more });
  } else deliver(shared, stream, wholeItem(frame, charge, true));
}

/** Returns an item that is one frame. */
function wholeItem(
  bytes: Uint8Array,
  charge: number,
  hasValue: boolean,
): ArrivedItem {
  return { bytes, at: HEADER, charge, claimed: 0, owned: false, hasValue };
}

/** Receives an item without a value; skips it if its fields are not in use. */
function receiveValueless(
  shared: SharedState,
  stream: Stream,
  { frame, charge, more }: ItemPart,
): void {
  const { call, window } = stream;
  if (more || window.partial !== undefined) {
    shared.items.release(charge);
    return call.fail("malformed", "NO_VALUE is not allowed here");
  }
  const item = wholeItem(frame, charge, false);
  if (call.itemFields.length > 0) return deliver(shared, stream, item);
  if (fieldsOf(shared, call, item) === undefined) return;
  returnCharge(shared, stream, charge);
}

/** Returns the fields of an item; fails the call if they are not acceptable. */
function fieldsOf(
  shared: SharedState,
  call: SessionStream,
  { bytes, at, charge, claimed }: ArrivedItem,
): Readonly<Fields> | undefined {
  try {
    const end = fieldsEnd(bytes, at);
    const fields = readFields(bytes, at, end, call.itemFields, 0);
    call.checkPosition(fields.position, fields.joined !== undefined);
    return fields;
  } catch (error) {
    shared.items.release(charge);
    call.fail("malformed", `an item is malformed: ${messageOf(error)}`);
    if (claimed > 0) endClaim(shared, call, claimed);
    return undefined;
  }
}

function receivePart(
  shared: SharedState,
  stream: Stream,
  part: ItemPart,
): void {
  const { call, window } = stream;
  const partial = window.partial ??= newPartial(shared, call);
  shared.items.holders.add(call);
  partial.owed += part.charge;
  const fault = partial.add(part.frame.subarray(HEADER));
  if (fault !== undefined) return call.fail("malformed", FAULTS[fault]);
  if (part.more) return payForParts(shared, stream);
  shared.items.budget.leave(call);
  window.partial = undefined;
  const { owed: charge, claimed } = partial;
  const bytes = partial.finish();
  const item = { bytes, at: 0, charge, claimed, owned: true, hasValue: true };
  deliver(shared, stream, item);
}

function newPartial(shared: SharedState, call: SessionStream): Reassembly {
  return new Reassembly(
    shared,
    undefined,
    (reason) => call.fail("malformed", `an item is incomplete: ${reason}`),
  );
}

/**
 * Pays in advance for the parts of the next item. Without this credit, an item
 * larger than the window could never arrive. The assembly timeout runs only while
 * parts are paid: without credit, the peer cannot send more, so the delay is not
 * its fault.
 */
function payForParts(shared: SharedState, stream: Stream): void {
  const { call, window } = stream;
  const { partial, readPending } = window;
  if (partial === undefined || window.length > 0) return;
  const { items } = shared;
  const cost = partial.bytes - partial.claimed;
  if (cost === 0 && partial.owed === 0) return; // paid already
  if (!items.budget.claim(call, cost, readPending)) return partial.stopTimer();
  partial.claimed = partial.bytes;
  const charge = partial.owed;
  partial.owed = 0;
  partial.startTimer();
  returnCharge(shared, stream, charge);
}

/** Returns a charge to both accounts, and grants it in time. */
function returnCharge(
  shared: SharedState,
  { call, window }: Stream,
  charge: number,
): void {
  window.owe(charge);
  const total = window.grant();
  if (total > 0) writeTotal(shared.writer, Kind.CREDIT, call.id, total);
  shared.items.release(charge, total > 0);
}

/** Ends the claim of an item, so that others may follow. */
function endClaim(
  shared: SharedState,
  call: SessionStream,
  claimed: number,
): void {
  const { items } = shared;
  items.budget.endClaim(call, claimed);
  items.relieve();
  items.budget.resume((next) => {
    const window = next.receiveWindow;
    if (window !== undefined) payForParts(shared, { call: next, window });
  });
}

function deliver(
  shared: SharedState,
  stream: Stream,
  item: ArrivedItem,
): void {
  const { call, window } = stream;
  const { bytes, at, charge, claimed, hasValue } = item;
  const fields = fieldsOf(shared, call, item);
  if (fields === undefined) return;
  const start = fieldsEnd(bytes, at);
  const announced = fields !== EMPTY_FIELDS && call.itemFields.length > 0;
  if (!window.readPending) {
    const from = announced ? at : start;
    const body = item.owned ? bytes.subarray(from) : window.copy(bytes, from);
    window.put({ body, start: start - from, hasValue, charge, claimed });
    shared.items.queued++;
    shared.items.holders.add(call);
    return;
  }
  shared.items.holders.delete(call); // it held the parts of this item at most
  if (hasValue) setReadPending(shared, window, false);
  if (claimed > 0) endClaim(shared, call, claimed);
  returnCharge(shared, stream, charge);
  if (announced) call.observer.onItemFields?.(fields);
  if (hasValue && window.phase !== "discarding") {
    call.observer.onItem(bytes.subarray(start));
  }
}

function setReadPending(
  shared: SharedState,
  window: ReceiveWindow,
  pending: boolean,
): void {
  if (window.readPending === pending) return;
  window.readPending = pending;
  window.readAt = shared.now;
  shared.items.readers += pending ? 1 : -1;
}

/**
 * Takes the next received item.
 *
 * @returns the item's body; if `undefined`, the observer receives the next item
 */
export function takeItem(
  shared: SharedState,
  call: SessionStream,
): Uint8Array | undefined {
  const window = call.receiveWindow;
  if (window === undefined) return undefined;
  shared.writer.checkNotEncoding(); // the grant could not be sent, and the item would be lost
  for (;;) {
    const item = window.take();
    if (item === undefined) {
      setReadPending(shared, window, window.phase === "open");
      payForParts(shared, { call, window }); // an awaited item may claim the reserve
      shared.items.relieve();
      return undefined;
    }
    taken(shared, { call, window }, item);
    const { body, start, hasValue } = item;
    if (start > 0) {
      const fields = readFields(body, 0, start, call.itemFields, 0);
      call.observer.onItemFields?.(fields); // may end the call
    }
    if (!hasValue) continue;
    if (window.phase === "discarding") return undefined; // it has ended the call
    return start === 0 ? body : body.subarray(start);
  }
}

/** Returns the charge of an item that was taken. */
function taken(
  shared: SharedState,
  stream: Stream,
  item: QueuedItem,
): void {
  const { call, window } = stream;
  shared.items.queued--;
  window.readAt = shared.now;
  if (!window.holdsItems) shared.items.holders.delete(call);
  if (item.claimed > 0) endClaim(shared, call, item.claimed);
  returnCharge(shared, stream, item.charge);
  payForParts(shared, stream); // the item that is arriving is the next one now
}

/** Ends the receiving half when no more items arrive. */
export function endItems(shared: SharedState, call: SessionStream): void {
  if (call.receiveWindow?.phase !== "open") return;
  close(shared, call, "ended");
}

/** Drops queued and later items; no more credit is granted for the stream. */
export function discardItems(shared: SharedState, call: SessionStream): void {
  const { receiveWindow } = call;
  if (receiveWindow === undefined) return;
  if (receiveWindow.phase === "discarding") return;
  close(shared, call, "discarding");
  shared.items.holders.delete(call);
  let released = 0;
  for (const { charge, claimed } of receiveWindow.clear()) {
    shared.items.queued--;
    released += charge;
    if (claimed > 0) endClaim(shared, call, claimed);
  }
  if (released > 0) shared.items.release(released);
}

function close(
  shared: SharedState,
  call: SessionStream,
  phase: "ended" | "discarding",
): void {
  const window = call.receiveWindow;
  if (window === undefined) return;
  const { partial } = window;
  setReadPending(shared, window, false);
  window.partial = undefined;
  window.close(phase);
  if (!window.holdsItems) shared.items.holders.delete(call);
  shared.items.relieve(); // the last reader may have gone
  if (partial === undefined) return;
  partial.drop();
  shared.items.release(partial.owed);
  endClaim(shared, call, partial.claimed);
}
