/**
 * The invariants of sessions that are resumed, checked after each event of a
 * simulation.
 *
 * @module
 */
import { equals } from "@std/bytes";
import { hasPosition } from "../../../../lib/messages/session/wire/frame_header.ts";
import type { IncomingCall } from "../../../../lib/messages/session/calls/incoming_calls.ts";
import type { OutgoingCall } from "../../../../lib/messages/session/calls/outgoing_calls.ts";
import { Books } from "../progress_books.ts";
import type { Side } from "../simulation.ts";
import {
  GRACE,
  type ResumableSide,
  type ResumableSimulation,
} from "./resumable_simulation.ts";

/** The invariants. */
export const INVARIANTS = [
  "frames that arrive are the first ones sent, without gap or repeat",
  "acknowledged <= received <= sent, and none of them falls",
  "exactly the frames that are not acknowledged are kept, or it is not resumed",
  "only the current link has an effect",
  "of several resumptions at once, one succeeds",
  "the grace period runs exactly while there is no link",
  "both ends compute the same credit at rest",
  "the bytes charged are the bytes held",
  "a replay ends, however often it is cut",
  "without cuts, resumption changes nothing",
] as const;

/** The name of an invariant. */
export type Invariant = (typeof INVARIANTS)[number];

/** Thrown when an invariant does not hold. */
export class Violated extends Error {
  constructor(readonly invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`);
  }
}

/** Events that must occur, or the runs are worth nothing. */
export interface Occurred {
  /** Links on which a session went on. */
  resumptions: number;
  /** Frames that were sent again. */
  replayed: number;
  /** Links that were replaced while the server still used them. */
  fences: number;
  /** Frames that were dropped because too many were kept. */
  dropped: number;
  /** Open streams whose credit was compared. */
  streams: number;
  /** Sessions that were ended because memory was short. */
  evictions: number;
}

type SessionCall = OutgoingCall | IncomingCall;

/** Heap bytes that are charged for each frame, besides its segment. */
const FRAME_COST = 32;

/** Events between two checks of all kept frames. */
const EVENTS = 50;

/** State of one end as it was seen last. */
class Watched {
  /** Frames with a position, in the order of their positions. */
  readonly emitted: Uint8Array[] = [];
  /** Number of the peer's frames that were handed to the session. */
  handed = 0;
  acknowledged = 0;
  received = 0;
  sent = 0;
  /** Position up to which frames were dropped although not acknowledged. */
  droppedTo = 0;
  /** Position of the last frame that the link has been passed. */
  passed = 0;
  /** Time of the last cut. */
  cutAt = -Infinity;
  state = "";

  constructor(readonly side: ResumableSide) {}

  get frames() {
    return this.side.sink.frames;
  }

  /** Whether the frame at a position is kept unchanged. */
  keeps(position: number): boolean {
    try {
      return equals(
        this.frames.at(position).bytes,
        this.emitted[position - 1]!,
      );
    } catch {
      return false; // it has no segment
    }
  }

  /** Whether a segment is kept although all its frames are acknowledged. */
  get keepsNeedlessly(): boolean {
    const { frames, frames: { acknowledged, sent } } = this;
    if (acknowledged === 0 || !this.keeps(acknowledged)) return false;
    return acknowledged === sent ||
      frames.at(acknowledged).bytes.buffer !==
        frames.at(acknowledged + 1).bytes.buffer;
  }
}

/** Checks something that throws; its failure violates the invariant. */
function named(invariant: Invariant, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Violated(invariant, String(error));
  }
}

/** Checks a simulation after each event. */
export class Watch {
  readonly #simulation: ResumableSimulation;
  readonly #occurred: Occurred;
  readonly #ends: readonly [Watched, Watched];
  readonly #books: Books;
  #events = 0;

  constructor(simulation: ResumableSimulation, occurred: Occurred) {
    this.#simulation = simulation;
    this.#occurred = occurred;
    this.#books = new Books(simulation);
    const { delivering } = simulation;
    const [client, server] = simulation.ends;
    this.#ends = [new Watched(client), new Watched(server)];
    this.#ends.forEach((end, index) =>
      this.#observe(end, this.#ends[1 - index]!)
    );
    simulation.delivering = (side, frame) => {
      if (!hasPosition(frame[0]!) || side.session.state === "closed") return; // in range: frames have a header
      this.#delivering(side, frame);
      delivering(side, frame);
    };
    simulation.check = () => this.#check();
  }

  #observe(end: Watched, peer: Watched): void {
    const { frames } = end;
    const { commit, dropOldest } = frames;
    frames.commit = (to, streamEnd) => {
      const frame = frames.view(to).slice();
      end.emitted.push(frame);
      commit.call(frames, to, streamEnd);
      this.#simulation.framed(end.side, frame);
    };
    frames.dropOldest = (limit) => {
      const before = frames.firstKept;
      dropOldest.call(frames, limit);
      this.#occurred.dropped += frames.firstKept - before;
      if (frames.firstKept > before) end.droppedTo = frames.firstKept - 1;
    };
    const { side, side: { onRequest, session: { outgoing } } } = end;
    const { open } = outgoing;
    outgoing.open = (options) => {
      const call = open.call(outgoing, options);
      this.#books.follow(side, call);
      return call;
    };
    side.onRequest = (call, body) => {
      this.#books.follow(side, call);
      onRequest.call(side, call, body);
    };
    end.side.onResume = () => {
      this.#checkKept(end);
      this.#occurred.replayed += frames.sent - peer.side.session.received;
      if (end.side.name === "client") this.#occurred.resumptions++;
      else if (end.side.session.state === "open") this.#occurred.fences++;
    };
  }

  #delivering(side: Side, frame: Uint8Array): void {
    const [end, peer] = side.name === "client"
      ? this.#ends
      : [this.#ends[1], this.#ends[0]];
    const sent = peer.emitted[end.handed++];
    if (sent !== undefined && equals(sent, frame)) return;
    throw new Violated(INVARIANTS[0], `${side.name}, frame ${end.handed}`);
  }

  #check(): void {
    const [client, server] = this.#ends;
    this.#checkPositions(client, server);
    this.#checkPositions(server, client);
    const all = ++this.#events % EVENTS === 0;
    for (const end of this.#ends) {
      const { state } = end.side.session;
      if (all || state !== end.state) this.#checkKept(end);
      if (state === "cut" && end.state !== state) {
        end.cutAt = this.#simulation.now;
      }
      end.state = state;
      this.#checkGrace(end);
      this.#checkUnsent(end);
    }
    named(INVARIANTS[6], () => this.#books.checkCredit());
    named(INVARIANTS[7], () => this.#books.checkHeld());
  }

  /**
   * Compares the unsent bytes with the frames that the transport lacks. A link
   * that was lost may have delivered what it has taken.
   */
  #checkUnsent(end: Watched): void {
    const { emitted, side: { sink, link, session, name } } = end;
    if (session.state === "open") end.passed = sink.passedPosition;
    else if (session.state !== "cut") return;
    let bytes = link.unsent;
    for (const { length } of emitted.slice(end.passed)) bytes += 4 + length;
    const { unsent } = session.shared.writer;
    if (unsent === bytes) return;
    throw new Violated(
      INVARIANTS[7],
      `${bytes} bytes of the ${name} are unsent, and ${unsent} are charged`,
    );
  }

  /** The frames from one end to the other. */
  #checkPositions(end: Watched, peer: Watched): void {
    const { acknowledged, sent } = end.frames;
    const { received } = peer.side.session;
    const now = `${acknowledged} ${received} ${sent}`;
    const before = `${end.acknowledged} ${peer.received} ${end.sent}`;
    if (
      acknowledged > received || received > sent ||
      acknowledged < end.acknowledged || received < peer.received ||
      sent < end.sent
    ) throw new Violated(INVARIANTS[1], `${before}, then ${now}`);
    end.acknowledged = acknowledged;
    end.sent = sent;
    peer.received = received;
  }

  #checkKept(end: Watched): void {
    const { frames, side: { session, name } } = end;
    if (session.state !== "open" && session.state !== "cut") return;
    const { acknowledged, sent, firstKept } = frames;
    const first = Math.max(acknowledged, end.droppedTo) + 1;
    for (let position = first; position <= sent; position++) {
      if (end.keeps(position) && firstKept <= first) continue;
      throw new Violated(
        INVARIANTS[2],
        `${name} lacks ${position} of ${acknowledged} to ${sent}`,
      );
    }
    if (end.keepsNeedlessly) {
      throw new Violated(INVARIANTS[2], `${name} keeps ${acknowledged}`);
    }
    if (session.mayResume && end.droppedTo > acknowledged) {
      throw new Violated(INVARIANTS[2], `${name} hides dropped frames`);
    }
    this.#checkCharge(end);
  }

  /** Compares the charge with the segments that can be reached. */
  #checkCharge(end: Watched): void {
    const { frames, side: { name } } = end;
    const segments = new Set<ArrayBufferLike>();
    let bytes = 0;
    for (let at = frames.sent; at > 0 && end.keeps(at); at--) {
      segments.add(frames.at(at).bytes.buffer);
      bytes += FRAME_COST;
    }
    for (const segment of segments) bytes += segment.byteLength;
    if (bytes === frames.held) return;
    throw new Violated(
      INVARIANTS[7],
      `${name} holds ${bytes} and charges ${frames.held}`,
    );
  }

  #checkGrace({ cutAt, side: { session, name } }: Watched): void {
    const end = cutAt + GRACE;
    const { now } = this.#simulation;
    const right = session.state === "cut"
      ? session.wakeAt <= end && now <= end
      : session.state !== "open" || session.wakeAt !== end;
    if (right) return;
    throw new Violated(
      INVARIANTS[5],
      `${name} is ${session.state} and wakes at ${session.wakeAt}, not ${end}`,
    );
  }

  /** Compares the credit that both ends compute; nothing may be in flight. */
  checkCredit(): void {
    const [client, server] = this.#simulation.ends;
    for (const { session, name } of [client, server]) {
      if (session.state === "open") continue;
      throw new Violated(INVARIANTS[8], `${name} is ${session.state}`);
    }
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const { requestCredit, notifyCredit, itemCredit } = from.session.shared;
      const { reader } = to.session.incoming;
      const accounts = {
        requests: [requestCredit, reader.requestCredit],
        notifications: [notifyCredit, reader.notifyCredit],
        items: [itemCredit, to.session.shared.items.credit],
      };
      for (const [account, [sends, grants]] of Object.entries(accounts)) {
        if (sends!.available === grants!.available) continue;
        throw new Violated(
          INVARIANTS[6],
          `${from.name} may send ${
            sends!.available
          } of ${account}, and was granted ${grants!.available}`,
        );
      }
      this.#checkStreams(from, to);
    }
  }

  /** Compares the credit of the streams that one side has called. */
  #checkStreams(caller: Side, callee: Side): void {
    for (const outgoing of caller.session.outgoing.calls.all) {
      const incoming = callee.session.incoming.calls.get(outgoing.id);
      if (incoming === undefined) continue;
      this.#checkStream(outgoing, incoming);
      this.#checkStream(incoming, outgoing);
    }
  }

  #checkStream(from: SessionCall, to: SessionCall): void {
    const window = to.receiveWindow;
    if (window?.phase !== "open" || !from.maySendItems) return;
    this.#occurred.streams++;
    const sends = from.itemCredit?.available;
    if (sends === window.available) return;
    throw new Violated(
      INVARIANTS[6],
      `${sends} for items of ${from.id}, and ${window.available} were granted`,
    );
  }
}
