/**
 * Figures of captured sessions over time: calls, latencies and credit.
 *
 * @module
 */
import {
  FRAME_CHARGE,
  getExactU64,
  HEADER,
  Kind,
} from "../../messages/session/wire/frame_header.ts";
import { decodeHello } from "../../messages/session/wire/hello.ts";
import { Histogram } from "../histogram.ts";
import type { CapturedFrame, Direction } from "./captured_frame.ts";
import { LENGTH } from "./session_decoder.ts";

/** Most calls of a timeline; further ones are only counted. */
const MAX_CALLS = 400;

/** Most methods with latencies of their own. */
const MAX_METHODS = 20;

/** Most points of a line; when there are more, every second one is dropped. */
const MAX_POINTS = 2000;

/** Most ends of connections whose credit is followed. */
const MAX_CREDITS = 40;

/** Account of WINDOW for the items of all calls. */
const ITEMS = 2;

/** Outcome of a call that its caller gave up. */
export const CANCELLED = "cancelled";

/** A call on the timeline. */
export interface TracedCall {
  /** Number of the connection, from 1. */
  readonly connection: number;
  /** Dotted name of the method, or its kind if it is unknown. */
  readonly method: string;
  /** Side that made the call. */
  readonly dir: Direction;
  /** Time of its first frame; 0 is the first frame of all, in ms. */
  readonly start: number;
  /** Time of its end; `undefined` if it did not end. */
  end: number | undefined;
  /** `"ok"`, or the code of the error of its caller. */
  outcome: string | undefined;
  /** Times of marks for items, in ms like the start. */
  readonly items: number[];
}

/** Most marks for the items of one call. */
const MAX_ITEMS = 1000;

/** Items that follow each other faster have one mark, in ms. */
const ITEM_GAP = 1;

/** Values over time. */
export class Line {
  /** Points, in the order of time. */
  points: (readonly [x: number, y: number])[] = [];
  #every = 1;
  #skipped = 0;

  /** Adds a point, or skips it so that few remain. */
  add(x: number, y: number): void {
    if (++this.#skipped < this.#every) return;
    this.#skipped = 0;
    this.points.push([x, y]);
    if (this.points.length <= MAX_POINTS) return;
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.#every *= 2;
  }
}

/** Credit that one end has for the items of all calls. */
interface ItemCredit {
  granted: number;
  used: number;
  readonly line: Line;
}

/** Figures of captured sessions. */
export class SessionTrace {
  /** Calls, first ones first. */
  readonly calls: TracedCall[] = [];
  /** Latencies in ms by method. */
  readonly latencies: Map<string, Histogram> = new Map();
  /** Number of calls that are not on the timeline. */
  omitted = 0;
  /** Number of frames. */
  frames = 0;
  /** Bytes from the clients and from the servers. */
  readonly bytes: Record<Direction, number> = { in: 0, out: 0 };
  /** Time of the last frame, in ms from the first one. */
  duration = 0;
  #start: number | undefined = undefined;
  readonly #open: Map<string, TracedCall> = new Map();
  readonly #credits: Map<string, ItemCredit> = new Map();

  /** Adds a frame. */
  add(frame: CapturedFrame): void {
    this.#start ??= frame.time;
    const at = frame.time - this.#start;
    this.duration = Math.max(this.duration, at);
    this.frames++;
    this.bytes[frame.dir] += frame.size;
    this.#addCredit(frame, at);
    this.#addCall(frame, at);
  }

  /** Bytes of credit over time, by name; only of connections with items. */
  *credits(): Generator<readonly [name: string, line: Line]> {
    for (const [name, { line, used }] of this.#credits) {
      if (used > 0) yield [name, line];
    }
  }

