/**
 * One session, tested with frames that a test writes by hand.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";
import type { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { Feature } from "../../../lib/messages/session/wire/features.ts";
import { encodeHello } from "../../../lib/messages/session/wire/hello.ts";
import {
  DEFAULT_LIMITS,
  resolveSessionLimits,
  type SessionLimits,
} from "../../../lib/messages/session/wire/limits.ts";
import type {
  SessionBudget,
  SessionConfig,
} from "../../../lib/messages/session/session_host.ts";
import { IncomingCalls } from "../../../lib/messages/session/calls/incoming_calls.ts";
import { Session } from "../../../lib/messages/session/session.ts";
import {
  Flag,
  getU48,
  HEADER,
  Kind,
  putHeader,
  putU16,
  putU32,
  readId,
} from "../../../lib/messages/session/wire/frame_header.ts";
import {
  DEFAULT_MEMORY,
  MemoryBudget,
} from "../../../lib/messages/connection/memory_budget.ts";
import type { RecentSizes } from "../../../lib/messages/session/calls/recent_sizes.ts";
import type { FrameSink } from "../../../lib/messages/session/flow/frame_writer.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { ASK, body, Incoming, Outgoing } from "./session_calls.ts";
import { smallSizes, TABLES } from "./simulation.ts";

/** All features. */
export const FEATURES: number = Object.values(Feature)
  .reduce((bits, bit) => bits | bit, 0);

/** A frame that the session sent. */
export interface SentFrame {
  readonly kind: number;
  readonly more: boolean;
  readonly flags: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Writes a frame. */
export function frame(
  kind: number,
  id: number,
  body: Uint8Array | number[] = [],
  flags = 0,
): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length);
  putHeader(bytes, 0, kind, flags, id);
  bytes.set(body, HEADER);
  return bytes;
}

