/**
 * Two sessions joined by a simulated connection, with virtual time, seeded
 * latency, partial writes, deliveries split at any byte, and connections that
 * break. Nothing really waits, so hours of traffic are simulated in a second.
 *
 * ```text
 *  Session ──frames──▶ Pipe: framed ▶ handed ▶ taken ▶ delivered ──frames──▶ Session
 *                                    (write)  (kernel)  (latency, splits)
 * ```
 *
 * @module
 */
import {
  DEFAULT_MEMORY,
  MemoryBudget,
} from "../../../lib/messages/connection/memory_budget.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import type { SessionError } from "../../../lib/messages/errors/call_error.ts";
import type { Shape } from "../../../lib/messages/session/wire/shape.ts";
import type { IncomingCall } from "../../../lib/messages/session/calls/incoming_calls.ts";
import type { Fields } from "../../../lib/messages/session/wire/fields.ts";
import type { DecodedCredentials } from "../../../lib/messages/session/control/credentials.ts";
import type { Hello } from "../../../lib/messages/session/wire/hello.ts";
import {
  resolveSessionLimits,
  type SessionLimits,
} from "../../../lib/messages/session/wire/limits.ts";
import { RecentSizes } from "../../../lib/messages/session/calls/recent_sizes.ts";
import { servedTable } from "../../../lib/messages/session/calls/served_table.ts";
import type { MethodTables } from "../../../lib/messages/session/control/method_matching.ts";
import type { SessionResumption } from "../../../lib/messages/session/resume/session_resumption.ts";
import type {
  ResumePoint,
  SessionToken,
} from "../../../lib/messages/session/wire/resumption.ts";
import { IncomingCalls } from "../../../lib/messages/session/calls/incoming_calls.ts";
import { Session } from "../../../lib/messages/session/session.ts";
import type { SessionHost } from "../../../lib/messages/session/session_host.ts";
import type {
  FrameSink,
  OpenFrame,
} from "../../../lib/messages/session/flow/frame_writer.ts";

