/**
 * Writes messages as frames. A message that fits is encoded where it leaves; a
 * larger one is cut into frames that leave in turn with those of other calls.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { CallError } from "../../errors/call_error.ts";
import type { MessageCodec } from "../../codec/message_codec.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "../wire/limits.ts";
import { putFields } from "../wire/fields.ts";
import { type Channel, type FragmentWriter, SendQueue } from "./send_queue.ts";
import { SendBudget } from "./send_budget.ts";
import { type Pending, RoundRobin, type Source } from "./round_robin.ts";
import { Flag, FRAME_CHARGE, HEADER, putHeader } from "../wire/frame_header.ts";

/** Room for one frame in an outgoing buffer. */
export interface Room {
  /** The buffer. */
  readonly buffer: Uint8Array;
  /** Where the frame begins. */
  readonly start: number;
}

/**
 * Where frames go. A `FrameStream` is one; a simulated link is another. It
 * never calls the session from within one of these.
 */
export interface FrameSink {
  /** Opens a frame with room for so many bytes. */
  begin(room: number): Room;
  /** Takes the frame that ends there. */
  commit(end: number): void;
  /** Drops the frame. */
  abandon(): void;
  /** Bytes committed and not yet taken by the transport. */
  readonly unsent: number;
  /** Bytes committed so far. */
  readonly bytesFramed: number;
  /** Bytes of those that were handed to the transport, taken or not. */
  readonly bytesHanded: number;
}

/** Bytes that a small body is expected to need; a larger one is encoded elsewhere, then copied. */
const SMALL_BODY = 2304;

/** The sending half of a session. */
export class FrameWriter implements FragmentWriter {
  /** Encodes the bodies. */
  codec: MessageCodec;
  /** What the peer accepts behind a header. */
  maxFrameBody: number = INITIAL_PEER_LIMITS.maxFrameBody;
  /** What the peer accepts as one message. */
  maxMessage: number = INITIAL_PEER_LIMITS.maxMessage;
  /** The buffer of the open frame. */
  buffer: Uint8Array = new Uint8Array(0);
  /** @inheritdoc */
  backlog = 0;
  /** @inheritdoc */
  itemBacklog = 0;
  /** Parts of long messages, and what waits behind them. */
  readonly fragments: SendBudget;
  /** Items that leave at once. */
  readonly items: SendBudget;
  /** Notifications, as far as the same ones go to many. */
  readonly notifications: SendBudget;
  /** What leaves in turns. */
  readonly #roundRobin: RoundRobin = new RoundRobin();
  #sink: FrameSink;
  readonly #soft: number;
  #start = 0;
  #encoding = false;

