/**
 * Keeps its own books of what two sessions exchange, from their frames alone, and
 * compares them with the sessions' accounts.
 *
 * ```text
 *   charges framed ── in transit ── charges delivered      of the charging side
 *   total delivered ── in transit ── total framed          of its peer
 * ```
 *
 * @module
 */
import type { IncomingCall } from "../../../lib/messages/session/calls/incoming_calls.ts";
import type { OutgoingCall } from "../../../lib/messages/session/calls/outgoing_calls.ts";
import { Account, totalOf } from "../../../lib/messages/session/flow/credit.ts";
import type { ReceiveWindow } from "../../../lib/messages/session/flow/receive_window.ts";
import {
  Flag,
  FRAME_CHARGE,
  HEADER,
  Kind,
  readId,
} from "../../../lib/messages/session/wire/frame_header.ts";
import { accountsOf } from "./accounts.ts";
import type { Side, Simulation } from "./simulation.ts";

type SessionCall = OutgoingCall | IncomingCall;

/** Throws if two numbers differ. `assertEquals` would take most of the time. */
function same(actual: number, expected: number, what: () => string): void {
  if (actual === expected) return;
  throw new Error(`${what()}: ${actual} instead of ${expected}`);
}

function check(holds: boolean, what: () => string): void {
  if (!holds) throw new Error(what());
}

/** One account of one direction. */
class AccountBook {
  /** Charges of the frames that were sent, and of the frames that have arrived. */
  framed = 0;
  delivered = 0;
  /** Totals that were granted, and the highest that has arrived. */
  granted: number;
  known: number;

  constructor(window: number) {
    this.granted = this.known = window;
  }

  /** Number of bytes that the sender may still send. */
  get available(): number {
    return this.known - this.framed;
  }

  /** Number of bytes that the receiver still allows. */
  get allowed(): number {
    return this.granted - this.delivered;
  }
}

/** Everything that one side sends. */
class SideBook {
  readonly requests: AccountBook;
  readonly notifications: AccountBook;
  readonly items: AccountBook;
  /** Accounts of the calls' items. */
  readonly streams: Map<number, AccountBook> = new Map();
  /** Messages that this side has begun and not finished. */
  readonly unfinished: Partials = new Partials();
  /** Messages that have begun and not finished to arrive at the peer. */
  readonly incomplete: Partials = new Partials();
  /** Calls whose CANCEL has arrived here. */
  readonly cancelled: Set<number> = new Set();
  /** Calls that this side made and that are not over. */
  readonly calls: Set<OutgoingCall> = new Set();
  /** Receiving halves that may hold something of this side's peer. */
  readonly windows: Set<SessionCall> = new Set();
  readonly #streamWindow: number;

  constructor(receiver: Side) {
    const { connectionWindow, notifyWindow, itemsWindow, streamWindow } =
      receiver.session.limits;
    this.requests = new AccountBook(connectionWindow);
    this.notifications = new AccountBook(notifyWindow);
    this.items = new AccountBook(itemsWindow);
    this.#streamWindow = streamWindow;
  }

  stream(id: number): AccountBook {
    let book = this.streams.get(id);
    if (book === undefined) {
      book = new AccountBook(this.#streamWindow);
      this.streams.set(id, book);
    }
    return book;
  }

  /** Returns the accounts that a frame charges. */
  charged(kind: number, id: number): AccountBook[] {
    switch (kind) {
      case Kind.REQUEST:
        return [this.requests];
      case Kind.NOTIFY:
        return [this.notifications];
      case Kind.ITEM:
        return [this.items, this.stream(id)];
    }
    return [];
  }

  /** Returns the account whose total the peer's frame states. */
  stated(kind: number, id: number): AccountBook | undefined {
    if (kind === Kind.CREDIT) return this.stream(id);
    if (kind !== Kind.WINDOW) return undefined;
    return id === Account.REQUESTS
      ? this.requests
      : id === Account.NOTIFICATIONS
      ? this.notifications
      : this.items;
  }
}

/** A message of several frames: its kind, its call, and the bytes so far. */
interface Partial {
  readonly kind: number;
  readonly id: number;
  bytes: number;
}

/** Messages of one side of which frames are missing. */
class Partials {
  readonly #partials: Map<number, Partial> = new Map();

