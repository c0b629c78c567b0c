/**
 * A network within a test: named servers, and links that a test can break.
 *
 * @module
 */
import { formatAddress } from "../transport/address.ts";
import type { Connection } from "../transport/connection.ts";
import type { SocketListener } from "../transport/socket_listener.ts";
import type { Connector } from "../messages/client/connector.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { describeType } from "../support/describe_type.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { Backlog, connectTo } from "../transport/memory/memory_listener.ts";
import {
  memoryLink,
  type MemoryLinkOptions,
  type MemoryRange,
} from "../transport/memory/memory_pair.ts";
import { type SimulatedLink, SimulatedLinkImpl } from "./simulated_link.ts";

/**
 * Options for {@linkcode simulatedNetwork}, for both directions of its links.
 *
 * @category Testing
 */
export interface SimulatedNetworkOptions
  extends Omit<MemoryLinkOptions, "fault"> {
  /**
   * Seed for random sizes and latencies. With {@linkcode virtualTime}, runs
   * with the same seed are equal.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /** Called with each new link, for example to give it a fault. */
  onLink?: ((link: SimulatedLink) => void) | undefined;
}

/**
 * How a network treats a server's name.
 *
 * - `"up"`: clients can connect if a listener has the name. This is the default.
 * - `"down"`: connecting fails with `refused`, as if the server's process had
 *   ended, and its links are cut.
 * - `"silent"`: nothing arrives, as if a cable had been pulled: clients connect
 *   in vain, and open links stall in both directions until the name is `"up"`.
 *
 * @category Testing
 */
export type Reachability = "up" | "down" | "silent";

/**
 * A network within a test.
 *
 * Returned by {@linkcode simulatedNetwork}.
 *
 * @category Network
 */
export interface SimulatedNetwork {
  /** The open links, the oldest first. */
  readonly links: readonly SimulatedLink[];
  /**
   * Returns the address of a server for `createClient()` and `connect()`.
   *
   * @param name the server's name
   */
  address(name: string): Connector;
  /**
   * Listens on a name; pass the listener to `serve()`.
   *
   * @param name the server's name
   * @throws {Error} if a listener has the name already
   */
  listen(name: string): SocketListener;
  /**
   * Sets how the network treats a server's name.
   *
   * @param name the server's name
   * @param reachability whether clients reach it
   * @throws {TypeError} if the reachability is unknown
   */
  set(name: string, reachability: Reachability): void;
}

const REACHABILITIES: readonly Reachability[] = ["up", "down", "silent"];

const OPTIONS: OptionNames<SimulatedNetworkOptions> = {
  capacity: true,
  latency: true,
  readSize: true,
  writeSize: true,
  seed: true,
  onLink: true,
};

/**
 * Returns a network in memory whose links a test can break.
 *
 * It needs no permissions. It works on the real clock as well as with
 * {@linkcode virtualTime}.
 *
 * @param options behavior of all links
 * @throws {TypeError} if an option is unknown, or `onLink` is not a function
 * @throws {RangeError} if a size, a capacity, a latency or the seed is invalid
 *
 * @example Cut the connection of a client in the middle of a call
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<string, number>({ idempotent: true }) },
 * });
 * let calls = 0;
 *
 * using time = virtualTime();
 * const network = simulatedNetwork({ latency: { min: 5, max: 50 } });
 * const server = await serve(Shop, network.listen("shop")).handle({
 *   price(sku) {
 *     if (++calls === 1) network.links[0]?.cut();
 *     return sku.length * 100;
 *   },
 * });
 * const client = createClient(Shop, network.address("shop"));
 * assertEquals(await time.run(client.remote.price("A-1")), 300);
 * assertEquals(calls, 2); // the method is idempotent, so it was sent again
 * await time.run(client.close());
 * await time.run(server.shutdown());
 * ```
 *
 * @category Network
 */