  /**
   * Ends the open calls of a connection that has ended.
   *
   * @param time when it ended, in ms since 1970
   */
  disconnected(connection: number, time: number): void {
    if (this.#start === undefined) return;
    const at = time - this.#start;
    this.duration = Math.max(this.duration, at);
    for (const [key, call] of this.#open) {
      if (call.connection === connection) this.#end(key, "disconnected", at);
    }
  }

  #addCall(frame: CapturedFrame, at: number): void {
    const { dir, kind, connection, id } = frame;
    const own = `${connection} ${dir} ${id}`;
    const peers = `${connection} ${dir === "in" ? "out" : "in"} ${id}`;
    switch (kind) {
      case "REQUEST":
        if (!this.#open.has(own)) this.#begin(frame, own, at);
        return;
      case "ITEM": {
        const call = this.#open.get(own) ?? this.#open.get(peers);
        if (call === undefined || call.items.length >= MAX_ITEMS) return;
        const last = call.items.at(-1);
        if (last === undefined || at - last >= ITEM_GAP) call.items.push(at);
        return;
      }
      case "RESULT":
      case "ERROR": {
        if (frame.more) return;
        const call = this.#end(peers, frame.code ?? "ok", at);
        if (call === undefined) return;
        this.#latencyOf(call.method)?.record(at - call.start);
        return;
      }
      case "CANCEL":
        this.#end(own, CANCELLED, at);
    }
  }

  /** Ends a call that is open, and returns it. */
  #end(key: string, outcome: string, at: number): TracedCall | undefined {
    const call = this.#open.get(key);
    if (call === undefined) return undefined;
    this.#open.delete(key);
    call.end = at;
    call.outcome = outcome;
    return call;
  }

  #begin(frame: CapturedFrame, key: string, at: number): void {
    const { connection, dir, method = "unknown method" } = frame;
    const call: TracedCall = {
      connection,
      method,
      dir,
      start: at,
      end: undefined,
      outcome: undefined,
      items: [],
    };
    // Calls that do not end are remembered only while they are on the timeline.
    if (this.calls.length < MAX_CALLS) this.calls.push(call);
    else if (++this.omitted > 0 && this.#open.size > 10 * MAX_CALLS) return;
    this.#open.set(key, call);
  }

  #latencyOf(method: string): Histogram | undefined {
    const known = this.latencies.get(method);
    if (known !== undefined || this.latencies.size >= MAX_METHODS) return known;
    const histogram = new Histogram();
    this.latencies.set(method, histogram);
    return histogram;
  }

  #addCredit(frame: CapturedFrame, at: number): void {
    const { dir, kind, bytes, size, id } = frame;
    const body = bytes.subarray(LENGTH + HEADER);
    if (kind === "HELLO") {
      const granted = itemsWindow(body);
      if (granted !== undefined) this.#creditOf(frame, opposite(dir), granted);
    } else if (kind === "WINDOW" && id === ITEMS && body.length === 8) {
      const credit = this.#creditOf(frame, opposite(dir), 0);
      credit.granted = Math.max(credit.granted, totalOf(body));
      credit.line.add(at, credit.granted - credit.used);
    } else if (bytes[LENGTH] === Kind.ITEM) {
      const credit = this.#creditOf(frame, dir, 0);
      credit.used += size - LENGTH - HEADER + FRAME_CHARGE;
      credit.line.add(at, Math.max(0, credit.granted - credit.used));
    }
  }

  /** Returns the credit of one end, which the other end grants. */
  #creditOf(
    { connection }: CapturedFrame,
    dir: Direction,
    granted: number,
  ): ItemCredit {
    const name = `#${connection} ${dir === "in" ? "client" : "server"}`;
    let credit = this.#credits.get(name);
    if (credit === undefined) {
      credit = { granted, used: 0, line: new Line() };
      if (this.#credits.size < MAX_CREDITS) this.#credits.set(name, credit);
    }
    credit.granted = Math.max(credit.granted, granted);
    return credit;
  }
}

function opposite(dir: Direction): Direction {
  return dir === "in" ? "out" : "in";
}

function itemsWindow(body: Uint8Array): number | undefined {
  try {
    return decodeHello(body, 65_535).itemsWindow;
  } catch {
    return undefined; // the frame is shown as malformed
  }
}

function totalOf(body: Uint8Array): number {
  try {
    return getExactU64(body, 0);
  } catch {
    return 0; // the receiver ends the session
  }
}