  #key(kind: number, id: number): number {
    return id * 256 + (kind === Kind.ERROR ? Kind.RESULT : kind); // one reply for each call
  }

  get all(): Iterable<Partial> {
    return this.#partials.values();
  }

  get size(): number {
    return this.#partials.size;
  }

  has(kind: number, id: number): boolean {
    return this.#partials.has(this.#key(kind, id));
  }

  delete(kind: number, id: number): void {
    this.#partials.delete(this.#key(kind, id));
  }

  /** Adds a frame. */
  add(frame: Uint8Array): void {
    const kind = frame[0]!; // frames have a header
    const id = readId(frame);
    if (kind === Kind.CANCEL) this.delete(Kind.REQUEST, id);
    if (!MESSAGES.has(kind)) return;
    if ((frame[1]! & Flag.MORE) === 0) return this.delete(kind, id); // as above
    const key = this.#key(kind, id);
    const partial = this.#partials.get(key) ??
      { kind: key % 256, id, bytes: 0 };
    partial.bytes += frame.length - HEADER;
    this.#partials.set(key, partial);
  }
}

const MESSAGES: ReadonlySet<number> = new Set([
  Kind.REQUEST,
  Kind.NOTIFY,
  Kind.ITEM,
  Kind.RESULT,
  Kind.ERROR,
]);

/** The books of both sides. */
export class Books {
  readonly #simulation: Simulation;
  readonly #books: ReadonlyMap<Side, SideBook>;

