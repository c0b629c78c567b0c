/**
 * Items in both directions; the same for the side that called and the side
 * that was called.
 *
 * @module
 */
import { Assembly } from "./assembly.ts";
import { fieldsEnd } from "./fields.ts";
import type { Inbox } from "./inbox.ts";
import type { Link, StreamCall } from "./link.ts";
import { Flag, FRAME_CHARGE, getU32, HEADER, Kind } from "./wire.ts";

/** Highest credit that grants may add up to (PROTOCOL.md, "Credit"). */
const MAX_CREDIT = 2 ** 31 - 1;

/** Takes an ITEM frame. */
export function receiveItem(
  link: Link,
  call: StreamCall,
  frame: Uint8Array,
): void {
  const inbox = call.inbox;
  if (inbox === undefined || inbox.ended) {
    return call.broken("items are not allowed here");
  }
  if (inbox.discarding) {
    link.stats.lateFrames++;
    return;
  }
  const charge = frame.length - HEADER + FRAME_CHARGE;
  if (!inbox.charge(charge)) {
    return link.fail(
      "flow-control",
      `call ${call.id} sent an item without credit for it`,
    );
  }
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  if (more || inbox.partial !== undefined) {
    receivePart(link, call, inbox, { frame, charge, more });
  } else {deliver(link, call, inbox, {
      body: frame.subarray(HEADER),
      charge,
      owned: false,
    });}
}

function receivePart(
  link: Link,
  call: StreamCall,
  inbox: Inbox,
  part: { frame: Uint8Array; charge: number; more: boolean },
): void {
  const assembly = inbox.partial ??= new Assembly(
    link.budget,
    link.limits,
    () =>
      call.broken(
        `an item was not whole after ${link.limits.assemblyTimeout} ms`,
      ),
  );
  const fault = assembly.add(part.frame.subarray(HEADER));
  if (fault !== undefined) {
    return call.broken(
      `an item is ${fault} (its frames are put together here)`,
    );
  }
  assembly.owed += part.charge;
  if (part.more) return payForParts(link, call, inbox);
  link.wheel.remove(assembly);
  inbox.partial = undefined;
  deliver(link, call, inbox, {
    body: assembly.finish(),
    charge: assembly.owed,
    owned: true,
  });
}

/**
 * While the application waits for an item, its parts are paid for as they
 * come: an item larger than the window could never arrive otherwise. The time
 * for it runs only then, for only then is its lateness the peer's.
 */
function payForParts(link: Link, call: StreamCall, inbox: Inbox): void {
  const assembly = inbox.partial;
  if (!inbox.waiting || assembly === undefined) return;
  inbox.owe(assembly.owed);
  assembly.owed = 0;
  if (assembly.slot < 0) {
    link.wheel.add(assembly, link.now + link.limits.assemblyTimeout);
  }
  grant(link, call, inbox);
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
    return call.broken(`an item is malformed: ${messageOf(error)}`);
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

/** Text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The next item that has come, or `undefined`: the observer will be told of the next one. */
export function takeItem(link: Link, call: StreamCall): Uint8Array | undefined {
  const inbox = call.inbox;
  if (inbox === undefined) return undefined;
  const body = inbox.take();
  if (body !== undefined) {
    grant(link, call, inbox);
    return body;
  }
  inbox.waiting = !inbox.ended;
  payForParts(link, call, inbox);
  return undefined;
}

function grant(link: Link, call: StreamCall, inbox: Inbox): void {
  if (inbox.ended) return;
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
  const body = new Uint8Array(4);
  new DataView(body.buffer).setUint32(0, value);
  link.writer.frame(kind, 0, id, body);
}

/** Ends the receiving half: no more comes, or no more is wanted. */
export function endItems(link: Link, inbox: Inbox | undefined): void {
  if (inbox === undefined || inbox.ended) return;
  inbox.ended = true;
  inbox.waiting = false;
  if (inbox.partial !== undefined) link.wheel.remove(inbox.partial);
  inbox.close();
}

/** Drops the items that wait and those that still come; nothing more is granted. */
export function discardItems(link: Link, inbox: Inbox | undefined): void {
  if (inbox === undefined) return;
  inbox.discarding = true;
  inbox.waiting = false;
  if (inbox.partial !== undefined) link.wheel.remove(inbox.partial);
  inbox.close();
  inbox.clear();
}

/** Whether an item may be sent now; if not, the observer will be told when. */
export function maySendItem(link: Link, call: StreamCall): boolean {
  if (!call.maySend) return false;
  if (
    call.credit > 0 && call.pending === undefined && !link.writer.congested
  ) return true;
  link.blocked.add(call);
  return false;
}

/**
 * Sends an item; {@linkcode maySendItem} has said that it may.
 *
 * @throws {CodecError} for a value that has no encoding
 * @throws {CallError} `too-large`
 */
export function sendItem(link: Link, call: StreamCall, value: unknown): void {
  const { writer } = link;
  const head = writer.beginMessage(Kind.ITEM, call.id, NONE);
  const at = writer.putFields(head, Infinity, NONE);
  const sent = writer.message(at, value, call.pending !== undefined);
  if (typeof sent === "number") call.credit -= sent;
  else writer.queue(call, Kind.ITEM, sent);
}

const NONE = new Uint8Array(0);

/** Takes a CREDIT frame for a call. */
export function receiveCredit(
  link: Link,
  call: StreamCall,
  frame: Uint8Array,
): void {
  const amount = creditOf(frame);
  if (amount === 0 || call.credit + amount > MAX_CREDIT) {
    return link.fail("flow-control", `call ${call.id} was granted ${amount}`);
  }
  call.credit += amount;
  if (call.pending !== undefined) link.writer.drain();
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

/** After a write: streams that could not send may try again. */
export function wakeBlocked(link: Link): void {
  if (link.blocked.size === 0 || link.writer.congested) return;
  for (const call of [...link.blocked]) wake(link, call);
}
