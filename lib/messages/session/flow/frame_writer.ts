/**
 * Writes messages as frames. A short message is encoded directly into the
 * outgoing buffer; one that exceeds a frame is split into frames that
 * alternate with those of other calls.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { CallError } from "../../errors/call_error.ts";
import type { MessageCodec } from "../../codec/message_codec.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "../wire/limits.ts";
import { putFields } from "../wire/fields.ts";
import { FrameLog } from "./frame_log.ts";
import { SendBudget } from "./send_budget.ts";
import { SendScheduler, type Source } from "./send_scheduler.ts";
import {
  Flag,
  FRAME_CHARGE,
  HEADER,
  Kind,
  putHeader,
} from "../wire/frame_header.ts";

/** A frame that is being written into an outgoing buffer. */
export interface OpenFrame {
  /** The buffer. */
  readonly buffer: Uint8Array;
  /** Offset at which the frame begins. */
  readonly start: number;
}

/**
 * Destination of frames: a `FrameStream`, or a simulated link in tests. Its
 * methods never call back into the session.
 */
export interface FrameSink {
  /** Opens a frame with space for `capacity` bytes. */
  begin(capacity: number): OpenFrame;
  /** Commits the open frame, which ends at offset `end`. */
  commit(end: number): void;
  /** Discards the open frame. */
  abandon(): void;
  /** Number of committed bytes that the transport has not taken yet. */
  readonly unsent: number;
  /** Number of bytes committed so far. */
  readonly bytesFramed: number;
  /** Number of bytes handed to the transport, including bytes not taken yet. */
  readonly bytesHanded: number;
}

/** Number of bytes reserved for a body. A larger body is encoded elsewhere, then copied. */
const RESERVED_BODY = 2304;

/** The limits that the peer's HELLO states, and that a sender checks. */
export interface PeerLimits {
  /** Largest frame body that the peer accepts, in bytes. */
  readonly maxFrameBody: number;
  /** Largest message that the peer accepts, in bytes. */
  readonly maxMessage: number;
  /** Number of calls in flight that the peer accepts. */
  readonly maxCalls: number;
  /** Initial credit that the peer grants to each stream. */
  readonly streamWindow: number;
  /** Initial credit that the peer grants for the items of all streams. */
  readonly itemsWindow: number;
}

/** The sending half of a session. */
export class FrameWriter {
  /** Codec of the bodies. */
  codec: MessageCodec;
  /** Limits of the peer. */
  peerLimits: PeerLimits = INITIAL_PEER_LIMITS;
  /** The frames that were sent and received. */
  readonly log: FrameLog;
  /** Position up to which the peer has read, as its replies show. */
  arrived = 0;
  /** The buffer of the open frame. */
  buffer: Uint8Array = new Uint8Array(0);
  // These parts are created on first use: a server may hold thousands of idle
  // sessions.
  #bulk: SendBudget | undefined = undefined;
  #notifications: SendBudget | undefined = undefined;
  /** The queues that send frames in turn. */
  #scheduler: SendScheduler | undefined = undefined;
  #sink: FrameSink;
  readonly #softLimit: number;
  #start = 0;
  /** Header of the open frame. */
  #kind = 0;
  #flags = 0;
  #id = 0;
  #encoding = false;

  /**
   * @param sink destination of the frames
   * @param codec codec of the bodies
   * @param limits this side's limits, of which `unsentSoft` applies
   * @param log records the frames
   */
  constructor(
    sink: FrameSink,
    codec: MessageCodec,
    limits: SessionLimits,
    log: FrameLog = new FrameLog(),
  ) {
    this.#sink = sink;
    this.log = log;
    this.codec = codec;
    this.#softLimit = limits.unsentSoft;
  }

  /** Budget for items, and for everything that had to wait. */
  get bulk(): SendBudget {
    return this.#bulk ??= new SendBudget(this, this.#softLimit / 8);
  }

  /** Budget for notifications that are broadcast to many sessions. */
  get notifications(): SendBudget {
    return this.#notifications ??= new SendBudget(this, this.#softLimit / 4);
  }

