/**
 * Watches the frames that two sessions exchange, and throws if one breaks a rule
 * of the wire that only an observer of all frames can check.
 *
 * @module
 */
import {
  Flag,
  Kind,
  readId,
} from "../../../lib/messages/session/wire/frame_header.ts";
import type { Side, Simulation } from "./simulation.ts";

/** The frames that one side has sent. */
class Sent {
  lastRequest = 0;
  /** REQUESTs of which frames are still unsent. */
  readonly unfinished: Set<number> = new Set();
  /** Calls of the peer that this side has answered. */
  readonly answered: Set<number> = new Set();
  /** Own calls whose REQUEST was sent completely. */
  readonly requested: Set<number> = new Set();
  readonly ended: Set<number> = new Set();
  readonly cancelled: Set<number> = new Set();
  started = false;
}

/** Watches every frame. */
export class Monitor {
  readonly sent: ReadonlyMap<Side, Sent>;
  frames = 0;

  constructor(simulation: Simulation) {
    this.sent = new Map(simulation.sides.map((side) => [side, new Sent()]));
    simulation.framed = (side, frame) => {
      try {
        this.#watch(side, frame);
      } catch (error) {
        throw new Error(`seed ${simulation.seed}: ${side.name}: ${error}`);
      }
    };
  }

  #watch(side: Side, frame: Uint8Array): void {
    const sent = this.sent.get(side)!;
    const kind = frame[0]!;
    const more = (frame[1]! & Flag.MORE) !== 0;
    const id = readId(frame);
    this.frames++;
    if (!sent.started && kind !== Kind.HELLO && kind !== Kind.GOAWAY) {
      throw new Error(`kind ${kind} before HELLO`);
    }
    sent.started = true;
    switch (kind) {
      case Kind.REQUEST:
      case Kind.NOTIFY:
        return this.#request(sent, kind, id, more);
      case Kind.END:
      case Kind.CANCEL:
        return this.#ofCaller(sent, kind, id);
      case Kind.RESULT:
      case Kind.ERROR:
        if (sent.answered.has(id)) throw new Error(`two replies to call ${id}`);
        if (!more) sent.answered.add(id);
        return;
      case Kind.ITEM:
      case Kind.CREDIT:
        if (sent.answered.has(id)) {
          throw new Error(`kind ${kind} after the reply to call ${id}`);
        }
        if (sent.cancelled.has(id)) {
          throw new Error(`kind ${kind} after the CANCEL of call ${id}`);
        }
        if (kind === Kind.ITEM && sent.ended.has(id)) {
          throw new Error(`ITEM after the END of call ${id}`);
        }
    }
  }

  #request(sent: Sent, kind: number, id: number, more: boolean): void {
    if (kind === Kind.NOTIFY) {
      if (id !== 0) throw new Error(`NOTIFY has id ${id}`);
      return;
    }
    if (!sent.unfinished.has(id)) {
      if (id <= sent.lastRequest) throw new Error(`id ${id} does not rise`);
      sent.lastRequest = id;
    }
    if (more) sent.unfinished.add(id);
    else {
      sent.unfinished.delete(id);
      sent.requested.add(id);
    }
  }

  #ofCaller(sent: Sent, kind: number, id: number): void {
    if (sent.cancelled.has(id)) {
      throw new Error(`kind ${kind} after the CANCEL of call ${id}`);
    }
    if (kind === Kind.CANCEL) {
      sent.cancelled.add(id);
      sent.unfinished.delete(id);
      return;
    }
    if (!sent.requested.has(id)) throw new Error(`END before REQUEST ${id}`);
    if (sent.ended.has(id)) throw new Error(`END of ${id} twice`);
    sent.ended.add(id);
  }
}
