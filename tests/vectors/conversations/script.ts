/**
 * What a conversation of the vectors is made of, and how it is written down.
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

/** Bytes: hex, or runs of `[hex, times]` where that is much shorter. */
export type Bytes = string | { parts: [hex: string, times: number][] };

/** What a step says beside its verb. */
export type Details = Readonly<Record<string, unknown>>;

/** One thing that happens, in order. */
export type Step =
  /** A frame (or stray bytes) on the wire. */
  | { from: Side; bytes: Bytes; about: string; crosses?: true; later?: true }
  /** The side ends its stream. */
  | { from: Side; ends: true }
  /** What the application at that side does. */
  | { at: Side; do: string; with: Details }
  /** What the application at that side is told. */
  | { at: Side; sees: string; with: Details }
  /** So many milliseconds pass. */
  | { advance: number };

/** What an end knows that differs from the protocol of all vectors. */
export interface Known {
  /** What it lists: methods that it may call. */
  calls?: readonly Method[];
  /** What it serves. */
  serves?: readonly Method[];
  /** Hash of its protocol. */
  hash?: number;
  /** Keeps its schemas to itself. */
  secret?: true;
}

/** A whole conversation. */
export interface Conversation {
  /** What happens. */
  name: string;
  /** What it shows, and which rule. */
  meaning: string;
  /** Which ends follow the rules, and can be held against it. */
  subjects: Side[];
  /** Limits that differ from the defaults. */
  limits: Partial<Record<Side, Record<string, number>>>;
  /** Ends whose protocol is another one. */
  knows?: Partial<Record<Side, Known>>;
  /** In order. */
  steps: Step[];
}

/** What the server serves. */
export const SERVER: readonly Method[] = [
  ["add", 0, 0],
  ["chat", 4, 0],
  ["count", 2, 0],
  ["log", 1, 0],
  ["orders.create", 0, 0x01020304],
  ["sum", 3, 0],
];

/** What the server's schema hash stands for; of its other methods nothing is known but types. */
export const SCHEMAS: Readonly<Record<string, string>> = {
  "orders.create":
    '{"input":{"type":"integer"},"output":null,"opening":null,"errors":{}}',
};

/** What the client serves. */
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

/** Limits that HELLO tells. */
const TOLD = [
  "maxFrameBody",
  "maxMessage",
  "maxCalls",
  "streamWindow",
  "connectionWindow",
  "heartbeat",
];

/** Writes a conversation down, step by step. */
export class Script {
  /** What has been written. */
  readonly conversation: Conversation;

  /** Begins a conversation. Both ends are subjects unless it says otherwise. */
  constructor(
    name: string,
    meaning: string,
    options: {
      subjects?: Side[];
      limits?: Conversation["limits"];
      knows?: Conversation["knows"];
    } = {},
  ) {
    const { subjects = ["client", "server"], limits = {}, knows } = options;
    this.conversation = {
      name,
      meaning,
      subjects,
      limits,
      ...(knows === undefined ? {} : { knows }),
      steps: [],
    };
  }

  /** A frame of the client's. */
  d(about: string, hex: string): this {
    return this.frame("client", about, hex);
  }

  /** A frame of the server's. */
  l(about: string, hex: string): this {
    return this.frame("server", about, hex);
  }

  /** A frame of that side's. */
  frame(from: Side, about: string, hex: string): this {
    this.conversation.steps.push({ from, bytes: compress(hex), about });
    return this;
  }

  /**
   * The last frame was sent before those of the other side in front of it had
   * come; the order in which both happen is not fixed.
   */
  crosses(): this {
    const last = this.conversation.steps.at(-1);
    if (last !== undefined && "bytes" in last) last.crosses = true;
    return this;
  }

  /** The last frame is one of a later version: this one does not send it, and passes over it. */
  later(): this {
    const last = this.conversation.steps.at(-1);
    if (last !== undefined && "bytes" in last) last.later = true;
    return this;
  }

  /** The application does something. */
  do(at: Side, what: string, details: Details = {}): this {
    this.conversation.steps.push({ at, do: what, with: plain(details) });
    return this;
  }

  /** The application is told something. */
  sees(at: Side, what: string, details: Details = {}): this {
    this.conversation.steps.push({ at, sees: what, with: plain(details) });
    return this;
  }

  /** Time passes. */
  advance(ms: number): this {
    this.conversation.steps.push({ advance: ms });
    return this;
  }

  /** A side ends its stream. */
  ends(from: Side): this {
    this.conversation.steps.push({ from, ends: true });
    return this;
  }

  /** HELLO of a side, with the limits of the conversation. */
  hello(side: Side, parts: Partial<HelloParts> = {}): string {
    const given = Object.entries(this.conversation.limits[side] ?? {});
    return named(
      "HELLO",
      0,
      helloBody({
        role: side === "client" ? 0 : 1,
        ...this.#listed(side),
        limits: Object.fromEntries(given.filter(([key]) => TOLD.includes(key))),
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

  /** The handshake, up to where both are open. */
  opened(): this {
    return this.greeted().accepted();
  }

  /** The first half of the handshake. */
  greeted(): this {
    return this
      .do("client", "start")
      .d("HELLO", this.hello("client"))
      .sees("server", "authenticate");
  }

  /** The second half of the handshake. */
  accepted(): this {
    return this
      .do("server", "accept")
      .l("HELLO: accepted", this.hello("server"))
      .sees("server", "opened")
      .sees("client", "opened");
  }

  /** The client's fault that ends the connection. */
  closedByServer(code: string, lastId = 0): this {
    return this
      .l(`GOAWAY ${code}: the connection is closed`, goaway(code, lastId))
      .sees("server", "ended", { code, remote: false });
  }

  /** The server's fault that ends the connection. */
  closedByClient(code: string, lastId = 0): this {
    return this
      .d(`GOAWAY ${code}: the connection is closed`, goaway(code, lastId))
      .sees("client", "ended", { code, remote: false });
  }

  /** A fault of the other side's while a call of its own is in flight. */
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

  /** A call, up to the callee's handler. */
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

  /** Frames that come unasked, up to the callee's handler. */
  requested(
    id: number,
    method: string,
    hex: string,
    details: Details = {},
  ): this {
    return this
      .d(`REQUEST ${id}: ${method}`, hex)
      .sees("server", "request", { call: id, method, ...details });
  }

  /** CANCEL, and what the caller hears at once. */
  cancelled(id: number): this {
    const { caller, callee } = endsOf(id);
    return this
      .do(caller, "cancel", { call: id })
      .frame(caller, `CANCEL ${id}`, cancel(id))
      .sees(caller, "failed", { call: id, ...CANCELLED })
      .sees(callee, "cancelled", { call: id, reason: "cancelled" });
  }
}

/** What a caller that cancels hears. */
const CANCELLED = { code: "cancelled", processed: "maybe", retry: "never" };

/** The other end. */
export function other(side: Side): Side {
  return side === "client" ? "server" : "client";
}

/** Who made a call, by its id. */
function endsOf(id: number): { caller: Side; callee: Side } {
  const caller = id % 2 === 1 ? "client" : "server";
  return { caller, callee: other(caller) };
}

/** Values become their JSON. */
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

/** Runs of at least 64 equal bytes are written as such. */
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
