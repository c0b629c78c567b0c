/**
 * Two sessions that are resumed on one link after another, with virtual time.
 * Links are cut after chosen numbers of bytes, also during a resumption.
 *
 * A session never sees that a link is new: each attempt has two sessions of its
 * own for the handshake, which hand their link over.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import {
  DEFAULT_MEMORY,
  MemoryBudget,
} from "../../../../lib/messages/connection/memory_budget.ts";
import type { SessionError } from "../../../../lib/messages/errors/call_error.ts";
import type { OpenFrame } from "../../../../lib/messages/session/flow/frame_writer.ts";
import {
  type LinkSink,
  ResumableSink,
} from "../../../../lib/messages/session/resume/resumable_sink.ts";
import { RESUMING } from "../../../../lib/messages/session/resume/resuming.ts";
import { SessionResumption } from "../../../../lib/messages/session/resume/session_resumption.ts";
import { IncomingCalls } from "../../../../lib/messages/session/calls/incoming_calls.ts";
import { Session } from "../../../../lib/messages/session/session.ts";
import type { Hello } from "../../../../lib/messages/session/wire/hello.ts";
import { hasPosition } from "../../../../lib/messages/session/wire/frame_header.ts";
import type {
  ResumePoint,
  SessionToken,
} from "../../../../lib/messages/session/wire/resumption.ts";
import {
  Side,
  Simulation,
  type SimulationOptions,
  smallSizes,
  TABLES,
} from "../simulation.ts";

/** Milliseconds that a session waits for a link; not a multiple of others. */
export const GRACE = 29_989;

/** Receiver of what a link delivers. */
interface Receiver {
  receive(frame: Uint8Array): void;
  readSome(): void;
  written(): void;
  inputEnded(cause: unknown): void;
}

/** One end of a link. */
export class LinkEnd implements LinkSink {
  bytesFramed = 0;
  bytesHanded = 0;
  taken = 0;
  /** The session that uses the link; `undefined` once it has been dropped. */
  receiver: Receiver | undefined = undefined;
  peer!: LinkEnd;
  readonly #simulation: ResumableSimulation;
  readonly #name: "client" | "server";
  #room = new Uint8Array(64);
  #cut = false;
  /** Number of frames with a position that were sent. */
  #carried = 0;

  constructor(simulation: ResumableSimulation, name: "client" | "server") {
    this.#simulation = simulation;
    this.#name = name;
  }

  get unsent(): number {
    return this.bytesFramed - this.taken;
  }