  /** Whether the budget for notifications has room. */
  get mayNotify(): boolean {
    return this.#notifications?.hasRoom ?? true;
  }

  /** Number of notifications that are sent directly and still unsent. */
  get unsentNotifications(): number {
    return this.#notifications?.count ?? 0;
  }

  get #sources(): SendScheduler {
    return this.#scheduler ??= new SendScheduler();
  }

  /** Whether new calls are refused because too much is unsent. */
  get congested(): boolean {
    return this.#sink.unsent >= this.#softLimit;
  }

  /** Whether results must wait. They do at three quarters of `unsentSoft`, to leave space for calls. */
  get resultsWait(): boolean {
    return this.#sink.unsent >= 0.75 * this.#softLimit;
  }

  /** Whether a source that waits for its turn may send. */
  get hasRoom(): boolean {
    return !this.resultsWait && (this.#bulk?.hasRoom ?? true);
  }

  /** Whether a value is being encoded; nothing else can be sent while it is. */
  get encoding(): boolean {
    return this.#encoding;
  }

  /** Number of committed bytes that the transport has not taken yet. */
  get unsent(): number {
    return this.#sink.unsent;
  }

  /** Position in the byte stream after the last frame. */
  get position(): number {
    return this.#sink.bytesFramed;
  }

  /** Returns whether the bytes before `position` were passed to the transport. */
  isHandedOver(position: number): boolean {
    return this.#sink.bytesHanded >= position;
  }

  /** Discards queued messages and all frames that are written from now on. */
  close(): void {
    this.#sources.close();
    this.#sink = discardingSink(this.#sink.bytesFramed, this.#sink.bytesHanded);
  }

  /** Commits the open frame. */
  #commit(end: number): void {
    const length = end - this.#start - HEADER;
    this.log.add(true, this.#kind, this.#flags, this.#id, length);
    this.#sink.commit(end);
  }

  /** Writes a complete frame. */
  frame(kind: number, flags: number, id: number, body?: Uint8Array): void {
    const at = this.begin(kind, flags, id, body?.length ?? 0);
    if (body !== undefined) this.buffer.set(body, at);
    this.#commit(at + (body?.length ?? 0));
  }

  /**
   * Opens a frame in {@linkcode FrameWriter.buffer}.
   *
   * @returns the offset of its body
   * @throws {TypeError} if a value is being encoded
   */
  begin(kind: number, flags: number, id: number, capacity: number): number {
    this.checkNotEncoding();
    const { buffer, start } = this.#sink.begin(HEADER + capacity);
    this.buffer = buffer;
    this.#start = start;
    this.#kind = kind;
    this.#flags = flags;
    this.#id = id;
    putHeader(buffer, start, kind, flags, id);
    return start + HEADER;
  }

  /** @throws {TypeError} if a value is being encoded: its frame is still open */
  checkNotEncoding(): void {
    if (!this.#encoding) return;
    throw new TypeError(
      "Cannot send from inside a value that is being encoded: one of its getters tried to send; send before or after it instead",
    );
  }

  /** Commits the open frame, whose body was written without the codec. */
  commit(end: number): void {
    this.#commit(end);
  }

  /** Opens a frame whose body the codec writes. */
  beginMessage(kind: number, id: number, fields: Uint8Array): number {
    return this.begin(kind, 0, id, 16 + fields.length + RESERVED_BODY);
  }

  /**
   * Writes the fields that precede a body.
   *
   * @param at offset of the fields
   * @param timeout milliseconds left, or `Infinity`; always the first field
   * @param fields other fields, already encoded
   * @returns the offset of the body
   */
  putFields(at: number, timeout: number, fields: Uint8Array): number {
    return putFields(this.buffer, at, timeout, fields);
  }

  /**
   * Encodes the body of the open frame and sends it if possible. A message that
   * is too long for one frame, or that must wait, is returned instead.
   *
   * @param at offset of the body
   * @param value the body
   * @param wait whether the message must be queued instead of sent
   * @returns the credit that the frame cost, or the encoded message to queue
   * @throws {CodecError} if the value cannot be encoded
   * @throws {CallError} `too-large` if the body exceeds the peer's limit
   */
  message(at: number, value: unknown, wait: boolean): number | Uint8Array {
    const end = this.#encode(at, value);
    const inPlace = typeof end === "number";
    const size = inPlace ? end - at : end.length;
    const total = at - this.#start - HEADER + size;
    const sendNow = !wait && total <= this.peerLimits.maxFrameBody;
    if (sendNow && inPlace && size <= this.peerLimits.maxMessage) {
      this.#commit(end);
      return total + FRAME_CHARGE;
    }
    const kind = this.buffer[this.#start];
    const body = inPlace ? this.buffer.subarray(at, end) : end;
    if (sendNow && size <= this.peerLimits.maxMessage) {
      return this.#copyIn(at, body);
    }
    const head = this.buffer.subarray(this.#start + HEADER, at);
    const bytes = concat([head, body]);
    this.#sink.abandon();
    this.checkSize(size, kind === Kind.ITEM);
    return bytes;
  }

  /** Sends a message without a body; see {@linkcode FrameWriter.message}. */
  emptyMessage(at: number, wait: boolean): number | Uint8Array {
    const size = at - this.#start - HEADER;
    if (!wait && size <= this.peerLimits.maxFrameBody) {
      this.#commit(at);
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

  /**
   * Sends the open frame with a body that outgrew the reserved bytes.
   *
   * @param at offset of the body
   */
  #copyIn(at: number, body: Uint8Array): number {
    const head = this.buffer.slice(this.#start, at);
    this.#sink.abandon();
    const { buffer, start } = this.#sink.begin(head.length + body.length);
    buffer.set(head, start);
    buffer.set(body, start + head.length);
    this.#start = start;
    this.#commit(start + head.length + body.length);
    return head.length - HEADER + body.length + FRAME_CHARGE;
  }

  /** @throws {CallError} `too-large` if `length` exceeds the peer's limit */
  checkSize(length: number, isItem = false): void {
    const { maxMessage } = this.peerLimits;
    if (length <= maxMessage) return;
    const [what, advice] = isItem
      ? ["an item", "send several smaller items"]
      : ["a message", "send it in parts, as items of a stream"];
    throw new CallError(
      `Cannot send ${what} of ${length} bytes: the peer accepts at most ${maxMessage}; ${advice}`,
      { code: "too-large", processed: "no" },
    );
  }

  /** Adds a source that waits for its turn; it does not send yet. */
  add(source: Source): void {
    this.#sources.add(source);
  }

  /** Lets a source send when its turn comes. */
  resume(source: Source): void {
    this.#sources.add(source);
    this.drain();
  }

  /** Lets sources send that were waiting for the peer. */
  resumeAll(sources: Iterable<Source>): void {
    for (const source of sources) this.#sources.add(source);
    this.drain();
  }

  /** Removes a source whose messages were dropped. */
  remove(source: Source): void {
    this.#scheduler?.remove(source);
  }

  /** Lets the waiting sources send while there is room. */
  drain(): void {
    const sources = this.#scheduler;
    if (sources !== undefined && !sources.idle) sources.run(this);
  }

  /**
   * Sends the next frame of an encoded message.
   *
   * @returns the charge of the frame
   */
  fragment(
    message: { readonly kind: number; offset: number },
    bytes: Uint8Array,
    id: number,
  ): number {
    const { kind, offset } = message;
    const end = Math.min(
      offset + this.peerLimits.maxFrameBody,
      bytes.length,
    );
    const flags = end < bytes.length ? Flag.MORE : 0;
    this.frame(kind, flags, id, bytes.subarray(offset, end));
    message.offset = end;
    this.bulk.add(end - offset + HEADER);
    return end - offset + FRAME_CHARGE;
  }
}

/** Returns a sink that discards frames written after the end. */
function discardingSink(bytesFramed: number, bytesHanded: number): FrameSink {
  return {
    begin: (capacity) => ({ buffer: new Uint8Array(capacity), start: 0 }),
    commit() {},
    abandon() {},
    unsent: 0,
    bytesFramed,
    bytesHanded,
  };
}