/** Returns the four bytes of a u32. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

/** Returns the body of a CREDIT or WINDOW that grants this total. */
export function total(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Returns the body of a REQUEST or NOTIFY. */
export function request(
  method: number,
  value: Uint8Array | number[] = [],
  fields: Uint8Array | number[] = [],
): Uint8Array {
  const head = new Uint8Array(4);
  putU16(head, 0, method);
  putU16(head, 2, fields.length);
  return concat([head, Uint8Array.from(fields), Uint8Array.from(value)]);
}

/** Returns the body of an ITEM or RESULT. */
export function message(value: Uint8Array | number[] = []): Uint8Array {
  return concat([new Uint8Array(2), Uint8Array.from(value)]);
}

/** Returns the body of a HELLO. */
export function hello(
  role: "client" | "server",
  changes: Partial<Parameters<typeof encodeHello>[0]> = {},
): Uint8Array {
  return encodeHello({
    role,
    features: 0,
    maxFrameBody: DEFAULT_LIMITS.maxFrameBody,
    maxMessage: DEFAULT_LIMITS.maxMessage,
    maxCalls: DEFAULT_LIMITS.maxCalls,
    streamWindow: DEFAULT_LIMITS.streamWindow,
    connectionWindow: DEFAULT_LIMITS.connectionWindow,
    notifyWindow: DEFAULT_LIMITS.notifyWindow,
    itemsWindow: DEFAULT_LIMITS.itemsWindow,
    maxAssembly: DEFAULT_LIMITS.maxAssembly / 2,
    heartbeat: DEFAULT_LIMITS.heartbeat,
    protocolHash: 7,
    protocol: "simulated",
    agent: "",
    codecs: ["bytes"],
    methods: TABLES.calls,
    mismatches: [],
    auth: undefined,
    spread: undefined,
    ...changes,
  });
}

/** Returns a codec that cannot decode anything. */
export function undecodable(): MessageCodec {
  return {
    ...bytes(),
    decode: () => {
      throw new Error("malformed");
    },
  };
}

/** Records sent frames; the test decides when the transport takes them. */
export class Recorder implements FrameSink {
  bytesFramed = 0;
  bytesHanded = 0;
  taken = 0;
  /** Whether sent bytes count as handed over and taken at once. */
  open = true;
  /** Whether a frame was begun, and neither committed nor abandoned. */
  building = false;
  readonly frames: SentFrame[] = [];
  #buffer = new Uint8Array(64);

  get unsent(): number {
    return this.bytesFramed - this.taken;
  }

  begin(room: number) {
    this.building = true;
    if (this.#buffer.length < room) this.#buffer = new Uint8Array(room);
    return { buffer: this.#buffer, start: 0 };
  }

  commit(end: number): void {
    this.building = false;
    const bytes = this.#buffer.slice(0, end);
    this.bytesFramed += 4 + end;
    if (this.open) this.bytesHanded = this.taken = this.bytesFramed;
    this.frames.push({
      kind: bytes[0]!,
      flags: bytes[1]!,
      more: (bytes[1]! & Flag.MORE) !== 0,
      id: readId(bytes),
      body: bytes.subarray(HEADER),
    });
  }

  abandon(): void {
    this.building = false;
  }

  /** Leaves this many bytes unsent, from now on and in all. */
  leaveUnsent(bytes: number): void {
    this.open = false;
    this.bytesFramed += bytes - this.unsent;
  }

  /** Takes this many bytes. */
  take(bytes: number): void {
    this.taken += bytes;
  }
}

/** One session, its clock, its sent frames, and its events. */
export class Lone {
  readonly sink = new Recorder();
  readonly session: Session;
  readonly calls: Incoming[] = [];
  readonly notes: Uint8Array[] = [];
  readonly ends: (SessionError | undefined)[] = [];
  readonly credentialRefresh: { id: number; credentials: unknown }[] = [];
  readonly cuts: SessionError[] = [];
  opened = 0;
  dropped = 0;
  drained = 0;
  /** Number of times that a notification could be sent again. */
  rooms = 0;
  peerDraining = 0;
  accepts = true;
  settlesNotes = true;
  credentials: unknown = undefined;
  now = 0;

  constructor(
    readonly role: "client" | "server",
    limits: Partial<SessionLimits> = {},
    codecs: SessionConfig["codecs"] = [bytes()],
    checksCredentials = role === "server",
    sizes: RecentSizes = smallSizes(TABLES.calls.length),
    budget: SessionBudget = new MemoryBudget("server", DEFAULT_MEMORY).open(),
    serves = true,
  ) {
    this.session = new Session({
      calls: serves ? IncomingCalls : undefined,
      role,
      sink: this.sink,
      codecs,
      limits: resolveSessionLimits(limits),
      methods: { ...TABLES, sizes },
      checksCredentials,
      budget,
      features: FEATURES, // in use if the test's HELLO has them too
      now: 0,
      host: {
        onRequest: (call, body) => {
          this.calls.push(new Incoming(call, body));
        },
        onNotified: (_method, body) => {
          this.notes.push(body.slice());
          if (this.settlesNotes) this.session.incoming.notifications.settled();
        },
        onAuthenticate: (_hello, { value }) => {
          this.credentials = value;
          if (this.accepts) this.session.enter(this.now).accept();
        },
        onOpened: () => this.opened++,
        onResumed: () => {},
        onCut: (reason) => this.cuts.push(reason),
        onRefresh: (id, { value }) => {
          this.credentialRefresh.push({ id, credentials: value });
        },
        onRefreshed: (id) => {
          this.credentialRefresh.push({ id, credentials: undefined });
        },
        onPeerDraining: () => this.peerDraining++,
        onRoom: () => this.rooms++,
        onDrained: () => {
          this.drained++;
          this.session.enter(this.now).close();
        },
        onDropped: (count) => this.dropped += count,
        onClosing: () => {},
        onEnded: (error) =>
          this.ends.push(error.code === "closed" ? undefined : error),
      },
    });
  }

  /** Returns a session whose handshake is complete. */
  static open(
    role: "client" | "server",
    limits: Partial<SessionLimits> = {},
    changes: Parameters<typeof hello>[1] = {},
    codecs?: SessionConfig["codecs"],
    sizes?: RecentSizes,
    budget?: SessionBudget,
  ): Lone {
    const lone = new Lone(role, limits, codecs, undefined, sizes, budget);
    if (role === "client") lone.session.enter(0).start(undefined);
    const other = role === "client" ? "server" : "client";
    lone.receive(Kind.HELLO, 0, hello(other, changes));
    lone.sent();
    return lone;
  }

  /** Starts a call. */
  call(options: {
    method?: number;
    value?: unknown;
    timeout?: number;
    fields?: Uint8Array;
  } = {}): Outgoing {
    const { method = ASK, value = body(1), timeout = Infinity } = options;
    const { fields = NO_FIELDS } = options;
    const observer = new Outgoing(
      { session: this.session } as Outgoing["side"],
    ); // only its session is used
    observer.call = this.session.enter(this.now).outgoing.open({
      method,
      info: TABLES.calls[method]!,
      value,
      hasValue: true,
      timeout,
      fields,
      observer,
    });
    return observer;
  }

  /** Delivers a frame. */
  receive(
    kind: number,
    id: number,
    body: Uint8Array | number[] = [],
    flags = 0,
  ): this {
    this.receiveFrame(frame(kind, id, body, flags));
    return this;
  }

  /** Delivers bytes as a frame, then overwrites them to expose kept views. */
  receiveFrame(bytes: Uint8Array): void {
    this.session.enter(this.now).receive(bytes);
    bytes.fill(0xdd);
    this.session.enter(this.now).readSome();
  }

  /** Lets the transport take all unsent bytes. */
  write(): this {
    this.sink.bytesHanded = this.sink.taken = this.sink.bytesFramed;
    this.session.enter(this.now).written();
    return this;
  }

  /** Advances the clock, with a tick whenever the session needs one. */
  advance(ms: number): this {
    const until = this.now + ms;
    while (this.session.wakeAt <= until) {
      this.now = Math.max(this.now, this.session.wakeAt);
      this.session.enter(this.now).tick();
    }
    this.now = until;
    return this;
  }

  /** Returns the frames sent since the last call. */
  sent(): SentFrame[] {
    if (this.sink.building) throw new Error("A frame was left open");
    return this.sink.frames.splice(0);
  }

  /** Like {@linkcode Lone.sent}, with only the kind and id of each frame. */
  sentKinds(): string[] {
    return this.sent().map(({ kind, id, more }) =>
      `${NAMES.get(kind) ?? kind} ${id}${more ? " +" : ""}`
    );
  }

  /** The error that ended the session. */
  get error(): SessionError {
    const error = this.ends[0];
    if (this.ends.length !== 1 || error === undefined) {
      throw new Error(`It ended ${this.ends.length} times, with ${error}`);
    }
    return error;
  }
}

const NAMES = new Map(
  Object.entries(Kind).map(([name, kind]) => [kind as number, name]),
);

/** Reads the fixed part of an ERROR. */
export function errorOf({ body }: SentFrame): {
  code: number;
  processed: number;
  retry: number;
} {
  return { code: body[0]!, processed: body[1]!, retry: body[2]! };
}

/** Reads a GOAWAY. */
export function goawayOf({ body }: SentFrame): {
  code: number;
  lastId: number;
} {
  return { code: body[0]!, lastId: getU48(body, 1) };
}