export function simulatedNetwork(
  options: SimulatedNetworkOptions = {},
): SimulatedNetwork {
  return new Network(checkOptions("simulatedNetwork()", options, OPTIONS));
}

class Network implements SimulatedNetwork {
  readonly #options: Omit<MemoryLinkOptions, "fault">;
  readonly #onLink: ((link: SimulatedLink) => void) | undefined;
  readonly #random: () => number;
  readonly #listeners: Map<string, Backlog> = new Map();
  readonly #links: Set<SimulatedLinkImpl> = new Set();
  readonly #states: Map<string, Reachability> = new Map();
  /** Called when a silent name changes. */
  readonly #waiting: Set<() => void> = new Set();

  constructor(options: SimulatedNetworkOptions) {
    const { seed = 1, onLink, ...links } = options;
    if (onLink !== undefined && typeof onLink !== "function") {
      throw new TypeError(
        `Cannot use ${
          describeType(onLink)
        } as the option onLink of simulatedNetwork(): expected a function`,
      );
    }
    this.#options = links;
    this.#onLink = onLink;
    this.#random = seededRandom(seed);
    memoryLink(links); // checks the options now
  }

  get links(): readonly SimulatedLink[] {
    return [...this.#links];
  }

  address(name: string): Connector {
    return {
      name: nameOf(name),
      connect: (signal) => this.#connect(name, signal),
    };
  }

  listen(name: string): SocketListener {
    if (this.#listeners.has(name)) {
      throw new Error(
        `Cannot listen on "${name}": close its listener first, or use another name`,
      );
    }
    const backlog = new Backlog(nameOf(name));
    this.#listeners.set(name, backlog);
    return backlog.listener(name, {}, () => this.#listeners.delete(name));
  }

  set(name: string, reachability: Reachability): void {
    checkChoice("set()", "reachability", reachability, REACHABILITIES);
    this.#states.set(name, reachability);
    for (const link of this.#links) {
      if (link.name !== name) continue;
      if (reachability === "down") link.cut();
      else link.silent = reachability === "silent";
    }
    for (const wake of this.#waiting) wake();
  }

  async #connect(name: string, signal: AbortSignal): Promise<Connection> {
    await this.#roundTrip(signal);
    while (this.#states.get(name) === "silent") await this.#change(signal);
    const down = this.#states.get(name) === "down";
    const backlog = down ? undefined : this.#listeners.get(name);
    return connectTo(backlog, nameOf(name), () => this.#open(name));
  }

  #open(name: string) {
    const seed = Math.floor(this.#random() * 2 ** 32);
    const memory = memoryLink({ ...this.#options, seed, name });
    const link = new SimulatedLinkImpl(name, memory, () => {
      this.#links.delete(link);
    });
    this.#links.add(link);
    this.#onLink?.(link);
    return link.ends;
  }

  /** Waits for the time that connecting takes. */
  #roundTrip(signal: AbortSignal): Promise<void> {
    const { latency = 0 } = this.#options;
    const ms = 2 * draw(latency, this.#random);
    if (ms === 0) return Promise.resolve();
    return unlessAborted(signal, (resolve) => {
      const timer = setTimeout(resolve, ms);
      return () => clearTimeout(timer);
    });
  }

  /** Waits until a name is reachable in another way. */
  #change(signal: AbortSignal): Promise<void> {
    return unlessAborted(signal, (resolve) => {
      this.#waiting.add(resolve);
      return () => this.#waiting.delete(resolve);
    });
  }
}

function nameOf(name: string): string {
  return formatAddress({ memory: name });
}

function draw(range: MemoryRange, random: () => number): number {
  if (typeof range === "number") return range;
  return range.min + random() * (range.max - range.min);
}

/** Waits for an event; rejects if the signal is aborted before it. */
async function unlessAborted(
  signal: AbortSignal,
  begin: (resolve: () => void) => () => void,
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const end = begin(resolve);
  try {
    await promise;
  } finally {
    end();
    signal.removeEventListener("abort", abort);
  }
}
