/**
 * A bus for the threads of one process, over `BroadcastChannel`.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Bus, BusStatus, BusSubscription } from "./bus.ts";
import { StatusListeners } from "./status_listeners.ts";

/** Options for {@linkcode broadcastChannelBus}. */
export interface BroadcastChannelBusOptions {
  /**
   * Maximum size of a message in bytes.
   *
   * @default {4259840}, which is enough for a message with the default limits
   */
  maxMessage?: number | undefined;
}

/** A bus for the threads of one process, which can be closed. */
export interface BroadcastChannelBus extends Bus, Disposable {
  /** Closes the channel. An open channel keeps the process alive. */
  close(): void;
}

const OPTIONS: OptionNames<BroadcastChannelBusOptions> = { maxMessage: true };

/** 4 MiB, the default of `limits.maxMessage`, and room for the envelope. */
const DEFAULT_MAX_MESSAGE = 4 * 2 ** 20 + 2 ** 16;

/** A message of the channel: `[subject, bytes]`. */
type ChannelMessage = readonly [subject: string, message: Uint8Array];

const READY: Promise<void> = Promise.resolve();

/**
 * Returns a bus for the threads of one process.
 *
 * Use it for servers in workers, and with `deno serve --parallel`. Other processes
 * receive nothing, also on the same machine: use `natsBus()` of `./nats` for them.
 * The channel is open while the bus has subscriptions, so a server that shuts down
 * closes it. A bus without subscriptions opens it to publish, until `close()`.
 *
 * `BroadcastChannel` has no backpressure: messages to a thread that is busy wait in
 * memory.
 *
 * @param name name of the channel; buses of equal names are joined
 * @param options the maximum size of a message
 * @returns the bus
 * @throws {RangeError} if `maxMessage` is not an integer of at least 1
 * @throws {TypeError} if the name is not a string, or an option is unknown
 *
 * @example
 * ```ts
 * import { createServer, notification, protocol } from "@lengthwise/lengthwise";
 * import { broadcastChannelBus } from "@lengthwise/lengthwise/bus";
 *
 * const News = protocol({ name: "news", client: { headline: notification<string>() } });
 * await using server = createServer(News, { bus: broadcastChannelBus("news") })
 *   .handle({});
 * server.broadcast.headline("to the clients of all threads");
 * ```
 */
export function broadcastChannelBus(
  name: string,
  options: BroadcastChannelBusOptions = {},
): BroadcastChannelBus {
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot use ${
        describeType(name)
      } as the name of a channel: expected a string`,
    );
  }
  checkOptions("broadcastChannelBus()", options, OPTIONS);
  const { maxMessage = DEFAULT_MAX_MESSAGE } = options;
  if (!Number.isInteger(maxMessage) || maxMessage < 1) {
    throw new RangeError(
      `Cannot create a bus with maxMessage ${maxMessage}: it must be an integer of at least 1`,
    );
  }
  return new ChannelBus(name, maxMessage);
}

class ChannelBus implements BroadcastChannelBus {
  readonly maxMessage: number;
  readonly #name: string;
  readonly #status: StatusListeners = new StatusListeners();
  readonly #receivers: Map<string, Set<(message: Uint8Array) => void>> =
    new Map();
  #channel: BroadcastChannel | undefined = undefined;

  constructor(name: string, maxMessage: number) {
    this.#name = name;
    this.maxMessage = maxMessage;
  }

  get status(): BusStatus {
    return this.#status.status;
  }

  onStatus(listener: (status: BusStatus) => void): Disposable {
    return this.#status.add(listener);
  }

  #open(): BroadcastChannel {
    if (this.#channel !== undefined) return this.#channel;
    const channel = new BroadcastChannel(this.#name);
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isChannelMessage(data)) this.#receive(data);
    };
    return this.#channel = channel;
  }

  #receive([subject, message]: ChannelMessage): void {
    for (const receive of [...this.#receivers.get(subject) ?? []]) {
      receive(message);
    }
  }

  publish(subject: string, message: Uint8Array): boolean {
    if (this.status !== "up" || message.length > this.maxMessage) return false;
    try {
      const data: ChannelMessage = [subject, message];
      this.#open().postMessage(data); // copies it
      return true;
    } catch {
      return false; // it has been closed
    }
  }

  subscribe(
    subject: string,
    receive: (message: Uint8Array) => void,
  ): BusSubscription {
    const own = (message: Uint8Array) => receive(message);
    if (this.status === "up") {
      this.#open();
      const receivers = this.#receivers.get(subject) ?? new Set();
      this.#receivers.set(subject, receivers.add(own));
    }
    return {
      ready: READY,
      [Symbol.dispose]: () => this.#unsubscribe(subject, own),
    };
  }

  #unsubscribe(subject: string, own: (message: Uint8Array) => void): void {
    const receivers = this.#receivers.get(subject);
    receivers?.delete(own);
    if (receivers?.size === 0) this.#receivers.delete(subject);
    if (this.#receivers.size > 0) return;
    this.#channel?.close();
    this.#channel = undefined;
  }

  close(): void {
    this.#receivers.clear();
    this.#channel?.close();
    this.#channel = undefined;
    this.#status.change("closed");
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Anything may be posted to a channel of this name. */
function isChannelMessage(data: unknown): data is ChannelMessage {
  return Array.isArray(data) && data.length === 2 &&
    typeof data[0] === "string" && data[1] instanceof Uint8Array;
}
