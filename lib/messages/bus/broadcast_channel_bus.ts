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

/**
 * Least time in ms between two posts. Deno keeps 256 posts for a thread that is
 * busy, of all channels of the process together, and drops older ones.
 */
const POST_INTERVAL = 5;

/** Most bytes that wait for the next post. */
const MAX_WAITING = 8 * 2 ** 20;

/** Messages in one post: subject, bytes, subject, bytes, …. */
type Post = (string | Uint8Array)[];

const READY: Promise<void> = Promise.resolve();

/**
 * Returns a bus for the threads of one process.
 *
 * Use it for servers in workers, and with `deno serve --parallel`. Other processes
 * receive nothing, also on the same machine: use `natsBus()` of `./nats` for them.
 * The channel is open while the bus has subscriptions, so a server that shuts down
 * closes it. A bus without subscriptions opens it to publish, until `close()`.
 *
 * Messages are posted together, at most every 5 ms. `BroadcastChannel` has no
 * backpressure, and Deno keeps 256 posts of all threads for a busy one: a thread that
 * is blocked for about half a second misses messages, which `server.bus.missing`
 * counts.
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
  /** Messages that wait for the next post, and their bytes. */
  #waiting: Post = [];
  #waitingBytes = 0;
  /** Whether a microtask is about to post. */
  #posting = false;
  /** Ends the time in which nothing is posted. */
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

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
      if (isPost(data)) this.#receive(data);
    };
    return this.#channel = channel;
  }

  #receive(post: Post): void {
    for (let at = 0; at < post.length; at += 2) {
      const [subject, message] = [post[at], post[at + 1]];
      if (typeof subject !== "string" || typeof message !== "object") continue;
      for (const receive of [...this.#receivers.get(subject) ?? []]) {
        receive(message);
      }
    }
  }

  publish(subject: string, message: Uint8Array): boolean {
    const { length } = message;
    if (this.status !== "up" || length > this.maxMessage) return false;
    const bytes = this.#waitingBytes + length;
    if (this.#waitingBytes > 0 && bytes > MAX_WAITING) return false;
    this.#waiting.push(subject, message);
    this.#waitingBytes = bytes;
    if (this.#timer === undefined && !this.#posting) {
      this.#posting = true;
      queueMicrotask(() => this.#post());
    }
    return true;
  }

  /** Posts what waits, and then nothing for a while. */
  #post(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#posting = false;
    const post = this.#waiting;
    if (post.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      this.#open().postMessage(post);
    } catch {
      // The runtime has closed the channel, as at the end of a thread.
    }
    this.#timer = setTimeout(() => this.#post(), POST_INTERVAL);
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
    if (this.#receivers.size === 0) this.#closeChannel();
  }

  #closeChannel(): void {
    this.#post();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#channel?.close();
    this.#channel = undefined;
  }

  close(): void {
    this.#receivers.clear();
    this.#closeChannel();
    this.#status.change("closed");
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Anything may be posted to a channel of this name. */
function isPost(data: unknown): data is Post {
  return Array.isArray(data) && data.length % 2 === 0 &&
    data.every((each, at) =>
      at % 2 === 0 ? typeof each === "string" : each instanceof Uint8Array
    );
}
