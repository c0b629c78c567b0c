/**
 * Conversations of the vectors, and a builder for them.
 *
 * @module
 */
import {
  cancel,
  goaway,
  helloBody,
  type HelloParts,
  type Method,
  named,
  size,
  type Value,
} from "./bytes.ts";

/** The two ends. */
export type Side = "client" | "server";

/** Bytes: hex, or runs of `[hex, times]` if they are much shorter. */
export type Bytes = string | { parts: [hex: string, times: number][] };

/** Details of a step, in addition to its verb. */
export type Details = Readonly<Record<string, unknown>>;

/** One step of a conversation. */
export type Step =
  /** A frame (or stray bytes) on the wire. */
  | {
    from: Side;
    bytes: Bytes;
    about: string;
    crosses?: true;
    later?: true;
    lost?: true;
  }
  /** The connection is lost; further frames go over another one. */
  | { cut: true }
  /** An end closes its stream. */
  | { from: Side; ends: true }
  /** The application at one end acts. */
  | { at: Side; do: string; with: Details }
  /** The application at one end receives an event. */
  | { at: Side; sees: string; with: Details }
  /** Time passes, in milliseconds. */
  | { advance: number };

/** An end's own protocol, where it differs from the vectors' protocol. */
export interface Known {
  /** Methods that it may call, as listed in its HELLO. */
  calls?: readonly Method[];
  /** Methods that it serves. */
  serves?: readonly Method[];
  /** Hash of its protocol. */
  hash?: number;
}

/** A complete conversation. */
export interface Conversation {
  /** Summary of the events. */
  name: string;
  /** The rule that it demonstrates. */
  meaning: string;
  /** Ends that follow the rules and can be tested with it. */
  subjects: Side[];
  /** Limits that differ from the defaults. */
  limits: Partial<Record<Side, Record<string, number>>>;
  /** Ends with their own protocol. */
  knows?: Partial<Record<Side, Known>>;
  /** Features that its ends offer, if they offer any. */
  features?: Partial<Record<Side, number>>;
  /** Whether it shows a choice of the library that other peers need not make. */
  library?: true;
  /** Steps in order. */
  steps: Step[];
}

/** Methods of the server. */
export const SERVER: readonly Method[] = [
  ["add", 0, 0],
  ["chat", 4, 0],
  ["count", 2, 0],
  ["log", 1, 0],
  ["orders.create", 0, 0x01020304],
  ["sum", 3, 0],
];

/** Methods of the client. */
export const CLIENT: readonly Method[] = [
  ["alert", 1, 0],
  ["ask", 0, 0],
  ["dictate", 3, 0],
  ["mirror", 4, 0],
  ["tail", 2, 0],
];

/** Numbers of the server's methods. */
export const ADD = 0, CHAT = 1, COUNT = 2, LOG = 3, CREATE = 4, SUM = 5;

/** Numbers of the client's methods. */
export const ALERT = 0, ASK = 1, DICTATE = 2, MIRROR = 3, TAIL = 4;

/** Limits that HELLO contains. */
const ANNOUNCED = [
  "maxFrameBody",
  "maxMessage",
  "maxCalls",
  "streamWindow",
  "connectionWindow",
  "heartbeat",
  "notifyWindow",
  "itemsWindow",
  "maxAssembly",
];

/** Builds a conversation step by step. */
export class Script {
  /** The conversation built so far. */
  readonly conversation: Conversation;

  /** Begins a conversation; by default both ends are subjects. */
  constructor(
    name: string,
    meaning: string,
    options: {
      subjects?: Side[];
      limits?: Conversation["limits"];
      knows?: Conversation["knows"];
      features?: Conversation["features"];
      library?: true;
    } = {},
  ) {
    const {
      subjects = ["client", "server"],
      limits = {},
      knows,
      features,
      library,
    } = options;
    this.conversation = {
      name,
      meaning,
      subjects,
      limits,
      ...(knows === undefined ? {} : { knows }),
      ...(features === undefined ? {} : { features }),
      ...(library === undefined ? {} : { library }),
      steps: [],
    };
  }

  /** Adds a frame of the client. */
  client(about: string, hex: string): this {
    return this.frame("client", about, hex);
  }

  /** Adds a frame of the server. */
  server(about: string, hex: string): this {
    return this.frame("server", about, hex);
  }

  /** Adds a frame of one end. */
  frame(from: Side, about: string, hex: string): this {
    this.conversation.steps.push({ from, bytes: compress(hex), about });
    return this;
  }

  /**
   * Marks the last frame as sent before the peer's preceding frames arrived.
   *
   * The order in which both happen is not fixed.
   */
  crosses(): this {
    const last = this.conversation.steps.at(-1);
    if (last !== undefined && "bytes" in last) last.crosses = true;
    return this;
  }

  /** Marks the last frame as one of a later version, which is skipped. */
  later(): this {
    const last = this.conversation.steps.at(-1);
    if (last !== undefined && "bytes" in last) last.later = true;
    return this;
  }

  /** Marks the last frame as one that does not arrive before the next cut. */
  lost(): this {
    const last = this.conversation.steps.at(-1);
    if (last !== undefined && "bytes" in last) last.lost = true;
    return this;
  }

  /** Loses the connection, as both ends see. */
  cut(): this {
    this.conversation.steps.push({ cut: true });
    return this.sees("client", "cut").sees("server", "cut");
  }

  /** Adds an action of the application. */
  do(at: Side, what: string, details: Details = {}): this {
    this.conversation.steps.push({ at, do: what, with: plain(details) });
    return this;
  }

