/**
 * Two sessions with small limits under difficult applications. They read late,
 * stop reading, call each other from their handlers, stream, notify, cancel, let
 * deadlines pass and drain, all of it drawn from a seed.
 *
 * Once no event is pending, whatever still waits must be explained by an
 * application that does not read. After each event, what is charged must equal
 * what is held.
 *
 * ```text
 *  a call waits for ─▶ its handler ─▶ a call of that handler ─▶ …
 *                          ├─▶ an item to arrive ─▶ the sender of the items
 *                          └─▶ an item to leave ──▶ their reader ─▶ not reading: explained
 * ```
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { IncomingCall } from "../../../lib/messages/session/calls/incoming_calls.ts";
import {
  accountsOf,
  checkCredit,
  heldBy,
  HOLDS_NOTHING,
  inFlightOf,
} from "./accounts.ts";
import { Monitor } from "./monitor.ts";
import { Books } from "./progress_books.ts";
import { type CallHost, RunCall } from "./progress_call.ts";
import {
  conditionsOf,
  limitsOf,
  Planner,
  type Random,
  type Traits,
  traitsOf,
} from "./progress_plan.ts";
import { Incoming, notify, notifyEncoded } from "./session_calls.ts";
import { mulberry32, type Side, Simulation } from "./simulation.ts";

/** How long timers may go on after the applications' last events, ms. */
const HORIZON = 10 * 60_000;

/** How long a drain may take once nothing else waits, ms. */
const LONGEST_DRAIN = 5000;

/** Time after which the handshake is complete, ms, unless the connection stalls. */
const OPEN = 1000;

/** Calls that may be open in a run in which handlers call back. */
const MOST_OPEN = 28;

/** Errors that applications choose. */
const CHOSEN: readonly string[] = [
  "cancelled",
  "deadline",
  "declared",
  "internal", // the result cannot be encoded
];

/** Notifications of one side. */
interface Notes {
  /** Sizes of accepted notifications that the peer has not received. */
  readonly expected: number[];
  /** Sizes of notifications that wait for room, as in a broadcast. */
  readonly waiting: number[];
}

/** One run. */
export class ProgressRun implements CallHost {
  readonly seed: number;
  readonly traits: Traits;
  readonly simulation: Simulation;
  readonly monitor: Monitor;
  readonly calls: RunCall[] = [];
  /** Draws that happen during the run. */
  readonly random: Random;
  /** Calls and notifications that were refused at once. */
  refused = 0;
  /** Notifications that arrived. */
  notified = 0;
  #ending = false;
  #draining = false;
  /** Time at which a draining session had calls in flight, and at which it ended. */
  #busyAt = Infinity;
  #drainedAt: number | undefined = undefined;
  readonly #planner: Planner;
  readonly #books: Books;
  readonly #notes: ReadonlyMap<Side, Notes>;