  /**
   * @param sink where frames go
   * @param codec encodes the bodies
   * @param limits bounds on what is unsent
   */
  constructor(sink: FrameSink, codec: MessageCodec, limits: SessionLimits) {
    this.#sink = sink;
    this.codec = codec;
    this.#soft = limits.unsentSoft;
    // Half of it is left for calls and results, less one frame of each send budget.
    this.fragments = new SendBudget(this, this.#soft / 8);
    this.items = new SendBudget(this, this.#soft / 8);
    this.notifications = new SendBudget(this, this.#soft / 4);
  }

  /** More is unsent than new calls may add to. */
  get congested(): boolean {
    return this.#sink.unsent >= this.#soft;
  }

  /** More is unsent, or encoded for it, than results may add to: they leave room for calls. */
  get resultsWait(): boolean {
    return this.#sink.unsent + this.backlog >= 0.75 * this.#soft;
  }

  /** A value is being encoded: nothing can be sent from inside it. */
  get encoding(): boolean {
    return this.#encoding;
  }

  /** Bytes committed and not yet taken by the transport. */
  get unsent(): number {
    return this.#sink.unsent;
  }

  /** Position in the stream of bytes behind the last frame. */
  get position(): number {
    return this.#sink.bytesFramed;
  }

  /** Whether the bytes up to that position have reached the transport's `write`. */
  handed(position: number): boolean {
    return this.#sink.bytesHanded >= position;
  }

  /** From now on what is written goes nowhere: the last frame has been sent. */
  close(): void {
    this.#roundRobin.clear();
    this.#sink = discard(this.#sink.bytesFramed, this.#sink.bytesHanded);
  }

  /** Writes one whole frame. */
  frame(kind: number, flags: number, id: number, body?: Uint8Array): void {
    const at = this.begin(kind, flags, id, body?.length ?? 0);
    if (body !== undefined) this.buffer.set(body, at);
    this.#sink.commit(at + (body?.length ?? 0));
  }

  /**
   * Opens a frame in {@linkcode FrameWriter.buffer}.
   *
   * @returns where its body begins
   * @throws {TypeError} as {@linkcode FrameWriter.checkOutside}
   */
  begin(kind: number, flags: number, id: number, room: number): number {
    this.checkOutside();
    const { buffer, start } = this.#sink.begin(HEADER + room);
    this.buffer = buffer;
    this.#start = start;
    putHeader(buffer, start, kind, flags, id);
    return start + HEADER;
  }

  /** @throws {TypeError} from inside a value that is being encoded: its frame is open */
  checkOutside(): void {
    if (!this.#encoding) return;
    throw new TypeError(
      "Cannot send anything from inside a value that is being sent: one of its getters tried to; send it before or after",
    );
  }

  /** Closes the open frame at `end`; for bodies that were written by hand. */
  commit(end: number): void {
    this.#sink.commit(end);
  }

  /** Opens a frame whose body the codec will write. */
  beginMessage(kind: number, id: number, fields: Uint8Array): number {
    return this.begin(kind, 0, id, 16 + fields.length + SMALL_BODY);
  }

  /**
   * Writes the fields in front of a body.
   *
   * @param at where they go
   * @param timeout milliseconds left, or `Infinity`; always the first field
   * @param fields further ones, already encoded
   * @returns where the body begins
   */
  putFields(at: number, timeout: number, fields: Uint8Array): number {
    return putFields(this.buffer, at, timeout, fields);
  }

  /**
   * Encodes the value behind what the open frame has, and sends the frame if
   * the message fits into it and need not wait.
   *
   * @param at where the body begins
   * @param value the body
   * @param wait whether it must wait behind others
   * @returns what the frame cost in credit, or the message for a queue
   * @throws {CodecError} for a value that has no encoding
   * @throws {CallError} `too-large`
   */
  message(at: number, value: unknown, wait: boolean): number | Uint8Array {
    const end = this.#encode(at, value);
    const inPlace = typeof end === "number";
    const size = inPlace ? end - at : end.length;
    const total = at - this.#start - HEADER + size;
    const leaves = !wait && total <= this.maxFrameBody;
    if (leaves && inPlace && size <= this.maxMessage) {
      this.#sink.commit(end);
      return total + FRAME_CHARGE;
    }
    const body = inPlace ? this.buffer.subarray(at, end) : end;
    const head = this.buffer.subarray(this.#start + HEADER, at);
    const bytes = concat([head, body]);
    this.#sink.abandon();
    this.checkSize(size);
    return leaves ? this.#copyIn(bytes) : bytes;
  }

  /** Sends a message without a body; see {@linkcode FrameWriter.message}. */
  emptyMessage(at: number, wait: boolean): number | Uint8Array {
    const size = at - this.#start - HEADER;
    if (!wait && size <= this.maxFrameBody) {
      this.#sink.commit(at);
      return size + FRAME_CHARGE;
    }
    const bytes = this.buffer.slice(this.#start + HEADER, at);
    this.#sink.abandon();
    return bytes;
  }

  #encode(at: number, value: unknown): number | Uint8Array {
    this.#encoding = true;
    try {
      return this.codec.encodeInto(value, this.buffer, at);
    } catch (error) {
      this.#sink.abandon();
      throw error;
    } finally {
      this.#encoding = false;
    }
  }

  /** The frame that was open, again, with a body that outgrew the first room. */
  #copyIn(bytes: Uint8Array): number {
    const header = this.buffer.slice(this.#start, this.#start + HEADER);
    const { buffer, start } = this.#sink.begin(HEADER + bytes.length);
    buffer.set(header, start);
    buffer.set(bytes, start + HEADER);
    this.#sink.commit(start + HEADER + bytes.length);
    return bytes.length + FRAME_CHARGE;
  }

  /** @throws {CallError} `too-large` for more than the peer accepts */
  checkSize(length: number): void {
    if (length <= this.maxMessage) return;
    throw new CallError(
      "too-large",
      `Cannot send a message of ${length} bytes: the peer accepts at most ${this.maxMessage}; send it as a stream of items`,
      { processed: "no" },
    );
  }

  /** Lets a message wait behind the channel's others, and sends what may leave. */
  queue(channel: Channel, kind: number, bytes: Uint8Array): void {
    const sendQueue = channel.sendQueue ??= new SendQueue(this, channel);
    sendQueue.put({ kind, bytes, offset: 0 });
    this.resume(sendQueue);
  }

  /** Gives a source its turns, from now on or again: it has something to send, and credit for it. */
  resume(source: Source): void {
    this.#roundRobin.add(source);
    this.drain();
  }

  /** Forgets what waits, after a cancel or an end. */
  drop(channel: Channel): void {
    const { sendQueue } = channel;
    if (sendQueue === undefined) return;
    channel.sendQueue = undefined;
    sendQueue.clear();
    this.#roundRobin.remove(sendQueue);
  }

  /** Sends fragments, one of each source in turn, while there is room and credit. */
  drain(): void {
    if (!this.#roundRobin.empty) this.#roundRobin.run(this.fragments);
  }

  /** @inheritdoc */
  fragment(message: Pending, id: number): number {
    const { bytes, offset, kind } = message;
    const end = Math.min(offset + this.maxFrameBody, bytes.length);
    const flags = end < bytes.length ? Flag.MORE : 0;
    this.frame(kind, flags, id, bytes.subarray(offset, end));
    message.offset = end;
    this.fragments.add(end - offset + HEADER);
    return end - offset + FRAME_CHARGE;
  }
}

/** A sink for what is written after the end. */
function discard(bytesFramed: number, bytesHanded: number): FrameSink {
  return {
    begin: (room) => ({ buffer: new Uint8Array(room), start: 0 }),
    commit() {},
    abandon() {},
    unsent: 0,
    bytesFramed,
    bytesHanded,
  };
}