  /** Adds an event for the application. */
  sees(at: Side, what: string, details: Details = {}): this {
    this.conversation.steps.push({ at, sees: what, with: plain(details) });
    return this;
  }

  /** Lets time pass. */
  advance(ms: number): this {
    this.conversation.steps.push({ advance: ms });
    return this;
  }

  /** Lets an end close its stream. */
  ends(from: Side): this {
    this.conversation.steps.push({ from, ends: true });
    return this;
  }

  /** Encodes the HELLO of an end, with the limits of the conversation. */
  hello(side: Side, parts: Partial<HelloParts> = {}): string {
    const limits = this.conversation.limits[side] ?? {};
    const given = Object.entries({ ...limits, ...stated(limits) });
    const features = this.conversation.features?.[side];
    return named(
      "HELLO",
      0,
      helloBody({
        role: side === "client" ? 0 : 1,
        ...this.#listed(side),
        ...(features === undefined ? {} : { features }),
        limits: Object.fromEntries(
          given.filter(([key]) => ANNOUNCED.includes(key)),
        ),
        ...parts,
      }),
    );
  }

  #listed(side: Side): Pick<HelloParts, "methods" | "protocolHash"> {
    const { calls, hash } = this.conversation.knows?.[side] ?? {};
    return {
      methods: calls ?? (side === "client" ? SERVER : CLIENT),
      ...(hash === undefined ? {} : { protocolHash: hash }),
    };
  }

  /** Adds the handshake, after which both ends are open. */
  opened(): this {
    return this.greeted().accepted();
  }

  /** Adds the first half of the handshake. */
  greeted(): this {
    return this
      .do("client", "start")
      .client("HELLO", this.hello("client"))
      .sees("server", "authenticate");
  }

  /** Adds the second half of the handshake. */
  accepted(): this {
    return this
      .do("server", "accept")
      .server("HELLO: accepted", this.hello("server"))
      .sees("server", "opened")
      .sees("client", "opened");
  }

  /** Closes the connection because of a violation by the client. */
  closedByServer(code: string, lastId = 0): this {
    return this
      .server(`GOAWAY ${code}: the connection is closed`, goaway(code, lastId))
      .sees("server", "ended", { code, remote: false });
  }

  /** Closes the connection because of a violation by the server. */
  closedByClient(code: string, lastId = 0): this {
    return this
      .client(`GOAWAY ${code}: the connection is closed`, goaway(code, lastId))
      .sees("client", "ended", { code, remote: false });
  }

  /** Closes because of a violation by the peer, whose call is in flight. */
  closed(by: Side, code: string, lastId: number): this {
    return this
      .frame(
        by,
        `GOAWAY ${code}: the connection is closed`,
        goaway(code, lastId),
      )
      .sees(by, "cancelled", { call: lastId, reason: "disconnected" })
      .sees(by, "ended", { code, remote: false });
  }

  /** Adds a call, until the callee's handler is entered. */
  called(
    id: number,
    method: string,
    hex: string,
    details: Details = {},
  ): this {
    const { caller, callee } = endsOf(id);
    const { timeout, ...seen } = details;
    return this
      .do(caller, "call", { call: id, method, ...details })
      .frame(caller, `REQUEST ${id}: ${method}`, hex)
      .sees(callee, "request", {
        call: id,
        method,
        ...seen,
        ...(timeout === undefined ? {} : { timeout }),
      });
  }

  /** Adds a REQUEST without an application that makes the call. */
  requested(
    id: number,
    method: string,
    hex: string,
    details: Details = {},
  ): this {
    return this
      .client(`REQUEST ${id}: ${method}`, hex)
      .sees("server", "request", { call: id, method, ...details });
  }

  /** Adds CANCEL and its events at both ends. */
  cancelled(id: number): this {
    const { caller, callee } = endsOf(id);
    return this
      .do(caller, "cancel", { call: id })
      .frame(caller, `CANCEL ${id}`, cancel(id))
      .sees(caller, "failed", { call: id, ...CANCELLED })
      .sees(callee, "cancelled", { call: id, reason: "cancelled" });
  }
}

/** The failure that a cancelling caller receives. */
const CANCELLED = { code: "cancelled", processed: "maybe", retry: "never" };

/** Returns the opposite end. */
export function other(side: Side): Side {
  return side === "client" ? "server" : "client";
}

/** Returns caller and callee of a call, by its id. */
function endsOf(id: number): { caller: Side; callee: Side } {
  const caller = id % 2 === 1 ? "client" : "server";
  return { caller, callee: other(caller) };
}

/** HELLO states half of the limit maxAssembly. */
function stated({ maxAssembly }: Record<string, number>): HelloParts["limits"] {
  return maxAssembly === undefined
    ? {}
    : { maxAssembly: Math.floor(maxAssembly / 2) };
}

/** Replaces values with their JSON. */
function plain(details: Details): Details {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => [
      key,
      isValue(value) ? value.json : value,
    ]),
  );
}

function isValue(value: unknown): value is Value {
  return typeof value === "object" && value !== null && "hex" in value;
}

/** Shortens runs of at least 64 equal bytes. */
export function compress(hex: string): Bytes {
  const parts: [string, number][] = [];
  let from = 0;
  for (let at = 0; at < hex.length;) {
    let end = at + 2;
    while (hex.startsWith(hex.slice(at, at + 2), end)) end += 2;
    if (end - at >= 128) {
      if (at > from) parts.push([hex.slice(from, at), 1]);
      parts.push([hex.slice(at, at + 2), size(hex.slice(at, end))]);
      from = end;
    }
    at = end;
  }
  if (parts.length === 0) return hex;
  if (from < hex.length) parts.push([hex.slice(from), 1]);
  return { parts };
}