  constructor(seed: number, traits: Traits = traitsOf(seed)) {
    this.seed = seed;
    this.traits = traits;
    const random = this.random = mulberry32(seed ^ 0x11fe);
    const simulation = this.simulation = new Simulation({
      seed,
      limits: limitsOf(traits, random),
      serverLimits: limitsOf(traits, random),
      conditions: conditionsOf(random),
    });
    this.#planner = new Planner(traits, random);
    this.monitor = new Monitor(simulation);
    this.#notes = new Map(
      simulation.sides.map((side) => [side, { expected: [], waiting: [] }]),
    );
    for (const side of simulation.sides) {
      side.handle = (call, input) => this.#handle(side, call, input);
      side.notified = (_, body) => this.#notified(side, body);
      side.room = () => this.#broadcast(side);
    }
    this.#books = new Books(simulation);
    simulation.check = () => this.#check();
    if (traits.early) this.#openLate();
    else simulation.open();
    this.#schedule();
  }

  #check(): void {
    this.#books.check();
    if (!this.#draining) return;
    const { now, sides } = this.simulation;
    const { state } = sides[0].session;
    const { state: other } = sides[1].session;
    if (state === "closed" || other === "closed") this.#drainedAt ??= now;
    if (sides.some(hasCalls)) this.#busyAt = now;
  }

  /** Lets the server decide while the client's first frames arrive. */
  #openLate(): void {
    const { random, simulation } = this;
    const { client, server } = simulation;
    server.authenticate = () =>
      simulation.at(random(500), () => {
        server.session.enter(simulation.now).accept();
        server.touch();
      });
    client.session.enter(simulation.now).start(undefined);
    client.touch();
  }

  #schedule(): void {
    const { random, simulation, traits } = this;
    const count = this.#planner.calls;
    const alone = traits.crowded || traits.resets ||
      traits.hungry && random(2) === 0;
    const one = simulation.sides[random(2)]!;
    const side = () => alone ? one : simulation.sides[random(2)]!;
    // A server makes no calls before the handshake is complete.
    const first = traits.early && one === simulation.server ? OPEN : 0;
    const within = traits.resets ? 2000 : [10, 2000][random(2)]!;
    for (let index = 0; index < count; index++) {
      simulation.at(first + random(within), () => this.begin(side(), 0));
    }
    if (traits.notifications) {
      for (let bursts = 1 + random(4); bursts > 0; bursts--) {
        simulation.at(random(3000), () => this.#burst(side()));
      }
    }
    if (traits.stalls) {
      for (let stalls = 1 + random(3); stalls > 0; stalls--) {
        this.#stallAt(random(5000), side().pipe);
      }
    }
    if (traits.drains) simulation.at(OPEN + random(6000), () => this.#drain());
  }

  #stallAt(delay: number, pipe: Side["pipe"]): void {
    const { random, simulation } = this;
    simulation.at(delay, () => {
      pipe.stalled = true;
      simulation.at(random(8000), () => pipe.resume());
    });
  }

  // ── notifications ──────────────────────────────────────────────────────

  #notesOf(side: Side): Notes {
    return this.#notes.get(side)!; // every side has an entry
  }

  #burst(side: Side): void {
    const sizes = Array.from(
      { length: 1 + this.random(12) },
      () => this.#planner.size(),
    );
    if (this.random(2) === 0) {
      this.#notesOf(side).waiting.push(...sizes);
      return this.#broadcast(side);
    }
    for (const size of sizes) this.#notify(side, size, notify);
  }

  /** Sends notifications while there is room; `onRoom` continues. */
  #broadcast(side: Side): void {
    const { waiting } = this.#notesOf(side);
    while (waiting.length > 0 && side.session.mayNotify) {
      this.#notify(side, waiting.shift()!, notifyEncoded); // not empty
    }
  }

  #notify(side: Side, size: number, send: typeof notifyEncoded): void {
    try {
      send(this.simulation, side, new Uint8Array(size));
      this.#notesOf(side).expected.push(size);
    } catch (error) {
      this.#refused(side, error);
    }
    side.touch();
  }

  #notified(side: Side, body: Uint8Array): void {
    const { expected } = this.#notesOf(this.simulation.other(side));
    assertEquals(body.length, expected.shift(), "a notification differs");
    this.notified++;
    if (this.random(3) > 0) return;
    this.simulation.at(this.random(100), () => this.begin(side, 2));
  }

  #refused({ session }: Side, error: unknown): void {
    if (!(error instanceof CallError)) throw error;
    const expected = this.#draining || session.state !== "open"
      ? ["overloaded", "unavailable", "disconnected"]
      : ["overloaded"];
    assert(expected.includes(error.code), `refused: ${error}`);
    assertEquals(error.processed, "no");
    this.refused++;
  }

  // ── calls ──────────────────────────────────────────────────────────────

  #handle(side: Side, incoming: IncomingCall, input: Uint8Array): void {
    const index = new DataView(input.buffer, input.byteOffset).getUint32(0);
    this.calls[index]!.handle(new Incoming(incoming, input)); // inputs begin with indexes
    this.#books.follow(side, incoming);
  }

  /** Starts a call; returns `undefined` if it is refused at once. */
  begin(caller: Side, depth: number): RunCall | undefined {
    const { traits, simulation } = this;
    if (this.#ending) return undefined;
    // All slots may only be taken where no handler waits for one.
    if (traits.nested && this.#openBy(caller) >= MOST_OPEN) return undefined;
    const index = this.calls.length;
    const plan = this.#planner.call(depth);
    const timeout = this.#planner.patience;
    let made: RunCall;
    try {
      made = new RunCall(this, { caller, plan, depth, timeout, index });
    } catch (error) {
      this.#refused(caller, error);
      return undefined;
    }
    this.calls.push(made);
    this.#books.follow(caller, made.outgoing.call);
    made.start();
    const { patience } = this.#planner;
    if (patience < Infinity) simulation.at(patience, () => made.cancel());
    return made;
  }

  #openBy(side: Side): number {
    let open = 0;
    for (const { caller, settled } of this.calls) {
      if (caller === side && !settled) open++;
    }
    return open;
  }

  /** Returns whether a stream is waited for on this side. */
  hasReader(side: Side): boolean {
    return this.calls.some(({ up, down }) =>
      [up, down].some((flow) =>
        flow?.to === side && flow.receiving === "waiting"
      )
    );
  }

  /** Returns whether this side leaves the items of a stream unread. */
  leavesUnread(side: Side): boolean {
    return this.calls.some(({ up, down }) =>
      [up, down].some((flow) =>
        flow?.to === side && flow.receiving === "stopped"
      )
    );
  }

  // ── the run and its checks ─────────────────────────────────────────────

  /**
   * Runs to the end.
   *
   * @throws {Error} if something waits without an explanation, or if accounts
   * differ
   */
  run(): this {
    this.#settle();
    const found = this.#unexplained();
    if (found.length > 0) throw new Error(found.join("\n"));
    this.#checkFailures();
    this.#stopWaiting();
    if (!this.#draining) this.#drainIdle();
    return this;
  }

  /** Runs until no event is pending and no timer is due within the horizon. */
  #settle(): void {
    const { simulation } = this;
    simulation.settle();
    const end = simulation.now + HORIZON;
    for (;;) {
      const wakeAt = Math.min(
        ...simulation.sides.map(({ session }) => session.wakeAt),
      );
      if (wakeAt > end) return;
      simulation.advance(Math.max(0, wakeAt - simulation.now)).settle();
    }
  }

  #unexplained(): string[] {
    const waiting = this.calls.flatMap((call) => call.unexplained());
    if (this.#draining && !this.traits.stalls) {
      const idle = (this.#drainedAt ?? Infinity) - this.#busyAt;
      assert(idle < LONGEST_DRAIN, `an idle drain waits for ${idle} ms`);
    }
    return [
      ...this.simulation.sides.flatMap((side) => this.#unexplainedOf(side)),
      ...new Set(waiting),
    ];
  }

  #unexplainedOf(side: Side): string[] {
    const { name, ends, session } = side;
    if (this.#draining) {
      return ends.length === 1 && ends[0] === undefined
        ? []
        : [`the ${name} does not drain: ${ends}`];
    }
    const found = ends.map((error) => `the ${name}'s session ended: ${error}`);
    const { expected, waiting } = this.#notesOf(side);
    if (expected.length > 0) {
      found.push(`notifications of the ${name} do not arrive: ${expected}`);
    }
    if (waiting.length > 0) {
      found.push(`the ${name} is not notified of room for: ${waiting}`);
    }
    // A call that was given up keeps its slot until the terminal arrives.
    const { outgoing } = inFlightOf(session);
    const open =
      this.calls.filter(({ caller, settled, outgoing: { call } }) =>
        caller === side && !settled && call.id > 0
      ).length;
    if (outgoing !== open) {
      found.push(`the ${name} has ${outgoing} calls in flight, of ${open}`);
    }
    const { assembling, unfinished } = accountsOf(session);
    if (assembling > 0) {
      found.push(`the ${name} reassembles ${assembling} bytes`);
    }
    if (unfinished > 0) {
      found.push(`the ${name} does not finish ${unfinished} bytes`);
    }
    return found;
  }

  /** A call may only fail for reasons that its application chose. */
  #checkFailures(): void {
    for (const call of this.calls) {
      const { down, outgoing } = call;
      for (const { code, message } of outgoing.errors) {
        const expected = CHOSEN.includes(code) ||
          code === "overloaded" && call.endedUnread ||
          this.#draining && ["unavailable", "disconnected"].includes(code);
        assert(expected, `${call} failed with ${code}: ${message}`);
      }
      assert(outgoing.settled <= 1, `${call} settled twice`);
      if (outgoing.results.length === 0 || down?.receiving !== "done") continue;
      assertEquals(down.read, down.plan.sizes.length, `items of ${call}`);
    }
  }

  /** Ends what waits for an application; nothing may remain. */
  #stopWaiting(): void {
    this.#ending = true;
    for (const call of this.calls) call.cancel();
    this.#settle();
    for (const call of this.calls) {
      assert(call.settled, `${call} did not settle`);
      call.down?.discard();
    }
    this.simulation.settle();
    for (const { name, session } of this.simulation.sides) {
      assertEquals(heldBy(session), HOLDS_NOTHING, `the ${name}`);
      assertEquals(session.stats.malformedCalls, 0);
      const inFlight = Object.values(inFlightOf(session));
      assertEquals(inFlight, [0, 0, 0], `calls of the ${name}`);
      const { raisePool } = accountsOf(session);
      assertEquals(raisePool, session.limits.itemsWindow, "raised windows");
    }
    if (this.#draining) return; // frames that crossed the end were dropped
    const [client, server] = this.simulation.sides;
    checkCredit(client.session, server.session);
    checkCredit(server.session, client.session);
  }

  #drain(): void {
    const { simulation, random } = this;
    this.#draining = true;
    this.#busyAt = simulation.now;
    const first = simulation.sides[random(2)]!;
    first.session.enter(simulation.now).drain();
    first.touch();
    if (random(2) === 0) return;
    const second = simulation.other(first);
    second.session.enter(simulation.now).drain();
    second.touch();
  }

  #drainIdle(): void {
    const { simulation } = this;
    const { now } = simulation;
    this.#drain();
    simulation.settle();
    for (const { name, ends } of simulation.sides) {
      assertEquals(ends, [undefined], `the ${name} drains`);
    }
    assert(simulation.now < now + LONGEST_DRAIN, "an idle drain waits");
  }
}

function hasCalls({ session }: Side): boolean {
  return Object.values(inFlightOf(session)).some((count) => count > 0);
}