  /** @param simulation a simulation whose handshake is complete */
  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#books = new Map(
      simulation.sides.map((side) => [
        side,
        new SideBook(simulation.other(side)),
      ]),
    );
    const { framed } = simulation;
    simulation.framed = (side, frame) => {
      framed(side, frame);
      this.#framed(side, frame);
    };
    simulation.delivering = (side, frame) => this.#delivering(side, frame);
  }

  #of(side: Side): SideBook {
    return this.#books.get(side)!; // every side has an entry
  }

  #peerOf(side: Side): SideBook {
    return this.#of(this.#simulation.other(side));
  }

  /** Follows a call at one of its ends. */
  follow(side: Side, call: SessionCall): void {
    const book = this.#of(side);
    if (call.receiveWindow !== undefined) book.windows.add(call);
    if (!("info" in call)) return;
    if (call.receiveWindow ?? call.itemCredit) book.calls.add(call);
  }

  #framed(side: Side, frame: Uint8Array): void {
    const book = this.#of(side);
    const kind = frame[0]!; // frames have a header
    const id = readId(frame);
    const charged = book.charged(kind, id);
    const stops = kind === Kind.ITEM || kind === Kind.CREDIT;
    check(
      !stops || !book.cancelled.has(id),
      () => `kind ${kind} is sent for call ${id}, which was cancelled`,
    );
    for (const account of charged) {
      check(account.available > 0, () => `kind ${kind} of ${id} lacks credit`);
    }
    if (kind === Kind.ITEM && !book.unfinished.has(kind, id)) {
      const { itemsWindow } = this.#simulation.other(side).session.limits;
      const enough = book.items.available > itemsWindow / 4;
      check(enough, () => `an item of ${id} uses the reserve of others`);
    }
    for (const account of charged) {
      account.framed += frame.length - HEADER + FRAME_CHARGE;
    }
    const stated = this.#peerOf(side).stated(kind, id);
    if (stated !== undefined) {
      const total = totalOf(frame) ?? NaN;
      check(total > stated.granted, () => `the total ${total} does not rise`);
      stated.granted = total;
    }
    book.unfinished.add(frame);
  }

  /** Follows the calls whose requests wait for their handlers. */
  #followWaiting(side: Side): void {
    const { gate, calls } = side.session.incoming;
    if (gate.waiting === 0) return;
    for (const call of calls.all) this.follow(side, call);
  }

  #delivering(receiver: Side, frame: Uint8Array): void {
    const sent = this.#peerOf(receiver);
    const kind = frame[0]!; // frames have a header
    const id = readId(frame);
    for (const account of sent.charged(kind, id)) {
      account.delivered += frame.length - HEADER + FRAME_CHARGE;
    }
    const own = this.#of(receiver);
    const stated = own.stated(kind, id);
    if (stated !== undefined) stated.known = totalOf(frame) ?? NaN;
    sent.incomplete.add(frame);
    if (kind === Kind.CANCEL) own.cancelled.add(id);
    const terminal = kind === Kind.RESULT || kind === Kind.ERROR;
    if (terminal && (frame[1]! & Flag.MORE) === 0) { // as above
      own.unfinished.delete(Kind.REQUEST, id);
    }
  }

  /** Checks both sides. */
  check(): void {
    this.checkCredit();
    this.checkHeld();
  }

  /** Checks what both sides may send, if their session is in use. */
  checkCredit(): void {
    for (const side of this.#inUse) {
      this.#checkConnection(side);
      this.#checkStreams(side);
    }
  }

  /** Checks what both sides hold, if their session is in use. */
  checkHeld(): void {
    for (const side of this.#inUse) {
      this.#checkItems(side);
      this.#checkUnfinished(side);
      this.#checkReassembly(side);
    }
  }

  get #inUse(): readonly Side[] {
    const { sides } = this.#simulation;
    const inUse = sides.every(({ session: { state } }) =>
      state === "open" || state === "cut"
    );
    return inUse ? sides : [];
  }

  /** The accounts of the connection: the books, and what is held. */
  #checkConnection(side: Side): void {
    const { name, session } = side;
    const mine = accountsOf(session);
    const { requests, notifications, items } = this.#of(side);
    const what = (of: string) => () => `the ${name}'s credit for ${of}`;
    same(mine.requestCredit, requests.available, what("requests"));
    same(mine.notifyCredit, notifications.available, what("notifications"));
    same(mine.itemCredit, items.available, what("items"));

    const peer = this.#peerOf(side);
    const granted = (of: string) => () => `granted by the ${name} for ${of}`;
    same(mine.requestsGranted, peer.requests.allowed, granted("requests"));
    same(
      mine.notificationsGranted,
      peer.notifications.allowed,
      granted("notifications"),
    );
    same(mine.itemsGranted, peer.items.allowed, granted("items"));

    const { connectionWindow, notifyWindow } = session.limits;
    same(
      mine.requestsGranted + mine.requestsOwed + mine.requestsWaiting,
      connectionWindow,
      granted("all requests"),
    );
    same(
      mine.notificationsGranted + mine.notificationsOwed +
        mine.notificationsWaiting,
      notifyWindow,
      granted("all notifications"),
    );
  }

  /** The accounts of the calls in flight. */
  #checkStreams(caller: Side): void {
    const callee = this.#simulation.other(caller);
    const { calls } = this.#of(caller);
    for (const outgoing of calls) {
      if (outgoing.state === "done") calls.delete(outgoing);
      const incoming = callee.session.incoming.calls.get(outgoing.id);
      if (outgoing.over || incoming === undefined || incoming.over) continue;
      this.#checkStream(caller, outgoing, incoming);
      this.#checkStream(callee, incoming, outgoing);
    }
  }

  #checkStream(sender: Side, from: SessionCall, to: SessionCall): void {
    const window = to.receiveWindow;
    const { itemCredit } = from;
    if (window?.phase !== "open" || itemCredit === undefined) return;
    const book = this.#of(sender).stream(from.id);
    const what = () => `the ${sender.name}'s credit for items of ${from.id}`;
    // A total that arrives after the last item has no effect.
    const sends = from.maySendItems || from.sendQueue !== undefined;
    if (sends) same(itemCredit.available, book.available, what);
    same(window.available, book.allowed, what);
    const { streamWindow } = this.#simulation.other(sender).session.limits;
    const size = streamWindow + window.raised;
    const holds = window.length > 0 || window.partial !== undefined;
    const owed = size - window.available - (holds ? window.unreturned : 0);
    const prompt = owed >= 0 && (owed === 0 || owed * 2 < size);
    check(prompt, () => `${owed} of ${size} bytes are owed to ${from.id}`);
  }

  /** The items that a side holds, and what they are charged to. */
  #checkItems(side: Side): void {
    const { name, session } = side;
    this.#followWaiting(side);
    const { windows } = this.#of(side);
    const held = { charge: 0, claimed: 0, raised: 0, readers: 0, unpaid: 0 };
    for (const call of windows) {
      const window = call.receiveWindow!; // only such calls are followed
      if (window.length > 0 || window.partial !== undefined) {
        held.charge += window.unreturned;
        held.claimed += window.claimed;
      }
      held.raised += window.raised;
      if (window.readPending) held.readers++;
      if (window.length === 0 && isUnpaid(window.partial)) held.unpaid++;
      const first = window.length === 0 || !window.partial?.claimed;
      check(first, () => `parts of ${call.id} are paid before earlier items`);
      if (isEmpty(window)) windows.delete(call);
    }
    const { items } = session.shared;
    const { itemsWindow } = session.limits;
    const what = (of: string) => () => `items of the ${name}: ${of}`;
    same(
      items.credit.available + items.credit.owed + held.charge,
      itemsWindow + items.lent,
      what("charged"),
    );
    same(items.budget.used, held.claimed + items.lent, what("budget"));
    same(
      items.raises.pool.left + held.raised,
      itemsWindow,
      what("raised windows"),
    );
    same(items.readers, held.readers, what("readers"));
    const { budget, credit: { owed, available } } = items;
    check(held.unpaid <= budget.waiting, what("parts are not paid"));
    check(owed * 4 < itemsWindow, what(`${owed} bytes are owed`));
    if (items.readers === 0 || available > itemsWindow / 4) return;
    // A reader lacks credit: all that helps must have been done.
    check(owed === 0, what(`${owed} bytes are owed to a reader`));
    const { maxAssembly, maxMessage } = session.limits;
    const lends = items.lent > 0 || budget.used > 0 ||
      maxAssembly < 8 * maxMessage;
    check(lends, what("nothing is lent to a reader"));
    const reserve = maxMessage + 64 * 1024;
    const general = Math.max(0, maxAssembly / 2 - reserve);
    const advances = held.claimed <= general || available > 0 ||
      budget.used + 1 - available > general + 2 * reserve;
    check(advances, what("nothing is lent to the item that uses the reserve"));
  }

  /** The messages that a side has begun. */
  #checkUnfinished(side: Side): void {
    const { name, session } = side;
    const { bytes, limit } = session.shared.unfinished;
    let count = 0;
    let sent = 0;
    for (const { kind, bytes } of this.#of(side).unfinished.all) {
      if (kind === Kind.ITEM) continue;
      count++;
      sent += bytes;
    }
    const what = () =>
      `the ${name} counts ${bytes} unfinished bytes of ${count}`;
    check(count === 0 ? bytes === 0 : bytes > sent, what);
    check(bytes <= limit || count <= 1, what);
  }

  /** The messages that a side reassembles, except for items. */
  #checkReassembly(side: Side): void {
    const { outgoing, incoming, shared } = side.session;
    let held = 0;
    for (const { kind, id, bytes } of this.#peerOf(side).incomplete.all) {
      const dropped = kind === Kind.ITEM ||
        kind === Kind.REQUEST && !incoming.reader.holds(id) ||
        kind === Kind.RESULT && outgoing.calls.get(id)?.reply === undefined;
      if (!dropped) held += bytes;
    }
    const { used } = shared.reassemblyBudget;
    same(used, held, () => `reassembled by the ${side.name}`);
  }
}

/** Whether parts of an item were not paid in advance. */
function isUnpaid(partial: ReceiveWindow["partial"]): boolean {
  return partial !== undefined &&
    (partial.owed > 0 || partial.bytes > partial.claimed);
}

/** Whether a window holds nothing, and never will. */
function isEmpty({ phase, length, partial }: ReceiveWindow): boolean {
  return phase !== "open" && length === 0 && partial === undefined;
}
