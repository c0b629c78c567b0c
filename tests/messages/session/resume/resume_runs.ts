/**
 * Runs in which the invariants of resumption are checked.
 *
 * @module
 */
import { equal } from "@std/assert";
import { hashOf } from "../../../../lib/messages/server/session_tokens.ts";
import { ResumeRegistry } from "../../../../lib/messages/server/resume_registry.ts";
import {
  hasPosition,
  Kind,
  readId,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { frame, total } from "../lone_session.ts";
import {
  body,
  call,
  DOWN,
  Incoming,
  notify,
  type Outgoing,
  sendAll,
  TALK,
  UP,
} from "../session_calls.ts";
import { mulberry32, type Side } from "../simulation.ts";
import {
  type MemoryAccount,
  MemoryBudget,
} from "../../../../lib/messages/connection/memory_budget.ts";
import { takeItem } from "../../../../lib/messages/session/flow/received_items.ts";
import { converse, type Log } from "./conversation.ts";
import {
  INVARIANTS,
  type Occurred,
  Violated,
  Watch,
} from "./resume_invariants.ts";
import { GRACE, ResumableSimulation } from "./resumable_simulation.ts";

const ENDS = ["client", "server"] as const;

/** Small windows, so that credit is granted again and again. */
const LIMITS = {
  connectionWindow: 64 * 1024,
  notifyWindow: 16 * 1024,
  itemsWindow: 64 * 1024,
  unsentSoft: 64 * 1024,
  maxFrameBody: 16 * 1024, // splits some messages
};

/** Nothing has occurred. */
export function nothing(): Occurred {
  return {
    resumptions: 0,
    replayed: 0,
    fences: 0,
    dropped: 0,
    streams: 0,
    evictions: 0,
  };
}

/** A run that checks invariants. @throws {Violated} */
export type Run = (seed: number, occurred: Occurred) => void;

type Cuts = ConstructorParameters<typeof ResumableSimulation>[0];
type SimulationParts = NonNullable<
  ConstructorParameters<typeof ResumableSimulation>[1]
>;

/** The conversation without cuts. */
function undisturbed(seed: number, options: SimulationParts = {}) {
  const simulation = new ResumableSimulation({}, { ...options, seed });
  const order: string[] = [];
  const log = converse(simulation, order);
  return { log, order, simulation };
}

function watched(
  seed: number,
  occurred: Occurred,
  { cuts = {}, ...options }: SimulationParts & { cuts?: Cuts } = {},
) {
  const halfOpen = seed % 2 === 0;
  const simulation = new ResumableSimulation(cuts, {
    ...options,
    seed,
    halfOpen,
  });
  return { simulation, watch: new Watch(simulation, occurred) };
}

/** Has the conversation, whatever happens to the links. */
function finish({ simulation, watch }: ReturnType<typeof watched>): Log {
  let log: Log;
  try {
    log = converse(simulation);
  } catch (error) {
    if (error instanceof Violated) throw error;
    throw new Violated(INVARIANTS[8], String(error));
  }
  watch.checkCredit();
  return log;
}

/** The conversation must go as without cuts. */
function complete(run: ReturnType<typeof watched>, log: Log): void {
  const seen = finish(run);
  const other = Object.keys(log).find((key) => !equal(log[key], seen[key]));
  if (other === undefined) return;
  throw new Violated(INVARIANTS[8], `${other}: ${log[other]} | ${seen[other]}`);
}

/** Delivers events that a lost link could still have. */
function disturb(simulation: ResumableSimulation): void {
  const check = simulation.check;
  simulation.check = () => {
    check();
    for (const { session, link } of simulation.ends) {
      session.enter(simulation.now).tick(); // a timer that was armed before
      if (session.state !== "cut") continue;
      const { received } = session;
      session.receive(frame(Kind.NOTIFY, 0));
      session.written();
      session.readSome();
      if (session.received === received && session.state === "cut") continue;
      throw new Violated(
        INVARIANTS[3],
        `${link.bytesFramed} bytes were framed`,
      );
    }
  };
}

/** Returns bytes of each direction after which a link is cut. */
function cutsOf(seed: number, sent: ResumableSimulation["sent"]): Cuts {
  const each = 8_000 + 1_500 * (seed % 10);
  return Object.fromEntries(ENDS.map((name) => {
    const count = Math.floor(2 * sent[name] / each);
    return [name, Array.from({ length: count }, (_, n) => 1_000 + n * each)];
  }));
}

/** Each link is cut after some thousand bytes. */
function cutByBytes(seed: number, occurred: Occurred): void {
  const { log, simulation: { sent } } = undisturbed(seed);
  const run = watched(seed, occurred, { cuts: cutsOf(seed, sent) });
  const { simulation } = run;
  disturb(simulation);
  complete(run, log);
  simulation.advance(2 * GRACE); // no timer of a link is left
}

/** Windows are small; which items are late then depends on the cuts. */
function cutSmallWindows(seed: number, occurred: Occurred): void {
  const { simulation: { sent } } = undisturbed(seed);
  const cuts = cutsOf(seed, sent);
  finish(watched(seed, occurred, { cuts, limits: LIMITS }));
}

/** Streams stay open, because their readers stop at some item. */
function keepStreams(seed: number, occurred: Occurred): void {
  const limits = { streamWindow: 2_048, maxStreamWindow: 8_192 };
  const each = 900 + 70 * (seed % 20);
  const cuts = Array.from({ length: 12 }, (_, n) => 900 + n * each);
  const run = watched(seed, occurred, {
    limits,
    cuts: { client: cuts, server: cuts },
  });
  const { simulation, watch } = run;
  simulation.open();
  for (const side of simulation.sides) {
    side.handle = (callIn, input) => {
      const incoming = new Incoming(callIn, input);
      send(incoming, side);
      readSome(simulation, side, incoming, simulation.random(30));
    };
    for (const method of [DOWN, UP, TALK, DOWN, UP, TALK]) {
      simulation.at(simulation.random(200), () => {
        const outgoing = call(simulation, side, { method, value: body(9) });
        send(outgoing, side);
        readSome(simulation, side, outgoing, simulation.random(30));
      });
    }
  }
  simulation.settle();
  simulation.advance(3_000); // the last ACKs
  simulation.settle();
  watch.checkCredit();

  function send(stream: Outgoing | Incoming, side: Side): void {
    if (!stream.call.maySendItems) return;
    const items = Array.from({ length: 60 }, (_, n) => body(50 + 9 * n));
    sendAll(simulation, side, stream, items);
  }
}

/** Reads a number of items. */
function readSome(
  simulation: ResumableSimulation,
  side: Side,
  stream: Outgoing | Incoming,
  most: number,
): void {
  let left = most;
  const read = () => {
    while (left > 0) {
      const { shared } = side.session.enter(simulation.now);
      if (takeItem(shared, stream.call) === undefined) break;
      left--;
    }
    side.touch();
  };
  stream.onItem = () => {
    left--;
    simulation.at(0, read);
  };
  read();
}

/** 100 links in a row carry few frames. */
function cutReplays(seed: number, occurred: Occurred): void {
  const { log } = undisturbed(seed);
  const run = watched(seed, occurred);
  const { simulation } = run;
  simulation.framesPerLink = 1 + seed % 3;
  simulation.cutsLeft = 100;
  complete(run, log);
}

/** A link is lost for ever. */
function loseLink(seed: number, occurred: Occurred): void {
  const { simulation } = watched(seed, occurred);
  simulation.open();
  simulation.reachable = false;
  const cutAt = simulation.now;
  simulation.cutLink();
  simulation.advance(GRACE - 1);
  const [client, server] = simulation.ends;
  const sides = simulation.halfOpen ? [client] : [client, server];
  const states = sides.map(({ session }) => session.state);
  simulation.advance(6);
  const later = sides.map(({ session }) => session.state);
  if (
    states.every((state) => state === "cut") &&
    later.every((state) => state === "closed")
  ) return;
  throw new Violated(INVARIANTS[5], `cut at ${cutAt}: ${states}, ${later}`);
}

/** More frames are kept than fit. */
function fill(seed: number, occurred: Occurred): void {
  for (const wait of [0, 2_000]) {
    const { simulation } = watched(seed, occurred);
    simulation.open();
    const [client, server] = simulation.ends;
    client.sink.limit = 16_000;
    for (let n = 0; n < 12; n++) {
      notify(simulation, client, new Uint8Array(3_000).fill(n + seed));
      client.touch();
      simulation.settle();
    }
    simulation.advance(wait); // the server acknowledges the frames after a second
    simulation.cutLink();
    simulation.settle();
    simulation.advance(100);
    const expected = wait === 0 ? "closed" : "open";
    if (client.session.state === expected) continue;
    throw new Violated(
      INVARIANTS[2],
      `${client.session.state} after ${wait} ms; server ${server.session.state}`,
    );
  }
}

/** ACKs that are too high or too low. */
function acknowledgeWrongly(seed: number, occurred: Occurred): void {
  const { simulation } = watched(seed, occurred);
  simulation.open();
  const [client] = simulation.ends;
  for (let n = 0; n < 9; n++) notify(simulation, client, new Uint8Array(seed));
  simulation.settle();
  simulation.advance(2_000);
  const acknowledge = (position: number) => {
    client.receive(frame(Kind.ACK, 0, total(position)));
    simulation.check();
  };
  acknowledge(client.sink.frames.acknowledged - 1);
  acknowledge(client.sink.frames.sent + 1);
  if (client.session.state === "closed" && !client.session.mayResume) return;
  throw new Violated(INVARIANTS[1], "an ACK of frames that were not sent");
}

/** Sides that offer to resume a session. */
const OFFERS = [["client", "server"], ["client"], ["server"], []] as const;

/**
 * Returns the frames, and the events of the session and of the application, of
 * both ends, each with its time; no link is disturbed.
 */
function observed(seed: number, resumes: (typeof OFFERS)[number]): string[] {
  const simulation = new ResumableSimulation({}, {
    ...{ seed, resumes, limits: LIMITS },
  });
  const seen: string[] = [];
  const see = (what: string) => {
    seen.push(`${simulation.now} ${what}`);
  };
  simulation.written = (name, sent) => {
    const [kind, flags] = sent;
    if (!hasPosition(kind!)) return; // HELLO and ACK differ
    see(`${name}: ${kind} ${flags} ${readId(sent)}, ${sent.length} bytes`);
  };
  for (const end of simulation.ends) {
    end.onCutHook = () => see(`${end.name} is cut`);
  }
  converse(simulation, { push: see });
  for (const end of simulation.ends) see(`${end.name} ${end.session.state}`);
  return seen;
}

/** Resumption is offered by both ends, by one of them, or by none. */
function compare(seed: number): void {
  const [both, ...others] = OFFERS.map((resumes) => observed(seed, resumes));
  for (const [index, other] of others.entries()) {
    const at = both!.findIndex((event, n) => event !== other[n]);
    if (at === -1 && both!.length === other.length) continue;
    throw new Violated(
      INVARIANTS[9],
      `${both![at]} | ${other[at]}, offered by ${OFFERS[index + 1]}`,
    );
  }
}

/** Several clients use one token. */
function resumeAtOnce(seed: number): void {
  const registry = new ResumeRegistry({ perPrincipal: 4, memory: 1e6 });
  const session = { received: 0, heard: false, endHibernation() {} };
  const hash = (n: number) => hashOf(new Uint8Array(32).fill(n));
  registry.add(session, "a", hash(0));
  let token = hash(0);
  for (let generation = 1; generation < 5; generation++) {
    session.heard = false;
    let succeeded = 0;
    const next = hash(generation);
    for (let n = 0; n < 2 + seed % 4; n++) {
      const hash = token;
      const entry = registry.find({ hash, generation, principal: "a" }, 0);
      if ("reason" in entry) continue;
      succeeded++;
      registry.resumed(entry, { used: token, next, generation });
    }
    session.heard = true; // the client has the next token
    const late = { hash: token, generation: generation + 1, principal: "a" };
    if (!("reason" in registry.find(late, 0))) succeeded++;
    if (succeeded !== 1) {
      throw new Violated(INVARIANTS[4], `${succeeded} succeeded`);
    }
    token = next;
  }
}

/** A session of a server whose memory is short. */
class Holding {
  /** Heap bytes that it holds. */
  held = 0;
  ended = false;
  readonly received = 0;
  readonly heard = true;
  readonly accepted = true;

  constructor(readonly onEnd: (session: Holding) => void) {}

  restrict(): void {}

  endHibernation(): void {
    this.evict();
  }

  evict(): void {
    this.ended = true;
    this.held = 0;
    this.onEnd(this);
  }
}

/** Heap bytes that are charged for a session without a link, besides its own. */
const HIBERNATION_COST = 4 * 1024;

/** Sessions with and without a link hold more than the server's memory. */
function exhaustMemory(seed: number, occurred: Occurred): void {
  const random = mulberry32(seed);
  const limit = 2 ** 20;
  const budget = new MemoryBudget("server", limit);
  const most = limit * (1 + seed % 4) / 10;
  const registry = new ResumeRegistry<Holding>({
    ...{ perPrincipal: 1_000, memory: most },
  });
  const accounts = new Map<Holding, MemoryAccount>();
  const waiting = new Set<Holding>();
  budget.endHibernating = () => registry.endHeaviest("memory");
  const end = (session: Holding) => {
    let charged = 0;
    for (const each of waiting) {
      charged += accounts.get(each)!.held + HIBERNATION_COST; // each has one
    }
    if (waiting.has(session) && budget.used <= limit / 2 && charged <= most) {
      throw new Violated(INVARIANTS[7], `${charged} of ${most} bytes are held`);
    }
    const live = !waiting.delete(session);
    registry.remove(session, 0);
    const account = accounts.get(session)!; // each has one
    const quarter = account.held > limit / 4;
    if (live && !quarter && waiting.size > 0) {
      throw new Violated(INVARIANTS[7], `${waiting.size} sessions still wait`);
    }
    occurred.evictions++;
    accounts.delete(session);
    account.update(0, 0);
    budget.close(account);
  };
  for (let n = 0; n < 60; n++) {
    const session = new Holding(end);
    const account = budget.open();
    account.holder = session;
    accounts.set(session, account);
    registry.add(session, `${random(9)}`, `${n}`);
    if (random(2) === 0) {
      waiting.add(session);
      account.observer = { update: (held) => registry.update(session, held) };
      registry.hibernate(session, 0, "");
    }
    for (const [each, its] of [...accounts]) {
      if (each.ended || random(4) > 0) continue;
      each.held = random(20_000);
      its.update(each.held, 0);
    }
    let all = 0;
    let hibernating = 0;
    for (const [each] of accounts) {
      all += each.held;
      if (waiting.has(each)) hibernating += each.held;
    }
    const right = budget.used === all && hibernating <= most &&
      registry.hibernating === waiting.size;
    if (right) continue;
    throw new Violated(
      INVARIANTS[7],
      `${all} bytes are held, ${hibernating} without a link; ${budget.used} are charged`,
    );
  }
}

/** All runs. */
export const RUNS: Readonly<Record<string, Run>> = {
  cutByBytes,
  cutSmallWindows,
  keepStreams,
  cutReplays,
  loseLink,
  fill,
  acknowledgeWrongly,
  compare,
  resumeAtOnce,
  exhaustMemory,
};

/** Makes every run with each seed; returns what is violated. */
export function runAll(
  seeds: number,
  occurred: Occurred = nothing(),
): { failures: string[]; occurred: Occurred } {
  const failures: string[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [name, run] of Object.entries(RUNS)) {
      try {
        run(seed, occurred);
      } catch (error) {
        const { message } = error as Error; // only these are thrown
        failures.push(`${name} ${seed}: ${message}`);
      }
    }
  }
  return { failures, occurred };
}
