/**
 * Runs attacks: starts the processes of the attacker and of the attacked server
 * or client, and measures.
 *
 * @module
 */
import { connect } from "../../lib/messages/client/connect.ts";
import { serve } from "../../lib/messages/server/server.ts";
import type { Attack, VictimOptions, VictimReport } from "./attack.ts";
import type { AttackReport } from "./attacker.ts";
import { PROCESS } from "./budgets.ts";
import {
  Bystander,
  BYSTANDER_LIMITS,
  type BystanderReport,
} from "./bystander.ts";
import type { Place } from "./connections.ts";
import { Process } from "./control.ts";
import { HandlerCount } from "./handler_count.ts";
import type { Measurement } from "./measurement.ts";
import type { Memory } from "./memory.ts";
import { bytesUnread } from "./queues.ts";
import { pause } from "./raw_peer.ts";
import type { Places } from "./server.ts";
import { sizedHandlers, Target } from "./target.ts";

/** Milliseconds without an attack, to compare the bystander's times with. */
const IDLE = 500;

/** Longest time for a process to release its memory, in steps. */
const RELEASE = { steps: 40, ms: 100 };

/** Longest time for a process to read what was sent to it, in steps. */
const READING = { steps: 3000, ms: 20 };

/** Number of steps without bytes that wait or are sent after which all was read. */
const READ_STEPS = 2;

/** Bytes of compiled code that a process adds to its heap while it warms up. */
const COMPILED = 8 * 2 ** 20;

/** The heap must stay far below the memory of a small machine. */
const VICTIM_FLAGS = ["--expose-gc", "--max-old-space-size=1024"];

/** An attacked process and its bystander. */
interface Victim extends AsyncDisposable {
  readonly process: Process;
  /** Prepares the end to be attacked, without bystander's calls. */
  start(options: VictimOptions): Promise<void>;
  /** Begins the bystander's calls. */
  watch(): Promise<void>;
  /** Ends the bystander's calls. */
  watched(): Promise<BystanderReport>;
  /** Lets the attacker begin; returns the port of the server. */
  attack(attacker: Process, attack: Attack): Promise<number>;
  /** Ends the use of the attacker. */
  safe(): Promise<void>;
  /** Ends all sessions. */
  stop(): Promise<void>;
}

/** Runs attacks one after another. */
export class AttackRunner implements AsyncDisposable {
  #attacker: Process | undefined;
  readonly #victims = new Map<Attack["victim"], Victim>();
  readonly #idle = new Map<Attack["victim"], number>();
  /** The number of bytes that each process held at first. */
  readonly #first = new Map<Process, number>();

  /**
   * Runs an attack.
   *
   * @throws {Error} if a process ends
   */
  async run(attack: Attack): Promise<Measurement> {
    try {
      const idle = await this.#idleTime(attack.victim);
      return await this.#run(attack, idle);
    } catch (error) {
      await this[Symbol.asyncDispose](); // begin the next with new processes
      throw error;
    }
  }

  async #run(attack: Attack, idleTime: number): Promise<Measurement> {
    const attacker = this.#attacker ??= new Process("attacker.ts");
    const victim = this.#victim(attack.victim);
    const { process } = victim;
    await victim.start(attack.setup ?? {});
    const before = await process.run<Memory>("memory");
    const first = this.#first.get(process) ?? before.held;
    this.#first.set(process, first);
    // Small amounts that many attacks leave count as well.
    const idle = Math.min(before.held, first + COMPILED);
    await process.run("measure");
    await victim.watch();
    const began = performance.now();
    const port = await victim.attack(attacker, attack);
    await attacker.run("wait");
    const consumed = await allRead(attacker, attack.victim, port);
    const { held, rss, handlers } = await process.run<VictimReport>("measured");
    await attacker.run("see");
    const report = await attacker.run<AttackReport>("stop");
    const seconds = (performance.now() - began) / 1000;
    await victim.safe();
    const { calls, lost, failure, p99 } = await victim.watched();
    const after = await released(process, idle);
    await victim.stop();
    return {
      ...report,
      seconds,
      handlers,
      consumed,
      held: Math.max(0, held - before.held),
      rss: Math.max(0, rss - before.rss),
      left: Math.max(0, after - idle),
      heap: { first, before: before.held, idle, most: held, after },
      calls,
      lost,
      failure,
      slowdown: p99 / idleTime,
    };
  }

  #victim(kind: Attack["victim"]): Victim {
    const known = this.#victims.get(kind);
    if (known !== undefined) return known;
    const victim = kind === "server" ? new ServerVictim() : new ClientVictim();
    this.#victims.set(kind, victim);
    return victim;
  }

  /** Returns the bystander's 99th percentile without an attack; the code is warm then. */
  async #idleTime(kind: Attack["victim"]): Promise<number> {
    const known = this.#idle.get(kind);
    if (known !== undefined) return known;
    const victim = this.#victim(kind);
    let time = 0;
    for (let round = 0; round < 2; round++) { // the first one warms up
      await victim.start({});
      await victim.process.run("measure");
      await victim.watch();
      await pause(IDLE);
      await victim.process.run("measured");
      time = (await victim.watched()).p99;
      await victim.stop();
    }
    this.#idle.set(kind, time);
    return time;
  }

  /** Ends the processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#attacker?.[Symbol.asyncDispose]();
    this.#attacker = undefined;
    for (const victim of this.#victims.values()) {
      await victim[Symbol.asyncDispose]();
    }
    this.#victims.clear();
  }
}

/** Waits until the attacked process has read all; returns whether it has. */
async function allRead(
  attacker: Process,
  victim: Attack["victim"],
  port: number,
): Promise<boolean> {
  let before = -1, quiet = 0;
  for (let step = 0; step < READING.steps; step++) {
    const sent = await attacker.run<number>("sent");
    const isRead = await bytesUnread(victim, port) === 0;
    quiet = isRead && sent === before ? quiet + 1 : 0;
    if (quiet === READ_STEPS) return true;
    before = sent;
    await pause(READING.ms);
  }
  return false;
}

