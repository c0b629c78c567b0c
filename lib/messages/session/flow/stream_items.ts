/**
 * Items in both directions; the same for the side that called and the side
 * that was called.
 *
 * @module
 */
import { Assembly, type AssemblyFault } from "./reassembly.ts";
import { fieldsEnd, NO_FIELDS } from "../wire/fields.ts";
import type { Inbox } from "./receive_window.ts";
import type { Link, StreamCall } from "./shared_state.ts";
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
  link: Link,
  call: StreamCall,
  frame: Uint8Array,
): void {
  const inbox = call.inbox;
  if (call.over || inbox?.discarding) {
    link.stats.lateFrames++;
    return;
  }
  if (inbox === undefined || inbox.ended) {
    return call.broken("malformed", "items are not allowed here");
  }
  const charge = frame.length - HEADER + FRAME_CHARGE;
  if (!inbox.charge(charge)) {
    return link.fail(
      "flow-control",
      `call ${call.id} sent an item without credit for it`,
    );
  }
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  const body = frame.subarray(HEADER);
  if (more || inbox.partial !== undefined) {
    receivePart(link, call, inbox, { body, charge, more });
  } else deliver(link, call, inbox, { body, charge, owned: false });
}

function receivePart(
  link: Link,
  call: StreamCall,
  inbox: Inbox,
  part: { body: Uint8Array; charge: number; more: boolean },
): void {
  const assembly = inbox.partial ??= newPartial(link, call);
  const fault = assembly.add(part.body);
  if (fault !== undefined) return broken(call, fault);
  assembly.owed += part.charge;
  if (part.more) return payForParts(link, call, inbox);
  link.wheel.remove(assembly);
  inbox.partial = undefined;
  const charge = assembly.owed;
  const whole = assembly.finish();
  nextTurn(link, inbox);
  deliver(link, call, inbox, { body: whole, charge, owned: true });
}

function newPartial(link: Link, call: StreamCall): Assembly {
  const { assemblyTimeout } = link.limits;
  return new Assembly(link.budget, link.limits, () =>
    call.broken(
      "malformed",
      `an item was not whole after ${assemblyTimeout} ms`,
    ));
}

