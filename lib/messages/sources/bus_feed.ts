/**
 * The items of a source on a bus, with their positions.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import type { Bus, BusSubscription } from "../bus/bus.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
} from "../bus/envelope.ts";
import { subjectPart } from "../bus/subject.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { CallError } from "../errors/call_error.ts";
import type { Position } from "../session/wire/positions.ts";
import { checkOptions } from "../support/check_options.ts";
import { randomId } from "../support/random_id.ts";

/** An item of another process. */
export interface FedItem extends Position {
  /** The item. */
  readonly value: unknown;
  /** Its encoded size in bytes. */
  readonly size: number;
}

/** Where the items are published. */
export interface BusFeedOptions {
  /** The bus. */
  readonly bus: Bus;
  /** Name of the source. */
  readonly name: string;
  /** First part of the subject. */
  readonly prefix?: string | undefined;
}

const OPTIONS = { bus: true, name: true, prefix: true } as const; // names of options

const PREFIX = /^[A-Za-z0-9_-]{1,64}$/;

/** Publishes and receives the items of one source. */
export class BusFeed {
  readonly #bus: Bus;
  readonly #subject: string;
  readonly #codec: MessageCodec;
  readonly #origin: string = randomId().slice(0, 16);
  readonly #subscription: BusSubscription;

  /**
   * Subscribes to the items of other processes.
   *
   * @throws {TypeError} if an option is unknown or has the wrong type
   * @throws {RangeError} if the prefix is not valid
   */
  constructor(
    options: BusFeedOptions,
    codec: MessageCodec,
    receive: (item: FedItem) => void,
  ) {
    checkOptions("the option shared of source()", options, OPTIONS);
    const { bus, name, prefix = "lw" } = options;
    if (typeof bus?.subscribe !== "function" || typeof name !== "string") {
      throw new TypeError(
        `Cannot share a source with the bus ${describeType(bus)} and the name ${
          describeType(name)
        }: expected a bus and a string`,
      );
    }
    if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
      throw new RangeError(
        `Cannot share a source with the prefix "${
          String(prefix)
        }": expected 1 to 64 characters of A-Z a-z 0-9 _ -`,
      );
    }
    this.#bus = bus;
    this.#codec = codec;
    this.#subject = `${prefix}.s.${subjectPart(name)}`;
    this.#subscription = bus.subscribe(this.#subject, (bytes) => {
      const envelope = decodeEnvelope(bytes);
      if (typeof envelope === "string") return;
      const item = this.#decode(envelope);
      if (item !== undefined) receive(item);
    });
  }

  /** Returns an item; `undefined` if it is an own one, or cannot be decoded. */
  #decode(
    { origin, codec, body, ...at }: Envelope,
    own = false,
  ): FedItem | undefined {
    if (origin === this.#origin && !own) return undefined;
    if (codec !== this.#codec.name) return undefined;
    const { epoch, number } = at;
    try {
      const value = this.#codec.decode(body);
      return { epoch, number, value, size: body.length };
    } catch {
      return undefined; // the next item shows that it is missing
    }
  }

  /**
   * Publishes an item. If the bus does not take it, the next item shows others that
   * it is missing.
   *
   * @throws {CallError} `too-large` if the bus cannot carry it
   */
  publish({ epoch, number }: Position, body: Uint8Array): void {
    const bytes = encodeEnvelope({
      ...{ origin: this.#origin, epoch, number, body },
      ...{ codec: this.#codec.name, method: "" },
    });
    if (bytes.length > this.#bus.maxMessage) {
      throw new CallError(
        `Cannot publish an item of ${bytes.length} bytes on the bus, which carries at most ${this.#bus.maxMessage}; no reader received it`,
        { code: "too-large", processed: "no" },
      );
    }
    this.#bus.publish(this.#subject, bytes);
  }

  /** Whether the bus has stored earlier items. */
  get isStored(): boolean {
    return this.#bus.history !== undefined;
  }

  /** Returns the newest stored position; `undefined` if no item is stored. */
  async newest(): Promise<Position | undefined> {
    const stored = await this.#bus.history?.newest(this.#subject);
    const envelope = stored && decodeEnvelope(stored.message);
    return typeof envelope === "object" ? envelope : undefined;
  }

  /**
   * Returns the stored items between two numbers, in their order.
   *
   * They may have holes, and end early; it never throws.
   *
   * @param epoch the numbering, which is the newest one
   * @param from number of the first item
   * @param to number of the last item
   */
  async *stored(
    epoch: number,
    from: number,
    to: number,
  ): AsyncGenerator<FedItem, void> {
    try {
      for (
        let index = await this.#indexOf(epoch, from);
        index !== undefined;
      ) {
        const found = await this.#bus.history?.next(this.#subject, index);
        if (found === undefined) return;
        index = found.index + 1;
        const envelope = decodeEnvelope(found.message);
        if (typeof envelope === "string" || envelope.epoch !== epoch) continue;
        if (envelope.number > to) return;
        const item = this.#decode(envelope, true);
        if (item === undefined || item.number < from) continue;
        yield item;
        if (item.number === to) return;
      }
    } catch {
      // The bus is down, or its store is: what is missing is a gap.
    }
  }

  /** Finds the first stored item at a number or above; older ones precede it. */
  async #indexOf(epoch: number, number: number): Promise<number | undefined> {
    const { history } = this.#bus;
    const newest = await history?.newest(this.#subject);
    if (newest === undefined || !isAt(newest.message, epoch, number)) {
      return undefined;
    }
    let low = 1; // every message below is older
    let high = newest.index; // the message here is not
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const found = await history?.next(this.#subject, middle);
      if (found === undefined) return undefined; // it was removed meanwhile
      if (isAt(found.message, epoch, number)) high = middle;
      else low = found.index + 1;
    }
    return high;
  }

  /** Ends the subscription. */
  close(): void {
    this.#subscription[Symbol.dispose]();
  }
}

/** Returns whether an item has a numbering, and at least a number. */
function isAt(message: Uint8Array, epoch: number, number: number): boolean {
  const envelope = decodeEnvelope(message);
  return typeof envelope === "object" && envelope.epoch === epoch &&
    envelope.number >= number;
}
