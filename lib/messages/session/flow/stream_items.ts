/**
 * Items in both directions; the same for the side that called and the side
 * that was called.
 *
 * @module
 */
import { Reassembly, type ReassemblyFault } from "./reassembly.ts";
import { fieldsEnd, NO_FIELDS } from "../wire/fields.ts";
import type { ReceiveWindow } from "./receive_window.ts";
import type { SessionStream, SharedState } from "./shared_state.ts";
import { messageOf } from "../wire/malformed_error.ts";
import {
  Flag,
  FRAME_CHARGE,
  getU32,
  HEADER,
  Kind,
  putU32,
} from "../wire/frame_header.ts";

/** Highest credit that grants may add up to (PROTOCOL.md, "Credit"). */
export const MAX_CREDIT: number = 2 ** 31 - 1;

/** Takes an ITEM frame. */
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
    return call.broken("malformed", "items are not allowed here");
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
  if (fault !== undefined) return broken(call, fault);
  reassembly.owed += part.charge;
  if (part.more) return payForParts(shared, call, receiveWindow);
  shared.wheel.remove(reassembly);
  receiveWindow.partial = undefined;
  const charge = reassembly.owed;
  const whole = reassembly.finish();
  nextTurn(shared, receiveWindow);
  deliver(shared, call, receiveWindow, { body: whole, charge, owned: true });
}

function newPartial(shared: SharedState, call: SessionStream): Reassembly {
  const { assemblyTimeout } = shared.limits;
  return new Reassembly(shared.budget, shared.limits, () =>
    call.broken(
      "malformed",
      `an item was not whole after ${assemblyTimeout} ms`,
    ));
}

/** Too many unfinished messages at once are nobody's fault; the other bounds are the sender's to keep. */
function broken(call: SessionStream, fault: ReassemblyFault): void {
  call.broken(
    fault === "over-budget" ? "overloaded" : "malformed",
    `an item is ${fault} (its frames are put together here)`,
  );
}

/**
 * While the application waits for an item, its parts are paid for as they
 * come: an item larger than the window could never arrive otherwise. The time
 * for it runs only then, for only then is its lateness the peer's; so it does
 * not while the item waits for its turn among others.
 */
function payForParts(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
): void {
  const reassembly = receiveWindow.partial;
  if (!receiveWindow.waiting || reassembly === undefined) return;
  if (!shared.turns.mayPay(receiveWindow, call)) {
    return shared.wheel.remove(reassembly);
  }
  // Unpaid parts are within the stream's window; those that are paid are not.
  const fault = reassembly.claim();
  if (fault !== undefined) return broken(call, fault);
  receiveWindow.owe(reassembly.owed);
  reassembly.owed = 0;
  if (reassembly.slot < 0) {
    shared.wheel.add(reassembly, shared.now + shared.limits.assemblyTimeout);
  }
  grant(shared, call, receiveWindow);
}

/** The stream's item is no longer unfinished; another's may go on. */
function nextTurn(shared: SharedState, receiveWindow: ReceiveWindow): void {
  shared.turns.done(
    receiveWindow,
    (next, call) => payForParts(shared, call, next),
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
    return call.broken(
      "malformed",
      `an item is malformed: ${messageOf(error)}`,
    );
  }
  const body = item.body.subarray(start);
  if (!receiveWindow.waiting) {
    return receiveWindow.put(item.owned ? body : body.slice(), item.charge);
  }
  receiveWindow.waiting = false;
  receiveWindow.owe(item.charge);
  grant(shared, call, receiveWindow);
  call.observer.onItem(body);
}

/** The next item that has come, or `undefined`: the observer will be told of the next one. */
export function takeItem(
  shared: SharedState,
  call: SessionStream,
): Uint8Array | undefined {
  const receiveWindow = call.receiveWindow;
  if (receiveWindow === undefined) return undefined;
  shared.writer.checkOutside(); // credit could not leave, and the item would be lost
  const body = receiveWindow.take();
  if (body !== undefined) {
    grant(shared, call, receiveWindow);
    return body;
  }
  receiveWindow.waiting = !receiveWindow.ended && !receiveWindow.discarding;
  payForParts(shared, call, receiveWindow);
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

/** A frame whose body is one u32. */
export function writeU32(
  shared: SharedState,
  kind: number,
  id: number,
  value: number,
): void {
  const { writer } = shared;
  const at = writer.begin(kind, 0, id, 4);
  putU32(writer.buffer, at, value);
  writer.commit(at + 4);
}

/** Ends the receiving half: no more comes, or no more is wanted. */
export function endItems(
  shared: SharedState,
  receiveWindow: ReceiveWindow | undefined,
): void {
  if (receiveWindow === undefined || receiveWindow.ended) return;
  receiveWindow.ended = true;
  close(shared, receiveWindow);
}

/** Drops the items that wait and those that still come; nothing more is granted. */
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
  receiveWindow.waiting = false;
  if (receiveWindow.partial !== undefined) {
    shared.wheel.remove(receiveWindow.partial);
  }
  receiveWindow.close();
  nextTurn(shared, receiveWindow);
}