/** Too many unfinished messages at once are nobody's fault; the other bounds are the sender's to keep. */
function broken(call: StreamCall, fault: AssemblyFault): void {
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
function payForParts(link: Link, call: StreamCall, inbox: Inbox): void {
  const assembly = inbox.partial;
  if (!inbox.waiting || assembly === undefined) return;
  if (!link.turns.mayPay(inbox, call)) return link.wheel.remove(assembly);
  // Unpaid parts are within the stream's window; those that are paid are not.
  const fault = assembly.claim();
  if (fault !== undefined) return broken(call, fault);
  inbox.owe(assembly.owed);
  assembly.owed = 0;
  if (assembly.slot < 0) {
    link.wheel.add(assembly, link.now + link.limits.assemblyTimeout);
  }
  grant(link, call, inbox);
}

/** The stream's item is no longer unfinished; another's may go on. */
function nextTurn(link: Link, inbox: Inbox): void {
  link.turns.done(inbox, (next, call) => payForParts(link, call, next));
}

function deliver(
  link: Link,
  call: StreamCall,
  inbox: Inbox,
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
  if (!inbox.waiting) {
    return inbox.put(item.owned ? body : body.slice(), item.charge);
  }
  inbox.waiting = false;
  inbox.owe(item.charge);
  grant(link, call, inbox);
  call.observer.onItem(body);
}

/** The next item that has come, or `undefined`: the observer will be told of the next one. */
export function takeItem(link: Link, call: StreamCall): Uint8Array | undefined {
  const inbox = call.inbox;
  if (inbox === undefined) return undefined;
  link.writer.checkOutside(); // credit could not leave, and the item would be lost
  const body = inbox.take();
  if (body !== undefined) {
    grant(link, call, inbox);
    return body;
  }
  inbox.waiting = !inbox.ended && !inbox.discarding;
  payForParts(link, call, inbox);
  return undefined;
}

function grant(link: Link, call: StreamCall, inbox: Inbox): void {
  if (inbox.ended || inbox.discarding) return;
  const amount = inbox.grant();
  if (amount > 0) writeU32(link, Kind.CREDIT, call.id, amount);
}

/** A frame whose body is one u32. */
export function writeU32(
  link: Link,
  kind: number,
  id: number,
  value: number,
): void {
  const { writer } = link;
  const at = writer.begin(kind, 0, id, 4);
  putU32(writer.buffer, at, value);
  writer.commit(at + 4);
}

/** Ends the receiving half: no more comes, or no more is wanted. */
export function endItems(link: Link, inbox: Inbox | undefined): void {
  if (inbox === undefined || inbox.ended) return;
  inbox.ended = true;
  close(link, inbox);
}

/** Drops the items that wait and those that still come; nothing more is granted. */
export function discardItems(link: Link, inbox: Inbox | undefined): void {
  if (inbox === undefined) return;
  inbox.discarding = true;
  close(link, inbox);
  inbox.clear();
}

function close(link: Link, inbox: Inbox): void {
  inbox.waiting = false;
  if (inbox.partial !== undefined) link.wheel.remove(inbox.partial);
  inbox.close();
  nextTurn(link, inbox);
}

/** Whether an item may be sent now; if not, the observer will be told when. */
export function maySendItem(link: Link, call: StreamCall): boolean {
  if (!call.maySend) return false;
  if (mayLeave(link, call)) return true;
  link.blocked.add(call);
  return false;
}

/** Credit, nothing of its own in front of it, and room: on the way to the transport, and for one that is known to be large. */
function mayLeave(link: Link, call: StreamCall): boolean {
  const { writer, crowded } = link;
  const size = crowded.get(call);
  return call.credit > 0 && call.outbox === undefined && writer.items.open &&
    (size === undefined || hasRoom(link, call, size));
}

/**
 * Whether an item of so many bytes may wait encoded for credit. One at a time
 * may although there is no room, whatever its size. Either goes to the stream
 * that has waited longest for it, or some would always be first.
 */
function hasRoom(link: Link, call: StreamCall, length: number): boolean {
  if (fits(link, length)) {
    const next = longestWaiting(link, (size) => fits(link, size));
    return (next ?? call) === call;
  }
  if (link.oversize?.outbox !== undefined) return false;
  return (longestWaiting(link, () => true) ?? call) === call;
}

function fits({ writer, limits }: Link, length: number): boolean {
  return writer.itemBacklog + length <= limits.maxAssembly;
}

/** Of the streams whose item finds no room, the first that could send one of such a size. */
function longestWaiting(
  { crowded }: Link,
  isFit: (size: number) => boolean,
): StreamCall | undefined {
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
  link: Link,
  call: StreamCall,
  value: unknown,
): boolean {
  const sent = encodeItem(link, call, value);
  if (sent !== undefined && !hasRoom(link, call, sent.length)) {
    link.crowded.set(call, sent.length);
    link.blocked.add(call);
    return false;
  }
  link.crowded.delete(call);
  if (sent === undefined) return true;
  if (!fits(link, sent.length)) link.oversize = call;
  else if (link.oversize === call) link.oversize = undefined; // the one before has left
  link.writer.queue(call, Kind.ITEM, sent);
  return true;
}

/** Sends an item that fits into a frame; one that does not is given back. */
function encodeItem(
  link: Link,
  call: StreamCall,
  value: unknown,
): Uint8Array | undefined {
  const { writer } = link;
  const head = writer.beginMessage(Kind.ITEM, call.id, NO_FIELDS);
  const at = writer.putFields(head, Infinity, NO_FIELDS);
  try {
    const sent = writer.message(at, value, call.outbox !== undefined);
    if (typeof sent !== "number") return sent;
    call.credit -= sent;
    writer.items.add(sent);
    return undefined;
  } catch (error) {
    if (link.crowded.delete(call)) wakeBlocked(link);
    throw error;
  }
}

/** Takes a CREDIT frame for a call. */
export function receiveCredit(
  link: Link,
  call: StreamCall,
  amount: number,
): void {
  // Where nothing is to be sent any more, or ever, credit has no effect.
  if (!call.maySend && !call.outbox?.holdsItems) return;
  if (call.credit + amount > MAX_CREDIT) {
    return link.fail("flow-control", `call ${call.id} was granted ${amount}`);
  }
  call.credit += amount;
  if (call.credit <= 0) return;
  if (call.outbox !== undefined) link.writer.resume(call.outbox);
  wake(link, call);
}

/** The amount in a CREDIT or WINDOW frame; 0 for one that is malformed. */
export function creditOf(frame: Uint8Array): number {
  return frame.length === HEADER + 4 ? getU32(frame, HEADER) : 0;
}

function wake(link: Link, call: StreamCall): void {
  if (!link.blocked.delete(call)) return;
  if (!call.maySend || maySendItem(link, call)) call.observer.onSendable();
}

/** After a write: streams that could not send may try again. Those without credit wait for it. */
export function wakeBlocked(link: Link): void {
  if (link.blocked.size === 0) return;
  for (const call of link.blocked) {
    if (!link.writer.items.open) return;
    if (mayLeave(link, call)) wake(link, call);
  }
}

/** Forgets what waits of a call, encoded or as a value; others may have been kept waiting by it. */
export function dropWaiting(link: Link, call: StreamCall): void {
  if (link.oversize === call) link.oversize = undefined;
  const stoodInLine = link.crowded.delete(call);
  if (call.outbox === undefined && !stoodInLine) return;
  link.writer.drop(call);
  wakeBlocked(link);
}