/** Returns a small pseudo-random number generator with a seed. */
export function mulberry32(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

const SHAPES: readonly (readonly [string, Shape])[] = [
  ["ask", "unary"],
  ["note", "notification"],
  ["down", "serverStream"],
  ["up", "clientStream"],
  ["talk", "duplex"],
];

/** Returns sizes of small messages, so that no handler has to wait at first. */
export function smallSizes(methods: number): RecentSizes {
  const sizes = new RecentSizes(2 ** 40);
  for (let method = 0; method < methods; method++) sizes.record(method, 0, 0);
  return sizes;
}

/** A method of each shape; both sides serve and call all of them. */
export const TABLES: MethodTables = {
  name: "simulated",
  hash: 7,
  calls: SHAPES.map(([name, shape]) => ({ name, shape, hash: 0 })),
  sizes: smallSizes(SHAPES.length),
  serves: servedTable(
    SHAPES.map(([name, shape]) => ({ name, shape, hash: 0 })),
  ),
};

/** The behavior of a simulated connection. */
export interface Conditions {
  /** Minimum and maximum latency, ms. */
  readonly latency: readonly [number, number];
  /** Maximum number of bytes between the two ends. */
  readonly capacity: number;
  /** Maximum number of bytes in one delivery. */
  readonly chunk: number;
  /** Maximum number of bytes that the transport takes at once. */
  readonly take: number;
}

/** A fast connection that hardly limits the sessions. */
export const SMOOTH: Conditions = {
  latency: [1, 1],
  capacity: 256 * 1024,
  chunk: 64 * 1024,
  take: Infinity,
};

/**
 * One direction of the connection. It counts bytes, and delivers a frame when
 * its last byte is delivered.
 */
export class Pipe implements FrameSink {
  bytesFramed = 0;
  bytesHanded = 0;
  /** Bytes that the transport has taken. */
  taken = 0;
  /** Bytes that have arrived. */
  delivered = 0;
  /** While true, no bytes are taken or delivered. */
  stalled = false;
  /** No more frames follow; the receiver sees the end after the last byte. */
  closing = false;
  broken = false;
  readonly #frames: { bytes: Uint8Array; end: number }[] = [];
  #room = new Uint8Array(64);
  #open = false;
  #writing = false;
  #delivering = false;
  #arrival = 0;
  readonly #simulation: Simulation;
  readonly #conditions: Conditions;
  readonly #sender: () => Side;
  readonly #receiver: () => Side;

  constructor(
    simulation: Simulation,
    conditions: Conditions,
    ends: { sender: () => Side; receiver: () => Side },
  ) {
    this.#simulation = simulation;
    this.#conditions = conditions;
    this.#sender = ends.sender;
    this.#receiver = ends.receiver;
  }

  get unsent(): number {
    return this.bytesFramed - this.taken;
  }

  begin(room: number): OpenFrame {
    if (this.closing) throw new Error("A frame was begun after the end");
    if (this.#room.length < room + 4) this.#room = new Uint8Array(room + 4);
    // Overwrite the previous frame to expose views that were kept.
    this.#room.fill(0xee, 0, Math.min(room + 4, 4096));
    this.#open = true;
    return { buffer: this.#room, start: 4 };
  }

  commit(end: number): void {
    if (!this.#open) throw new Error("No frame is open");
    this.#open = false;
    const bytes = this.#room.slice(4, end);
    this.bytesFramed += 4 + bytes.length;
    this.#frames.push({ bytes, end: this.bytesFramed });
    this.#simulation.framed(this.#sender(), bytes);
    this.write();
  }

  abandon(): void {
    this.#open = false;
  }

  /** Schedules a write of the framed bytes. */
  write(): void {
    if (this.#writing || this.stalled || this.broken) return;
    if (this.unsent === 0) return this.#endSoon();
    this.#writing = true;
    this.#simulation.at(0, () => this.#take());
  }

  #take(): void {
    this.#writing = false;
    if (this.broken || this.stalled) return;
    const { random } = this.#simulation;
    const { capacity, take } = this.#conditions;
    if (this.bytesHanded === this.taken) this.bytesHanded = this.bytesFramed;
    const room = Math.min(
      this.bytesHanded - this.taken,
      capacity - (this.taken - this.delivered),
      take === Infinity ? Infinity : 1 + random(take),
    );
    if (room <= 0) return; // a delivery makes room
    this.taken += room;
    this.deliver();
    this.#sender().written();
    this.write();
  }

  /** Schedules the delivery of the bytes in transit. */
  deliver(): void {
    if (this.#delivering || this.stalled || this.broken) return;
    if (this.taken === this.delivered) return this.#endSoon();
    this.#delivering = true;
    const { now, random } = this.#simulation;
    const { latency: [least, most] } = this.#conditions;
    const due = now + least + random(most - least + 1);
    this.#arrival = Math.max(this.#arrival, due);
    this.#simulation.at(this.#arrival - now, () => this.#arrive());
  }

  #arrive(): void {
    this.#delivering = false;
    if (this.broken || this.stalled) return;
    const { chunk } = this.#conditions;
    const most = Math.min(chunk, this.taken - this.delivered);
    this.delivered += chunk === SMOOTH.chunk
      ? most
      : 1 + this.#simulation.random(most);
    while (
      this.#frames.length > 0 && this.#frames[0]!.end <= this.delivered
    ) this.#receiver().receive(this.#frames.shift()!.bytes);
    this.#receiver().readSome();
    this.write();
    this.deliver();
  }

  #endSoon(): void {
    if (!this.closing || this.taken < this.bytesFramed) return;
    if (this.delivered < this.taken || this.broken) return;
    this.broken = true;
    this.#simulation.at(1, () => this.#receiver().inputEnded(undefined));
  }

  /** Ends the stream after the bytes framed so far. */
  close(): void {
    this.closing = true;
    this.#endSoon();
  }

  /** Drops the bytes that were not handed to the transport. */
  dropUnsent(): void {
    this.bytesFramed = this.bytesHanded;
    while ((this.#frames.at(-1)?.end ?? 0) > this.bytesHanded) {
      this.#frames.pop();
    }
  }

  /** Ends a stall. */
  resume(): void {
    this.stalled = false;
    this.write();
    this.deliver();
  }
}

/** One end: a session and its recorded events. */
export class Side implements SessionHost {
  readonly session: Session;
  readonly pipe: Pipe;
  readonly name: "client" | "server";
  /** Every reported end; there must be at most one. */
  readonly ends: (SessionError | undefined)[] = [];
  opened: Hello | undefined = undefined;
  peerDraining = false;
  drained = false;
  readonly refreshedIds: number[] = [];
  readonly #simulation: Simulation;
  #tickAt = Infinity;

  /** Handles a call; set by tests. */
  handle: (call: IncomingCall, body: Uint8Array) => void = (call) =>
    this.session.enter(this.#simulation.now).incoming.responses.respond(
      call,
      new Uint8Array(),
      NO_FIELDS,
    );
  /** Number of this side's notifications that were dropped. */
  dropped = 0;
  /** Handles a notification; set by tests. */
  notified: (method: number, body: Uint8Array) => void = () => {};
  /** Called when a notification can be sent without being queued; set by tests. */
  room: () => void = () => {};
  /** Answers the handshake; set by tests. */
  authenticate: (credentials: unknown, hello: Hello) => void = () =>
    this.session.enter(this.#simulation.now).accept();
  /** Answers new credentials; set by tests. */
  refreshing: (id: number, credentials: unknown) => void = (id) =>
    this.session.enter(this.#simulation.now).credentialRefresh.accept(id);

  constructor(
    simulation: Simulation,
    name: "client" | "server",
    parts: {
      pipe: Pipe;
      limits: SessionLimits;
      methods: MethodTables;
      resume?: SessionResumption;
      /** Receives the frames instead of the pipe. */
      sink?: FrameSink;
    },
  ) {
    this.#simulation = simulation;
    this.name = name;
    this.pipe = parts.pipe;
    this.session = new Session({
      calls: IncomingCalls,
      role: name,
      sink: parts.resume?.sink ?? parts.sink ?? parts.pipe,
      resume: parts.resume,
      codecs: [bytes()],
      limits: parts.limits,
      methods: {
        ...parts.methods,
        sizes: smallSizes(parts.methods.calls.length),
      },
      budget: new MemoryBudget(name, DEFAULT_MEMORY).open(),
      checksCredentials: name === "server",
      host: this,
      now: simulation.now,
    });
    this.touch();
  }

  get ended(): boolean {
    return this.ends.length > 0;
  }

  receive(frame: Uint8Array): void {
    const copy = frame.slice();
    this.#simulation.delivering(this, frame);
    this.session.enter(this.#simulation.now).receive(copy);
    copy.fill(0xdd); // exposes views that were kept
  }

  readSome(): void {
    this.session.enter(this.#simulation.now).readSome();
    this.touch();
  }

  written(): void {
    this.session.enter(this.#simulation.now).written();
    this.touch();
  }

  inputEnded(cause: unknown): void {
    this.session.enter(this.#simulation.now).inputEnded(cause);
    this.touch();
  }

  /** Schedules a tick for `wakeAt`, as the shell does after each command. */
  touch(): void {
    const { wakeAt } = this.session;
    if (wakeAt >= this.#tickAt) return;
    this.#tickAt = wakeAt;
    const wait = Math.max(0, wakeAt - this.#simulation.now);
    this.#simulation.at(wait, () => {
      if (this.#tickAt !== wakeAt) return;
      this.#tickAt = Infinity;
      this.session.enter(this.#simulation.now).tick();
      this.touch();
    }, true);
  }

  onRequest(call: IncomingCall, body: Uint8Array): void {
    this.handle(call, body);
    this.touch();
  }

  onNotified(
    method: number,
    body: Uint8Array,
    _fields: Readonly<Fields>,
  ): void {
    this.notified(method, body);
    this.session.incoming.notifications.settled();
  }

  onAuthenticate(hello: Hello, { value }: DecodedCredentials): void {
    this.authenticate(value, hello);
  }

  onOpened(hello: Hello): void {
    this.opened = hello;
  }

  onResumed(_point: ResumePoint, _token: SessionToken): void {}

  onCut(_reason: SessionError): void {}

  onRefresh(id: number, { value }: DecodedCredentials): void {
    this.refreshing(id, value);
  }

  onRefreshed(id: number): void {
    this.refreshedIds.push(id);
  }

  onPeerDraining(): void {
    this.peerDraining = true;
  }

  onRoom(): void {
    this.room();
  }

  onDrained(): void {
    this.drained = true;
    this.session.enter(this.#simulation.now).close();
  }

  onClosing(): void {}

  onDropped(count: number): void {
    this.dropped += count;
  }

  onEnded(error: SessionError): void {
    this.ends.push(error.code === "closed" ? undefined : error);
    if (!this.session.sentGoaway) this.pipe.dropUnsent();
    this.pipe.close();
  }
}

interface Event {
  readonly at: number;
  readonly idle: boolean;
  readonly run: () => void;
}

/** Options of a simulation. */
export interface SimulationOptions {
  readonly seed?: number;
  readonly conditions?: Conditions;
  readonly limits?: Partial<SessionLimits>;
  /** Limits of the server that differ from `limits`. */
  readonly serverLimits?: Partial<SessionLimits>;
  readonly methods?: MethodTables;
  /** Creates a side. */
  readonly createSide?: (
    ...parts: ConstructorParameters<typeof Side>
  ) => Side;
}

/** Two sides and their virtual clock. */
export class Simulation {
  now = 1000;
  readonly seed: number;
  readonly random: (below: number) => number;
  readonly client: Side;
  readonly server: Side;
  /** Called with every frame that is sent. */
  framed: (side: Side, frame: Uint8Array) => void = () => {};
  /** Called with every frame before it is delivered. */
  delivering: (side: Side, frame: Uint8Array) => void = () => {};
  /** Called after every event. */
  check: () => void = () => {};
  /** Pending events by descending time. */
  readonly #events: Event[] = [];
  #busy = 0;

  constructor(options: SimulationOptions = {}) {
    const { seed = 1, conditions = SMOOTH, limits = {}, methods = TABLES } =
      options;
    const { createSide = (...parts) => new Side(...parts) } = options;
    this.seed = seed;
    this.random = mulberry32(seed);
    const up = new Pipe(this, conditions, {
      sender: () => this.client,
      receiver: () => this.server,
    });
    const down = new Pipe(this, conditions, {
      sender: () => this.server,
      receiver: () => this.client,
    });
    this.client = createSide(this, "client", {
      pipe: up,
      limits: resolveSessionLimits(limits),
      methods,
    });
    this.server = createSide(this, "server", {
      pipe: down,
      limits: resolveSessionLimits({ ...limits, ...options.serverLimits }),
      methods,
    });
  }

  get sides(): readonly [Side, Side] {
    return [this.client, this.server];
  }

  other(side: Side): Side {
    return side === this.client ? this.server : this.client;
  }

  /** Schedules an event. Idle events (timers) do not keep the simulation running. */
  at(delay: number, run: () => void, idle = false): void {
    const at = this.now + delay;
    let index = this.#events.length;
    while (index > 0 && this.#events[index - 1]!.at <= at) index--;
    this.#events.splice(index, 0, { at, idle, run });
    if (!idle) this.#busy++;
  }

  #step(): void {
    const event = this.#events.pop()!;
    if (!event.idle) this.#busy--;
    this.now = Math.max(this.now, event.at);
    event.run();
    this.check();
  }

  /** Runs until no event is pending; timers that are due meanwhile fire. */
  settle(most = 1e6): this {
    for (let steps = 0; this.#busy > 0; steps++) {
      if (steps === most) throw new Error(`seed ${this.seed} does not settle`);
      this.#step();
    }
    return this;
  }

  /** Advances the clock. */
  advance(ms: number): this {
    const until = this.now + ms;
    while (this.#events.length > 0 && this.#events.at(-1)!.at <= until) {
      this.#step();
    }
    this.now = until;
    return this;
  }

  /** Starts the client and runs until both sides are open. */
  open(credentials?: Uint8Array): this {
    this.client.session.enter(this.now).start(credentials);
    return this.settle();
  }

  /** Breaks the connection; bytes in transit are lost. */
  cut(cause: unknown = new Error("connection reset")): void {
    for (const side of this.sides) side.pipe.broken = true;
    for (const side of this.sides) {
      this.at(this.random(20), () => side.inputEnded(cause));
    }
  }
}
