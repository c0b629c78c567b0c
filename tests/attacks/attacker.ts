/**
 * The program of the attacker: runs the script of an attack on its connections,
 * as a client or as a server.
 *
 * @module
 */
import type { Attack, Over } from "./attack.ts";
import { attacks } from "./attacks.ts";
import { runCommands } from "./control.ts";
import { dial, type Place, type RawConnection } from "./connections.ts";
import { hello } from "./frames.ts";
import { pause, RawPeer } from "./raw_peer.ts";
import { CLIENT_METHODS, SERVER_METHODS } from "./target.ts";

/** Number of times that a script yields, and bytes that it sends, before it ends. */
const ENOUGH = { yields: 8192, bytes: 64 * 2 ** 20 };

/** Number of sessions that a client opens one after another while it is attacked. */
const CLIENTS = 20;

/** Longest time of an attack, in steps. */
const PATIENCE = { steps: 600, ms: 50 };

/**
 * Bytes of a step, and number of such steps, after which an attack goes on at the
 * rate that the library permits. It would have no end.
 */
const SLOW = { bytes: 1024, steps: 40 };
/** Number of steps without a byte or connection after which an attack is over. */
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
  /** Number of connections that are still to be made. */
  #left: number;
  /** Number of scripts that have begun. */
  #begun = 0;
  /** Number of tasks that have not ended: connections, and making or accepting them. */
  #busy = 0;
  #listener: Deno.TcpListener | undefined;
  #halted = false;

  constructor(attack: Attack) {
    const { victim, connections = 1 } = attack;
    const { total = victim === "client" ? CLIENTS : connections } = attack;
    this.#attack = attack;
    this.#left = total;
  }

  /** Attacks a server. */
  dial(place: Place): void {
    const { connections = 1 } = this.#attack;
    for (let at = 0; at < connections; at++) {
      this.#work.push(this.#counted(this.#dial(place)));
    }
  }

  async #counted(work: Promise<void>): Promise<void> {
    this.#busy++;
    await work;
    this.#busy--;
  }

  async #dial(place: Place): Promise<void> {
    const { setup: { over = "tcp" } = {}, plain = false } = this.#attack;
    while (this.#left > 0 && !this.#halted) {
      this.#left--;
      try {
        await this.#run(await dial(plain ? "tcp" : over, place), over);
      } catch {
        this.#left++;
        await pause(1); // the server refuses connections
      }
    }
  }

  /** Attacks the clients that connect; returns the port. */
  listen(): number {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listener = listener;
    this.#work.push(this.#counted(this.#accept(listener)));
    return listener.addr.port;
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    try {
      for await (const connection of listener) {
        connection.setNoDelay(true);
        this.#work.push(this.#counted(this.#run(connection)));
        if (--this.#left === 0) break; // closes the listener
      }
    } catch { /* closed */ }
  }

  async #run(connection: RawConnection, over?: Over): Promise<void> {
    const peer = new RawPeer(connection, this.#seen, over === "http");
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
    this.#begun++;
    peer.reads = reads;
    let yields = 0;
    for await (const bytes of script(peer)) {
      if (peer.stopped || peer.ended || this.#halted) break;
      if (bytes.length > 0 && !await peer.send(bytes)) break;
      if (++yields === ENOUGH.yields || peer.sent >= ENOUGH.bytes) break;
    }
  }

  /**
   * Waits for `ms`, and then until the attack is over: all connections were made,
   * little more is sent or arrives, and everything was seen that must be seen.
   * A peer that does not read sees it later, by {@linkcode Running.see}.
   */
  async wait(): Promise<void> {
    await pause(this.#attack.ms ?? 0);
    let before = -1, quiet = 0, slow = 0;
    for (let step = 0; step < PATIENCE.steps; step++) {
      const progress = this.#progress();
      quiet = progress === before ? quiet + 1 : 0;
      slow = progress - before <= SLOW.bytes ? slow + 1 : 0;
      before = progress;
      const ends = quiet >= QUIET_STEPS || slow >= SLOW.steps ||
        this.#busy === 0;
      if (this.#isComplete() && ends) break;
      await pause(PATIENCE.ms);
    }
    this.#halted = true;
  }

  #isComplete(): boolean {
    const { victim, reads = true } = this.#attack;
    const { connections = 1, total = connections } = this.#attack;
    const begun = victim === "client" ? this.#begun > 0 : this.#begun >= total;
    return begun &&
      (!reads || this.#hasSeenAll());
  }

  #hasSeenAll(): boolean {
    const { sees = [], atLeast = {} } = this.#attack;
    return sees.every((event) => this.#seen.has(event)) &&
      Object.entries(atLeast).every(([event, least]) =>
        (this.#seen.get(event) ?? 0) >= least
      );
  }

  /** Lets all peers read, and waits until they have seen how their sessions end. */
  async see(): Promise<void> {
    for (const peer of this.#peers) peer.reads = true;
    for (let step = 0; step < PATIENCE.steps; step++) {
      if (this.#hasSeenAll()) break;
      await pause(PATIENCE.ms);
    }
  }

  /** Returns a number that rises with everything that is sent or arrives. */
  #progress(): number {
    let sum = this.sent() + this.#peers.length;
    for (const count of this.#seen.values()) sum += count;
    return sum;
  }

  /** Returns the number of bytes that were sent. */
  sent(): number {
    return this.#peers.reduce((sum, { sent }) => sum + sent, 0);
  }

  #closeListener(): void {
    try {
      this.#listener?.close();
    } catch { /* was closed after the last client */ }
  }

  /** Stops the attack. */
  async stop(): Promise<AttackReport> {
    this.#halted = true;
    this.#closeListener();
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
  const attack = attacks.find((one) => one.name === name);
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
  /** Lets all peers read, and waits for the events that must be seen. */
  see: () => running!.see(),
  /** Returns the number of bytes that were sent. */
  sent: () => running!.sent(),
  /** Ends the attack. */
  stop: () => running!.stop(),
});