/** Whether an item may be sent now; if not, the observer will be told when. */
export function maySendItem(shared: SharedState, call: SessionStream): boolean {
  if (!call.maySend) return false;
  if (mayLeave(shared, call)) return true;
  shared.blocked.add(call);
  return false;
}

/** Credit, nothing of its own in front of it, and room: on the way to the transport, and for one that is known to be large. */
function mayLeave(shared: SharedState, call: SessionStream): boolean {
  const { writer, crowded } = shared;
  const size = crowded.get(call);
  return call.credit > 0 && call.sendQueue === undefined && writer.items.open &&
    (size === undefined || hasRoom(shared, call, size));
}

/**
 * Whether an item of so many bytes may wait encoded for credit. One at a time
 * may although there is no room, whatever its size. Either goes to the stream
 * that has waited longest for it, or some would always be first.
 */
function hasRoom(
  shared: SharedState,
  call: SessionStream,
  length: number,
): boolean {
  if (fits(shared, length)) {
    const next = longestWaiting(shared, (size) => fits(shared, size));
    return (next ?? call) === call;
  }
  if (shared.oversize?.sendQueue !== undefined) return false;
  return (longestWaiting(shared, () => true) ?? call) === call;
}

function fits({ writer, limits }: SharedState, length: number): boolean {
  return writer.itemBacklog + length <= limits.maxAssembly;
}

/** Of the streams whose item finds no room, the first that could send one of such a size. */
function longestWaiting(
  { crowded }: SharedState,
  isFit: (size: number) => boolean,
): SessionStream | undefined {
  for (const [call, size] of crowded) {
    if (!call.maySend) crowded.delete(call);
    else if (call.credit > 0 && isFit(size)) return call;
  }
  return undefined;
}

/**
 * Sends an item; {@linkcode maySendItem} has said that it may. One that does
 * not fit into a frame waits encoded for credit, which a peer may never give:
 * so there is a bound on the bytes of all of those, and beyond it an item waits
 * as the value that it is.
 *
 * @returns whether it was taken; if not, the observer is told when it may be
 * @throws {CodecError} for a value that has no encoding
 * @throws {CallError} `too-large`
 */
export function sendItem(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
): boolean {
  const sent = encodeItem(shared, call, value);
  if (sent !== undefined && !hasRoom(shared, call, sent.length)) {
    shared.crowded.set(call, sent.length);
    shared.blocked.add(call);
    return false;
  }
  shared.crowded.delete(call);
  if (sent === undefined) return true;
  if (!fits(shared, sent.length)) shared.oversize = call;
  else if (shared.oversize === call) shared.oversize = undefined; // the one before has left
  shared.writer.queue(call, Kind.ITEM, sent);
  return true;
}

/** Sends an item that fits into a frame; one that does not is given back. */
function encodeItem(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
): Uint8Array | undefined {
  const { writer } = shared;
  const head = writer.beginMessage(Kind.ITEM, call.id, NO_FIELDS);
  const at = writer.putFields(head, Infinity, NO_FIELDS);
  try {
    const sent = writer.message(at, value, call.sendQueue !== undefined);
    if (typeof sent !== "number") return sent;
    call.credit -= sent;
    writer.items.add(sent);
    return undefined;
  } catch (error) {
    if (shared.crowded.delete(call)) wakeBlocked(shared);
    throw error;
  }
}

/** Takes a CREDIT frame for a call. */
export function receiveCredit(
  shared: SharedState,
  call: SessionStream,
  amount: number,
): void {
  // Where nothing is to be sent any more, or ever, credit has no effect.
  if (!call.maySend && !call.sendQueue?.holdsItems) return;
  if (call.credit + amount > MAX_CREDIT) {
    return shared.fail("flow-control", `call ${call.id} was granted ${amount}`);
  }
  call.credit += amount;
  if (call.credit <= 0) return;
  if (call.sendQueue !== undefined) shared.writer.resume(call.sendQueue);
  wake(shared, call);
}

/** The amount in a CREDIT or WINDOW frame; 0 for one that is malformed. */
export function creditOf(frame: Uint8Array): number {
  return frame.length === HEADER + 4 ? getU32(frame, HEADER) : 0;
}

function wake(shared: SharedState, call: SessionStream): void {
  if (!shared.blocked.delete(call)) return;
  if (!call.maySend || maySendItem(shared, call)) call.observer.onSendable();
}

/** After a write: streams that could not send may try again. Those without credit wait for it. */
export function wakeBlocked(shared: SharedState): void {
  if (shared.blocked.size === 0) return;
  for (const call of shared.blocked) {
    if (!shared.writer.items.open) return;
    if (mayLeave(shared, call)) wake(shared, call);
  }
}

/** Forgets what waits of a call, encoded or as a value; others may have been kept waiting by it. */
export function dropWaiting(shared: SharedState, call: SessionStream): void {
  if (shared.oversize === call) shared.oversize = undefined;
  const stoodInLine = shared.crowded.delete(call);
  if (call.sendQueue === undefined && !stoodInLine) return;
  shared.writer.drop(call);
  wakeBlocked(shared);
}