/** Waits until a process holds about as much as when idle; returns the bytes. */
async function released(process: Process, idle: number): Promise<number> {
  let held = 0;
  for (let step = 0; step < RELEASE.steps; step++) {
    held = (await process.run<Memory>("memory")).held;
    if (held - idle <= PROCESS) break;
    await pause(RELEASE.ms);
  }
  return held;
}

/** A server process; the bystander is a client in this process. */
class ServerVictim implements Victim {
  readonly process = new Process("server.ts", VICTIM_FLAGS);
  #place: Place = { port: 0 };
  #close: () => Promise<void> = () => Promise.resolve();
  #call: () => PromiseLike<unknown> = () => Promise.resolve();
  #bystander: Bystander | undefined;

  async start(options: VictimOptions): Promise<void> {
    const places = await this.process.run<Places>("start", options);
    this.#place = places.attacker;
    const address = { hostname: "127.0.0.1", port: places.bystander.port };
    const session = await connect(Target, address, {
      credentials: "bystander",
      limits: BYSTANDER_LIMITS,
      handlers: {
        called() {},
        noted() {},
        taken: () => 0,
        ...sizedHandlers(new HandlerCount()),
      },
    });
    this.#call = () => session.remote.echo(null);
    this.#close = () => session.close();
  }

  watch(): Promise<void> {
    this.#bystander = new Bystander(this.#call);
    return Promise.resolve();
  }

  watched(): Promise<BystanderReport> {
    return this.#bystander!.stop();
  }

  async attack(attacker: Process, { name }: Attack): Promise<number> {
    await attacker.run("dial", { name, place: this.#place });
    return this.#place.port;
  }

  safe(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#close();
    await this.process.run("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.process[Symbol.asyncDispose]();
  }
}

/** A client process; the server of the bystander's calls is in this process. */
class ClientVictim implements Victim {
  readonly process = new Process("client.ts", VICTIM_FLAGS);
  readonly #server = serve(Target, { hostname: "127.0.0.1", port: 0 }).handle({
    echo: (value) => value,
    hold() {},
    big: () => new Uint8Array(),
    bigLater: () => new Uint8Array(),
    fail() {},
    back() {},
    up: () => 0,
    read: () => 0,
    async *down() {},
    async *downLater() {},
    holdFor() {},
    async *both() {},
    note() {},
    drain() {},
    subscribe() {},
    keep() {},
    keepFor() {},
    async *follow() {},
    ...sizedHandlers(new HandlerCount()),
  });
  #options: VictimOptions = {};

  async start(options: VictimOptions): Promise<void> {
    this.#options = options;
    const { addr } = await this.#server;
    await this.process.run("start", addr);
  }

  async watch(): Promise<void> {
    await this.process.run("watch");
  }

  watched(): Promise<BystanderReport> {
    return this.process.run("watched");
  }

  async attack(attacker: Process, { name }: Attack): Promise<number> {
    const port = await attacker.run<number>("listen", { name });
    await this.process.run("attacked", { port, options: this.#options });
    return port;
  }

  async safe(): Promise<void> {
    await this.process.run("safe");
  }

  async stop(): Promise<void> {
    await this.process.run("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await (await this.#server).shutdown({ grace: 0 });
  }
}
