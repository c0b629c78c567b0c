/**
 * The program of the attacker: runs the script of an attack on its connections,
 * as a client or as a server.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { allAttacks } from "./attacks.ts";
import { runCommands } from "./control.ts";
import { dial, type Place, type RawConnection } from "./connections.ts";
import { hello } from "./frames.ts";
import { pause, RawPeer } from "./raw_peer.ts";
import { CLIENT_METHODS, SERVER_METHODS } from "./target.ts";

/** Longest time for an event to arrive after the attack's duration, in steps. */
const PATIENCE = { steps: 100, ms: 100, readFrom: 80 };

/** Longest time until an attack is quiet, after its duration. */
const UNTIL_QUIET = { steps: 20, ms: 50 };
/** Number of steps without a new byte after which an attack is quiet. */
const QUIET_STEPS = 4;

/** Account of an attack that has ended. */
export interface AttackReport {
  /** Bytes that the attacker sent. */
  readonly sent: number;
  /** Number of connections that it used. */
  readonly connections: number;
  /** Number of frames that it received, by kind and code. */
  readonly seen: Readonly<Record<string, number>>;
}

/** An attack that is running. */
class Running {
  readonly #attack: Attack;
  readonly #seen = new Map<string, number>();
  readonly #peers: RawPeer[] = [];
  readonly #work: Promise<void>[] = [];
  #listener: Deno.TcpListener | undefined;
  #halted = false;

  constructor(attack: Attack) {
    this.#attack = attack;
  }

  /** Attacks a server. */
  dial(place: Place): void {
    const { connections = 1 } = this.#attack;
    for (let at = 0; at < connections; at++) this.#work.push(this.#dial(place));
  }

  async #dial(place: Place): Promise<void> {
    const { setup: { over = "tcp" } = {}, plain = false } = this.#attack;
    do {
      try {
        await this.#run(await dial(plain ? "tcp" : over, place));
      } catch {
        await pause(1); // the server refuses connections
      }
    } while (this.#attack.again === true && !this.#halted);
  }

  /** Attacks the clients that connect; returns the port. */
  listen(): number {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listener = listener;
    this.#work.push(this.#accept(listener));
    return listener.addr.port;
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    try {
      for await (const connection of listener) {
        connection.setNoDelay(true);
        this.#work.push(this.#run(connection));
      }
    } catch { /* closed */ }
  }

  async #run(connection: RawConnection): Promise<void> {
    const peer = new RawPeer(connection, this.#seen);
    this.#peers.push(peer);
    const reading = peer.read();
    await this.#script(peer);
    await reading;
    peer.close();
  }

  async #script(peer: RawPeer): Promise<void> {
    const { script, hello: members = {}, reads = true, victim } = this.#attack;
    if (members !== null) {
      const own = victim === "server"
        ? { methods: SERVER_METHODS }
        : { methods: CLIENT_METHODS, role: 1 } as const;
      const hellos = () => this.#seen.get("HELLO") ?? 0;
      const before = hellos();
      await peer.send(hello({ ...own, ...members }));
      await peer.until(() => hellos() > before);
    }
    peer.reads = reads;
    for await (const bytes of script(peer)) {
      if (peer.stopped || peer.ended || this.#halted) break;
      if (bytes.length > 0 && !await peer.send(bytes)) break;
    }
  }

  /**
   * Waits for `ms`, until everything was seen that must be seen, and for an attack
   * that ends until it has. Then, nothing more is sent.
   */
  async wait(): Promise<void> {
    await pause(this.#attack.ms ?? 400);
    await this.#waitForEvents();
    await this.#waitUntilQuiet();
    this.#halted = true;
  }

  async #waitForEvents(): Promise<void> {
    const { sees = [] } = this.#attack;
    for (let step = 0; step < PATIENCE.steps; step++) {
      if (step === PATIENCE.readFrom) this.#readAll();
      if (
        sees.every((event) => this.#seen.has(event) || event === "handlers")
      ) return;
      await pause(PATIENCE.ms);
    }
  }

  async #waitUntilQuiet(): Promise<void> {
    let before = this.sent(), quiet = 0;
    for (let step = 0; step < UNTIL_QUIET.steps; step++) {
      await pause(UNTIL_QUIET.ms);
      const sent = this.sent();
      quiet = sent === before ? quiet + 1 : 0;
      if (quiet === QUIET_STEPS) break;
      before = sent;
    }
  }

  /** Returns the number of bytes that were sent. */
  sent(): number {
    return this.#peers.reduce((sum, { sent }) => sum + sent, 0);
  }

  /** Lets all peers read, to see how their sessions end. */
  #readAll(): void {
    for (const peer of this.#peers) peer.reads = true;
  }

  /** Stops the attack. */
  async stop(): Promise<AttackReport> {
    this.#halted = true;
    this.#listener?.close();
    for (const peer of this.#peers) peer.close();
    await Promise.all(this.#work);
    return {
      sent: this.sent(),
      connections: this.#peers.length,
      seen: Object.fromEntries(this.#seen),
    };
  }
}

let running: Running | undefined;

function begin(name: string): Running {
  const attack = allAttacks.find((one) => one.name === name);
  if (attack === undefined) throw new Error(`Unknown attack "${name}"`);
  return running = new Running(attack);
}

await runCommands({
  /** Begins an attack on a server. */
  dial: ({ name, place }: { name: string; place: Place }) =>
    begin(name).dial(place),
  /** Begins an attack on the clients that connect. */
  listen: ({ name }: { name: string }) => begin(name).listen(),
  /** Waits for the attack's duration. Then, nothing more is sent. */
  wait: () => running!.wait(),
  /** Returns the number of bytes that were sent. */
  sent: () => running!.sent(),
  /** Ends the attack. */
  stop: () => running!.stop(),
});