  begin(room: number): OpenFrame {
    if (this.#room.length < room) this.#room = new Uint8Array(room);
    return { buffer: this.#room, start: 0 };
  }

  commit(end: number): void {
    this.write(this.#room.subarray(0, end));
  }

  abandon(): void {}

  write(payload: Uint8Array): void {
    const frame = payload.slice();
    this.#simulation.written(this.#name, frame);
    this.bytesFramed += 4 + frame.length;
    this.#simulation.at(0, () => this.#take(frame));
  }

  #take(frame: Uint8Array): void {
    if (this.#cut) return;
    this.taken = this.bytesHanded += 4 + frame.length;
    this.receiver?.written();
    const arrives = this.#simulation.arrives(this.#name, 4 + frame.length) &&
      this.#carries(frame);
    this.#simulation.at(1, () => {
      if (this.#cut) return;
      if (arrives) return this.peer.#deliver(frame);
      this.cut();
      this.peer.cut();
    });
  }

  /** Returns whether the link is not cut before a frame. */
  #carries([kind]: Uint8Array): boolean {
    if (!hasPosition(kind!)) return true; // in range: frames have a header
    if (this.#carried++ < this.#simulation.framesPerLink) return true;
    return !this.#simulation.cutAgain();
  }

  #deliver(frame: Uint8Array): void {
    this.receiver?.receive(frame);
    this.receiver?.readSome();
  }

  /** Loses the link; each end learns it later, or never. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    const { random, halfOpen } = this.#simulation;
    if (this.#name === "server" && halfOpen) return;
    this.#simulation.at(random(5), () => {
      this.receiver?.inputEnded(new Error("cut"));
    });
  }
}

/** One end of the session. */
export class ResumableSide extends Side {
  readonly sink: ResumableSink;
  readonly #clock: Simulation;
  link: LinkEnd;
  readonly cuts: SessionError[] = [];
  onCutHook: () => void = () => {};
  /** Called before the session goes on with another link. */
  onResume: () => void = () => {};
  /** The token of the session. */
  token: SessionToken | undefined = undefined;

  constructor(
    simulation: ResumableSimulation,
    name: "client" | "server",
    parts: ConstructorParameters<typeof Side>[2],
    resumes = true,
  ) {
    const link = new LinkEnd(simulation, name);
    const sink = new ResumableSink(link);
    super(simulation, name, {
      ...parts,
      sink: link,
      ...(resumes && { resume: new SessionResumption({ sink, grace: GRACE }) }),
    });
    this.#clock = simulation;
    this.sink = sink;
    this.link = link;
    link.receiver = this;
  }

  override onOpened(hello: Hello): void {
    super.onOpened(hello);
    this.token = hello.token;
  }

  override onCut(reason: SessionError): void {
    this.cuts.push(reason);
    this.link.receiver = undefined;
    this.onCutHook();
  }

  override onEnded(error: SessionError): void {
    this.ends.push(error);
  }

  /** Goes on with another link. */
  resume(link: LinkEnd, point: ResumePoint, token?: SessionToken): void {
    const session = this.session.enter(this.#clock.now);
    this.onResume();
    assertEquals(session.obstacle(point), undefined);
    session.resume(link, point, token && { token });
    this.link = link; // the session drops the previous one first
    link.receiver = this;
    this.touch();
  }
}

/** Two ends that resume their session whenever a link is cut. */
export class ResumableSimulation extends Simulation {
  /** Bytes of each direction after which the link is cut, in order. */
  readonly #cuts: Record<"client" | "server", number[]>;
  readonly #sent = { client: 0, server: 0 };
  /** Number of bytes that each end has sent after each frame. */
  readonly frameEnds: Record<"client" | "server", number[]> = {
    client: [],
    server: [],
  };
  /** Whether the server does not see that a link is cut. */
  readonly halfOpen: boolean;
  /** Number of frames with a position that one end sends on a link. */
  framesPerLink = Infinity;
  /** Number of links that are still cut after these. */
  cutsLeft = 0;
  /** Whether links can be opened. */
  reachable = true;
  /** Number of links whose handshake was complete. */
  resumptions = 0;
  /** Number of attempts. */
  attempts = 0;
  #generation = 0;

  constructor(
    cuts: { client?: number[]; server?: number[] },
    options: SimulationOptions & {
      halfOpen?: boolean;
      /** Sides that offer to resume the session. @default both */
      resumes?: readonly ("client" | "server")[];
    } = {},
  ) {
    const { resumes = ["client", "server"] } = options;
    super({
      ...options,
      createSide: (simulation, name, parts) =>
        new ResumableSide(
          simulation as ResumableSimulation, // created by this constructor
          name,
          parts,
          resumes.includes(name),
        ),
    });
    this.#cuts = {
      client: [...cuts.client ?? []],
      server: [...cuts.server ?? []],
    };
    this.halfOpen = options.halfOpen ?? false;
    join(this.ends[0].link, this.ends[1].link);
    this.server.authenticate = () =>
      this.server.session.enter(this.now).accept(
        resumes.includes("server") && resumes.includes("client")
          ? { token: TOKEN }
          : {},
      );
    this.ends[0].onCutHook = () => this.at(10, () => this.#attempt());
  }

  /** Called with each frame that an end sends. */
  written: (name: "client" | "server", frame: Uint8Array) => void = () => {};

  /** The two ends. */
  get ends(): readonly [ResumableSide, ResumableSide] {
    return [this.client as ResumableSide, this.server as ResumableSide]; // created by createSide
  }

  /** Returns whether all of a frame arrives before the next cut. */
  arrives(name: "client" | "server", length: number): boolean {
    this.#sent[name] += length;
    this.frameEnds[name].push(this.#sent[name]);
    const [next = Infinity] = this.#cuts[name];
    if (this.#sent[name] <= next) return true;
    this.#cuts[name].shift();
    return false;
  }

  /** Returns whether the link is cut, and counts it. */
  cutAgain(): boolean {
    return this.cutsLeft-- > 0;
  }

  /** Cuts the current link. */
  cutLink(): void {
    for (const { link } of this.ends) link.cut();
  }

  /** Bytes that each end has sent, on all links. */
  get sent(): Readonly<Record<"client" | "server", number>> {
    return this.#sent;
  }

  /** Opens a link and resumes the session on it. */
  #attempt(): void {
    const [client, server] = this.ends;
    if (client.session.state !== "cut" || !this.reachable) return;
    this.attempts++;
    const near = new LinkEnd(this, "client");
    const far = new LinkEnd(this, "server");
    join(near, far);
    const generation = ++this.#generation;
    const fresh = this.#fresh("client", near, () => {
      this.at(10, () => this.#attempt());
    });
    fresh.onResumed = (point) => {
      this.resumptions++;
      fresh.session.handOver();
      client.resume(near, point);
    };
    const accepted = this.#fresh("server", far);
    accepted.onAuthenticate = ({ resume }) => {
      accepted.session.handOver();
      server.resume(far, resume!, TOKEN); // each attempt has one
    };
    fresh.session.enter(this.now).start(undefined, {
      resume: {
        ...client.session.resumePoint(generation),
        token: TOKEN.secret,
      },
    });
  }

  #fresh(
    name: "client" | "server",
    link: LinkEnd,
    onEnded: () => void = () => {},
  ): Fresh {
    const fresh = new Fresh(this, name, link);
    fresh.onEnded = onEnded;
    link.receiver = fresh;
    return fresh;
  }
}

/** A session that exists for the handshake of a new link only. */
class Fresh {
  readonly session: Session;
  onResumed: (point: ResumePoint) => void = () => {};
  onAuthenticate: (hello: Hello) => void = () => {};
  onEnded: () => void = () => {};
  readonly #simulation: Simulation;

  constructor(
    simulation: Simulation,
    role: "client" | "server",
    link: LinkEnd,
  ) {
    this.#simulation = simulation;
    const unexpected = () => {
      throw new Error("unexpected");
    };
    this.session = new Session({
      calls: IncomingCalls,
      role,
      sink: link,
      codecs: [bytes()],
      limits: (simulation[role] as Side).session.limits,
      methods: { ...TABLES, sizes: smallSizes(TABLES.calls.length) },
      budget: new MemoryBudget(role, DEFAULT_MEMORY).open(),
      checksCredentials: false,
      resume: RESUMING.begin(link, GRACE),
      now: simulation.now,
      host: {
        onRequest: unexpected,
        onNotified: unexpected,
        onAuthenticate: (hello) => this.onAuthenticate(hello),
        onOpened: unexpected,
        onResumed: (point) => this.onResumed(point),
        onCut: unexpected,
        onRefresh: unexpected,
        onRefreshed: unexpected,
        onPeerDraining: unexpected,
        onRoom: () => {},
        onDrained: unexpected,
        onDropped: () => {},
        onClosing: () => {},
        onEnded: () => this.onEnded(),
      },
    });
  }

  receive(frame: Uint8Array): void {
    this.session.enter(this.#simulation.now).receive(frame);
  }

  readSome(): void {
    this.session.enter(this.#simulation.now).readSome();
  }

  written(): void {
    this.session.enter(this.#simulation.now).written();
  }

  inputEnded(cause: unknown): void {
    this.session.enter(this.#simulation.now).inputEnded(cause);
  }
}

const TOKEN: SessionToken = {
  grace: GRACE,
  secret: new Uint8Array(32).fill(7),
};

function join(near: LinkEnd, far: LinkEnd): void {
  near.peer = far;
  far.peer = near;
}
