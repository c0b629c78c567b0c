/**
 * Random calls between two simulated sides, and the invariants that must hold.
 *
 * @module
 */
import {
  accountsOf,
  checkCredit,
  heldBy,
  HOLDS_NOTHING,
  inFlightOf,
} from "./accounts.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import {
  discardItems,
  takeItem,
} from "../../../lib/messages/session/flow/received_items.ts";
import { assert, assertEquals } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { SessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import {
  ASK,
  call,
  DOWN,
  Incoming,
  notify,
  type Outgoing,
  readAll,
  sendAll,
  TALK,
  UP,
} from "./session_calls.ts";
import { Monitor } from "./monitor.ts";
import {
  type Conditions,
  mulberry32,
  type Side,
  Simulation,
  SMOOTH,
} from "./simulation.ts";

/** The behavior of one call at both ends. */
interface Plan {
  readonly method: number;
  readonly inputSize: number;
  readonly resultSize: number;
  readonly up: number[];
  readonly down: number[];
  readonly ending: "result" | "error" | "unsendable" | "unsendable error";
  readonly handlerDelay: number;
  readonly readUp: Reading;
  readonly readDown: Reading;
}

type Reading = "all" | "slow" | "some" | "none";

interface Made {
  readonly plan: Plan;
  readonly outgoing: Outgoing;
  incoming: Incoming | undefined;
}

const LIMITS: Partial<SessionLimits> = {
  maxFrameBody: 16 * 1024,
  maxMessage: 256 * 1024,
  maxCalls: 32,
  maxQueuedBytes: 64 * 1024,
  streamWindow: 4 * 1024,
  maxStreamWindow: 16 * 1024,
  connectionWindow: 64 * 1024,
  unsentSoft: 64 * 1024,
  unsentHard: 1024 * 1024,
};

/** One run of random traffic. */
export class Traffic {
  readonly simulation: Simulation;
  readonly monitor: Monitor;
  readonly made: Made[] = [];
  refusedAtOnce = 0;
  disturbed = false;
  readonly #random: (below: number) => number;
  readonly #large: boolean;
  readonly #limits: Partial<SessionLimits>;

  constructor(seed: number) {
    // Separate from the simulation's generator: plans do not depend on its events.
    const random = this.#random = mulberry32(seed ^ 0x5eed);
    this.#large = seed % 64 === 0;
    // The slowest links carry 50 KB per second, so large messages take long.
    this.#limits = this.#large ? { assemblyTimeout: 600_000 } : LIMITS;
    this.simulation = new Simulation({
      seed,
      conditions: this.#conditions(),
      limits: this.#limits,
    });
    this.monitor = new Monitor(this.simulation);
    const count = 4 + random(this.#large ? 12 : 28);
    for (const side of this.simulation.sides) {
      side.handle = (incoming, input) => this.#handle(side, incoming, input);
    }
    const early = seed % 5 === 0 ? this.#openEarly() : this.#open();
    for (let index = 0; index < count; index++) {
      const side = this.simulation.sides[random(2)]!;
      this.simulation.at(early + random(300), () => this.#begin(side));
    }
    this.#disturb();
  }

  /** Completes the handshake before anything else happens. */
  #open(): number {
    this.simulation.open();
    return 0;
  }

  /**
   * Sends calls right after the client's HELLO, before the server decides.
   *
   * @returns when the server has decided, ms
   */
  #openEarly(): number {
    const { simulation } = this;
    const { client, server } = simulation;
    const decides = this.#random(100);
    server.authenticate = () =>
      simulation.at(decides, () => {
        server.session.enter(simulation.now).accept();
        server.touch();
      });
    client.session.enter(simulation.now).start(undefined);
    for (let calls = this.#random(40); calls > 0; calls--) {
      simulation.at(this.#random(50), () => this.#begin(client));
    }
    return decides + 100;
  }

  #conditions(): Conditions {
    const random = this.#random;
    if (random(4) === 0) return SMOOTH;
    return {
      latency: [random(3), 3 + random(20)],
      capacity: [4096, 20_000, 256 * 1024][random(3)]!,
      chunk: [
        700,
        9000,
        SMOOTH.chunk,
      ][random(this.#large ? 2 : 3) + (this.#large ? 1 : 0)]!,
      take: [5000, 50_000, Infinity][random(3)]!,
    };
  }

  /** Schedules a random disturbance of the connection. */
  #disturb(): void {
    const { simulation } = this;
    const side = simulation.sides[this.#random(2)]!;
    const at = this.#random(400);
    switch (this.#random(8)) {
      case 0:
        return simulation.at(at, () => {
          this.disturbed = true;
          simulation.cut();
        });
      case 1:
        return simulation.at(at, () => {
          this.disturbed = true;
          side.session.enter(simulation.now).close();
        });
      case 2:
        return simulation.at(at, () => {
          this.disturbed = true;
          side.session.enter(simulation.now).drain();
          side.touch();
        });
      case 3:
        return simulation.at(at, () => {
          side.pipe.stalled = true;
          simulation.at(this.#random(2000), () => side.pipe.resume());
        });
    }
  }

  #size(): number {
    const random = this.#random;
    const largest = this.#large ? 3 * 1024 * 1024 : 100_000;
    switch (random(8)) {
      case 0:
        return 0;
      case 1:
        return random(largest);
      case 2:
        return random(20_000);
      default:
        return random(700);
    }
  }

  #sizes(): number[] {
    return Array.from({ length: this.#random(8) }, () => this.#size());
  }

  #plan(): Plan {
    const random = this.#random;
    const readings: Reading[] = ["all", "all", "slow", "some", "none"];
    const endings: Plan["ending"][] = [
      "result",
      "result",
      "result",
      "error",
      "unsendable",
      "unsendable error",
    ];
    return {
      method: [ASK, ASK, DOWN, UP, TALK][random(5)]!,
      inputSize: 4 + this.#size(),
      resultSize: this.#size(),
      up: this.#sizes(),
      down: this.#sizes(),
      ending: endings[random(endings.length)]!,
      handlerDelay: random(3) === 0 ? random(200) : 0,
      readUp: readings[random(readings.length)]!,
      readDown: readings[random(readings.length)]!,
    };
  }

  #begin(side: Side): void {
    const { simulation } = this;
    const random = this.#random;
    try {
      if (random(6) === 0) {
        notify(simulation, side, new Uint8Array(this.#size()));
        return;
      }
      const plan = this.#plan();
      const value = new Uint8Array(plan.inputSize);
      new DataView(value.buffer).setUint32(0, this.made.length);
      const timeout = random(4) === 0 ? 1 + random(300) : Infinity;
      const { method } = plan;
      const outgoing = call(simulation, side, { method, value, timeout });
      this.made.push({ plan, outgoing, incoming: undefined });
      if (random(5) === 0) simulation.at(random(200), () => cancel(outgoing));
      this.#send(side, outgoing, plan);
      read(simulation, side, outgoing, plan.readDown);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      assertEquals(error.processed, "no");
      this.refusedAtOnce++;
    }

    function cancel({ call }: Outgoing): void {
      const reason = { code: "cancelled", message: "changed mind" } as const;
      side.session.enter(simulation.now).outgoing.giveUp(call, reason);
      side.touch();
    }
  }

  #send(side: Side, outgoing: Outgoing, { method, up }: Plan): void {
    if (method !== UP && method !== TALK) return;
    const { simulation } = this;
    sendAll(simulation, side, outgoing, up.map(item), () => {
      side.session.enter(simulation.now).outgoing.endItems(outgoing.call);
    });
  }

  #handle(side: Side, callIn: Incoming["call"], input: Uint8Array): void {
    const { simulation } = this;
    const incoming = new Incoming(callIn, input);
    const made = this.made[new DataView(incoming.input.buffer).getUint32(0)]!;
    const { plan } = made;
    assertEquals(incoming.input.length, plan.inputSize);
    assert(made.incoming === undefined, "a call arrived twice");
    made.incoming = incoming;
    let settled = false;
    const settle = () => {
      if (settled) return;
      settled = true;
      this.#settle(side, incoming, plan);
    };
    const onCancelled = incoming.onCancelled.bind(incoming);
    incoming.onCancelled = (error) => {
      onCancelled(error);
      simulation.at(this.#random(30), settle);
    };
    read(simulation, side, incoming, plan.readUp);
    if (plan.method === DOWN || plan.method === TALK) {
      sendAll(simulation, side, incoming, plan.down.map(item), () => {
        simulation.at(plan.handlerDelay, settle);
      });
    } else if (plan.method === UP && plan.readUp === "all") {
      incoming.onItemsEnded = () => {
        incoming.itemsEnded = true;
        simulation.at(plan.handlerDelay, settle);
      };
      if (incoming.itemsEnded) simulation.at(plan.handlerDelay, settle);
    } else if (plan.handlerDelay === 0) settle();
    else simulation.at(plan.handlerDelay, settle);
  }

  #settle(side: Side, { call }: Incoming, plan: Plan): void {
    const { now } = this.simulation;
    const { session } = side;
    switch (plan.ending) {
      case "result":
        session.enter(now).incoming.responses.respond(
          call,
          new Uint8Array(plan.resultSize),
          NO_FIELDS,
        );
        break;
      case "unsendable":
        session.enter(now).incoming.responses.respond(
          call,
          { not: "bytes" },
          NO_FIELDS,
        );
        break;
      case "error":
      case "unsendable error": {
        const data = plan.ending === "error"
          ? new Uint8Array(plan.resultSize)
          : { not: "bytes" };
        const error = new CallError("no", {
          code: "declared",
          declared: "no",
          processed: "yes",
          data,
        });
        session.enter(now).incoming.responses.fail(call, error);
      }
    }
    side.touch();
  }

  /** Runs to the end and checks the invariants. */
  run(): void {
    const { simulation } = this;
    let events = 0;
    simulation.check = () => {
      if (++events % 16 === 0) this.#checkBounds();
    };
    simulation.settle();
    this.#checkBounds();
    // Calls that wait for a stopped reader would never settle.
    for (const { outgoing } of this.made) {
      if (outgoing.settled > 0) continue;
      const reason = { code: "cancelled", message: "the end" } as const;
      outgoing.side.session.enter(simulation.now).outgoing.giveUp(
        outgoing.call,
        reason,
      );
      outgoing.side.touch();
    }
    simulation.settle();
    this.#checkCalls();
    // Their readers stop.
    for (const { outgoing: { side, call } } of this.made) {
      discardItems(side.session.enter(simulation.now).shared, call);
      side.touch();
    }
    simulation.settle(); // the credit that they return arrives
    this.#checkSessions();
  }

  #checkBounds(): void {
    for (const { session, pipe } of this.simulation.sides) {
      const { limits } = session;
      const accounts = accountsOf(session);
      assert(accounts.assembling <= limits.maxAssembly, "assembling");
      assert(accounts.raisePool >= 0, "raise pool");
      assert(accounts.unfinished >= 0, "unfinished");
      assert(
        accounts.itemBudget >= accounts.itemsLent && accounts.itemsLent >= 0,
        "item budget",
      );
      assert(
        accounts.itemBudget <=
          limits.maxAssembly / 2 + limits.maxMessage + 2 ** 17,
        `item budget ${accounts.itemBudget}`,
      );
      assert(pipe.unsent <= limits.unsentHard + limits.maxMessage, "unsent");
      assert(inFlightOf(session).incoming <= limits.maxCalls, "calls");
    }
    for (const { outgoing, incoming } of this.made) {
      const { limits } = outgoing.side.session;
      for (
        const receiveWindow of [
          outgoing.call.receiveWindow,
          incoming?.call.receiveWindow,
        ]
      ) {
        if (receiveWindow === undefined) continue;
        const waiting = receiveWindow.held -
          (receiveWindow.partial?.bytes ?? 0);
        // One whole item may have been paid in advance.
        const most = limits.maxStreamWindow + limits.maxFrameBody +
          limits.maxMessage;
        assert(waiting <= most, `${waiting} bytes wait in a receive window`);
      }
    }
  }

  #checkCalls(): void {
    for (const { outgoing, incoming, plan } of this.made) {
      assertEquals(outgoing.settled, 1, "settles exactly once");
      checkOrder(outgoing.items, plan.down);
      if (incoming !== undefined) checkOrder(incoming.items, plan.up);
      const result = outgoing.results[0];
      if (result === undefined) {
        const error = outgoing.error;
        if (error.processed === "no") {
          assert(
            incoming === undefined,
            `a handled call failed with processed "no": ${error.message}`,
          );
        }
        continue;
      }
      const streams = plan.method === DOWN || plan.method === TALK;
      assertEquals(result.length, streams ? 0 : plan.resultSize);
      if (streams && plan.readDown === "all") {
        readAll(this.simulation, outgoing.side, outgoing);
        assertEquals(outgoing.items.length, plan.down.length);
      }
    }
  }

  #checkSessions(): void {
    for (const side of this.simulation.sides) {
      const { session } = side;
      const { limits, stats } = session;
      const accounts = accountsOf(session);
      const other = this.simulation.other(side);
      assertEquals(inFlightOf(session), {
        outgoing: 0,
        incoming: 0,
        queued: 0,
      });
      assertEquals(stats.malformedCalls, 0);
      assertEquals(heldBy(session), HOLDS_NOTHING);
      assertEquals(accounts.raisePool, limits.itemsWindow);
      assert(side.ends.length <= 1);
      if (this.disturbed) {
        assertEquals(session.state, "closed");
        for (const error of side.ends) {
          // "closed": before the handshake was complete
          assert(["disconnected", "closed", undefined].includes(error?.code));
        }
        continue;
      }
      assertEquals(session.state, "open", `${side.ends[0]}`);
      checkCredit(session, other.session);
    }
  }
}

function item(size: number, index: number): Uint8Array {
  return new Uint8Array(size).fill(index + 1);
}

function checkOrder(items: Uint8Array[], planned: number[]): void {
  assert(items.length <= planned.length, "more items than were sent");
  items.forEach((found, index) => {
    assertEquals(found.length, planned[index], "items in order");
    assert(found.every((byte) => byte === index + 1), "complete items");
  });
}

function read(
  simulation: Simulation,
  side: Side,
  reader: Outgoing | Incoming,
  reading: Reading,
): void {
  if (reader.call.receiveWindow === undefined || reading === "none") return;
  if (reading === "all") return readAll(simulation, side, reader);
  let left = reading === "some" ? 2 : Infinity;
  const next = () => {
    if (left-- <= 0) return;
    const item = takeItem(
      side.session.enter(simulation.now).shared,
      reader.call,
    );
    side.touch();
    if (item === undefined) return;
    reader.items.push(item.slice());
    simulation.at(10, next);
  };
  reader.onItem = (item) => {
    reader.items.push(item.slice());
    simulation.at(10, next);
  };
  next();
}
