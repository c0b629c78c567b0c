/**
 * Arriving items: reassembly, delivery, and the credit returned for them. The
 * caller and the callee share this code.
 *
 * @module
 */
import { Reassembly, type ReassemblyFault } from "./reassembly.ts";
import { fieldsEnd } from "../wire/fields.ts";
import type { ReceiveWindow } from "./receive_window.ts";
import type { SessionStream, SharedState } from "./shared_state.ts";
import { messageOf } from "../wire/malformed_error.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";
import { writeU32 } from "./credit.ts";

/** Error messages for items that exceed a limit on reassembly. */
const FAULTS: Readonly<Record<ReassemblyFault, string>> = {
  "too-large": "an item exceeds the limit maxMessage",
  "too-many": "an item has more frames than the limit maxFragments",
  "over-budget": "unfinished messages exceed the limit maxAssembly",
};

/** Processes an ITEM frame. */
export function receiveItem(
  shared: SharedState,
  call: SessionStream,
  frame: Uint8Array,
): void {
  const receiveWindow = call.receiveWindow;
  if (call.over || receiveWindow?.discarding) {
    shared.stats.lateFrames++;
    return;
  }
  if (receiveWindow === undefined || receiveWindow.ended) {
    return call.fail("malformed", "items are not allowed here");
  }
  const charge = frame.length - HEADER + FRAME_CHARGE;
  if (!receiveWindow.charge(charge)) {
    return shared.fail(
      "flow-control",
      `call ${call.id} sent an item without credit for it`,
    );
  }
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  const body = frame.subarray(HEADER);
  if (more || receiveWindow.partial !== undefined) {
    receivePart(shared, call, receiveWindow, { body, charge, more });
  } else deliver(shared, call, receiveWindow, { body, charge, owned: false });
}

function receivePart(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
  part: { body: Uint8Array; charge: number; more: boolean },
): void {
  const reassembly = receiveWindow.partial ??= newPartial(shared, call);
  const fault = reassembly.add(part.body);
  if (fault !== undefined) return failReassembly(call, fault);
  reassembly.owed += part.charge;
  if (part.more) return grantForParts(shared, call, receiveWindow);
  shared.timerWheel.remove(reassembly);
  receiveWindow.partial = undefined;
  const charge = reassembly.owed;
  const whole = reassembly.finish();
  releaseTurn(shared, receiveWindow);
  deliver(shared, call, receiveWindow, { body: whole, charge, owned: true });
}

function newPartial(shared: SharedState, call: SessionStream): Reassembly {
  const { assemblyTimeout } = shared.limits;
  return new Reassembly(shared.reassemblyBudget, shared.limits, () =>
    call.fail(
      "malformed",
      `an item was not complete after ${assemblyTimeout} ms`,
    ));
}

/** Fails a call. Only the shared budget can be exceeded without the sender being at fault. */
function failReassembly(call: SessionStream, fault: ReassemblyFault): void {
  call.fail(
    fault === "over-budget" ? "overloaded" : "malformed",
    FAULTS[fault],
  );
}

/**
 * Grants credit for parts of an item that the application awaits. Without this
 * credit, an item larger than the window could never arrive. The assembly
 * timeout starts only once credit is granted, and stops while the item waits
 * for its turn: without credit, the peer cannot send more parts, so the delay
 * is not its fault.
 */
function grantForParts(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
): void {
  const reassembly = receiveWindow.partial;
  if (!receiveWindow.readPending || reassembly === undefined) return;
  if (!shared.reassemblyTurns.mayContinue(receiveWindow, call)) {
    return shared.timerWheel.remove(reassembly);
  }
  // The stream's window no longer bounds parts whose credit has been returned.
  const fault = reassembly.claim();
  if (fault !== undefined) return failReassembly(call, fault);
  receiveWindow.release(reassembly.owed);
  reassembly.owed = 0;
  if (reassembly.slot < 0) {
    shared.timerWheel.add(
      reassembly,
      shared.now + shared.limits.assemblyTimeout,
    );
  }
  grant(shared, call, receiveWindow);
}

/** Ends a stream's turn, so that another stream's large item may continue. */
function releaseTurn(shared: SharedState, receiveWindow: ReceiveWindow): void {
  shared.reassemblyTurns.done(
    receiveWindow,
    (next, call) => grantForParts(shared, call, next),
  );
}

function deliver(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
  item: { body: Uint8Array; charge: number; owned: boolean },
): void {
  let start: number;
  try {
    start = fieldsEnd(item.body, 0);
  } catch (error) {
    return call.fail(
      "malformed",
      `an item is malformed: ${messageOf(error)}`,
    );
  }
  const body = item.body.subarray(start);
  if (!receiveWindow.readPending) {
    return receiveWindow.put(item.owned ? body : body.slice(), item.charge);
  }
  receiveWindow.readPending = false;
  receiveWindow.release(item.charge);
  grant(shared, call, receiveWindow);
  call.observer.onItem(body);
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
  const receiveWindow = call.receiveWindow;
  if (receiveWindow === undefined) return undefined;
  shared.writer.checkNotEncoding(); // the grant could not be sent, and the item would be lost
  const body = receiveWindow.take();
  if (body !== undefined) {
    grant(shared, call, receiveWindow);
    return body;
  }
  receiveWindow.readPending = !receiveWindow.ended && !receiveWindow.discarding;
  grantForParts(shared, call, receiveWindow);
  return undefined;
}

function grant(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
): void {
  if (receiveWindow.ended || receiveWindow.discarding) return;
  const amount = receiveWindow.grant();
  if (amount > 0) writeU32(shared, Kind.CREDIT, call.id, amount);
}

/** Ends the receiving half when no more items arrive or are wanted. */
export function endItems(
  shared: SharedState,
  receiveWindow: ReceiveWindow | undefined,
): void {
  if (receiveWindow === undefined || receiveWindow.ended) return;
  receiveWindow.ended = true;
  close(shared, receiveWindow);
}

/** Drops queued and later items; no more credit is granted. */
export function discardItems(
  shared: SharedState,
  receiveWindow: ReceiveWindow | undefined,
): void {
  if (receiveWindow === undefined) return;
  receiveWindow.discarding = true;
  close(shared, receiveWindow);
  receiveWindow.clear();
}

function close(shared: SharedState, receiveWindow: ReceiveWindow): void {
  receiveWindow.readPending = false;
  if (receiveWindow.partial !== undefined) {
    shared.timerWheel.remove(receiveWindow.partial);
  }
  receiveWindow.close();
  releaseTurn(shared, receiveWindow);
}
