/**
 * A bus within one thread, for tests.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Bus, BusStatus, BusSubscription } from "./bus.ts";
import { StatusListeners } from "./status_listeners.ts";

/** Options for {@linkcode memoryBus}. */
export interface MemoryBusOptions {
  /**
   * Maximum size of a message in bytes.
   *
   * @default {1048576}
   */
  maxMessage?: number | undefined;
}

/** A member of a bus that a test can disconnect. */
export interface MemoryBus extends Bus {
  /** Returns another member of the same bus. */
  join(): MemoryBus;
  /** Disconnects the member: it publishes and receives nothing. */
  disconnect(): void;
  /** Connects the member again. */
  reconnect(): void;
  /** Closes the member. */
  close(): void;
}

const OPTIONS: OptionNames<MemoryBusOptions> = { maxMessage: true };

const READY: Promise<void> = Promise.resolve();

/**
 * Returns a bus within one thread, for tests.
 *
 * Messages arrive in a later microtask, in the order in which they were published.
 *
 * @param options the maximum size of a message
 * @returns the first member; its `join()` returns the others
 * @throws {RangeError} if `maxMessage` is not an integer of at least 1
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { memoryBus } from "@lengthwise/lengthwise/bus";
 * import { assertEquals } from "@std/assert";
 *
 * const near = memoryBus();
 * const far = near.join();
 * const heard: string[] = [];
 * using subscription = far.subscribe("lw.news", (bytes) => {
 *   heard.push(new TextDecoder().decode(bytes));
 * });
 * await subscription.ready;
 * near.publish("lw.news", new TextEncoder().encode("hello"));
 * await Promise.resolve();
 * assertEquals(heard, ["hello"]);
 * ```
 */
export function memoryBus(options: MemoryBusOptions = {}): MemoryBus {
  checkOptions("memoryBus()", options, OPTIONS);
  const { maxMessage = 2 ** 20 } = options;
  if (!Number.isInteger(maxMessage) || maxMessage < 1) {
    throw new RangeError(
      `Cannot create a bus with maxMessage ${maxMessage}: it must be an integer of at least 1`,
    );
  }
  return new Member(maxMessage, new Set());
}

interface Subscribed {
  readonly subject: string;
  receive(message: Uint8Array): void;
}

class Member implements MemoryBus {
  readonly maxMessage: number;
  readonly #members: Set<Member>;
  readonly #status: StatusListeners = new StatusListeners();
  readonly #subscribed: Set<Subscribed> = new Set();

  constructor(maxMessage: number, members: Set<Member>) {
    this.maxMessage = maxMessage;
    this.#members = members;
    members.add(this);
  }

  get status(): BusStatus {
    return this.#status.status;
  }

  onStatus(listener: (status: BusStatus) => void): Disposable {
    return this.#status.add(listener);
  }

  publish(subject: string, message: Uint8Array): boolean {
    if (this.status !== "up" || message.length > this.maxMessage) return false;
    const copy = new Uint8Array(message);
    queueMicrotask(() => {
      for (const member of this.#members) member.#receive(subject, copy);
    });
    return true;
  }

  #receive(subject: string, message: Uint8Array): void {
    if (this.status !== "up") return;
    for (const subscribed of [...this.#subscribed]) {
      if (subscribed.subject === subject) subscribed.receive(message.slice());
    }
  }

  subscribe(
    subject: string,
    receive: (message: Uint8Array) => void,
  ): BusSubscription {
    const subscribed = { subject, receive };
    this.#subscribed.add(subscribed);
    return {
      ready: this.status === "up" ? READY : this.#up(),
      [Symbol.dispose]: () => void this.#subscribed.delete(subscribed),
    };
  }

  #up(): Promise<void> {
    return new Promise((resolve) => {
      const listening = this.onStatus((status) => {
        if (status !== "up") return;
        listening[Symbol.dispose]();
        resolve();
      });
    });
  }

  join(): MemoryBus {
    return new Member(this.maxMessage, this.#members);
  }

  disconnect(): void {
    this.#status.change("down");
  }

  reconnect(): void {
    this.#status.change("up");
  }

  close(): void {
    this.#status.change("closed");
    this.#members.delete(this);
    this.#subscribed.clear();
  }
}
