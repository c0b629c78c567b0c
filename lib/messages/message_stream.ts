/**
 * The plain level: typed messages over a connection, without calls.
 *
 * @module
 */
import {
  frames,
  type FramesOptions,
  type FrameStream,
} from "../framing/stream/frame_stream.ts";
import type { Framing } from "../framing/framing.ts";
import { u32be } from "../framing/presets.ts";
import type { Connection } from "../transport/connection.ts";
import { CodecError } from "./codec/errors.ts";
import type { MessageCodec } from "./codec/message_codec.ts";
import { msgpack } from "./codec/msgpack.ts";
import {
  SchemaError,
  type StandardSchema,
  validate,
} from "./schema/standard_schema.ts";

/** Options of {@linkcode messages}. */
export interface MessagesOptions<In = unknown, Out = unknown>
  extends Omit<FramesOptions, "copy"> {
  /**
   * How messages become bytes.
   *
   * @default {msgpack()}
   */
  codec?: MessageCodec;
  /**
   * How messages are told apart in the stream.
   *
   * @default {u32be()}
   */
  framing?: Framing;
  /** Validates what is received; any Standard Schema. */
  schema?: StandardSchema<unknown, In>;
  /**
   * Validates what is sent, before a byte leaves; any Standard Schema. What it
   * makes of a message (defaults, transformations) is what is sent.
   */
  outgoingSchema?: StandardSchema<Out, unknown>;
  /**
   * Called for a received message that cannot be decoded or does not match
   * the schema; the message is then skipped. Without it, receiving throws.
   */
  onInvalid?: (error: CodecError | SchemaError) => void;
}

/**
 * A connection that carries messages. Receive with `for await`, or one by one
 * with `next()`. Leaving a loop ends nothing: the next loop goes on with the
 * next message.
 */
export interface MessageStream<In, Out>
  extends AsyncIterable<In>, AsyncDisposable {
  /** The frames underneath. */
  readonly frames: FrameStream;
  /** Messages received that could not be decoded or did not match the schema. */
  readonly invalid: number;
  /**
   * Receives one message; `done` at the end of the peer's stream.
   *
   * @throws {CodecError} for a message that cannot be decoded; call again for the next one
   * @throws {SchemaError} for one that does not match the schema; call again for the next one
   * @throws {FrameError} for a stream that cannot be cut into messages; that is its end
   * @throws the transport's error
   */
  next(): Promise<IteratorResult<In, undefined>>;
  /** This stream itself. */
  [Symbol.asyncIterator](): MessageStream<In, Out>;
  /**
   * Sends one message. It is encoded before the call returns, unless the
   * outgoing schema is asynchronous. The promise settles at once while little is
   * unsent; above `highWaterMark` when the transport has taken what was sent,
   * however long a peer that does not read takes: the option `signal` ends it.
   * Who does not await it buffers without bound.
   *
   * @throws {CodecError} (a rejection) for a value that would not arrive as it is
   * @throws {SchemaError} (a rejection) for one that does not match the outgoing schema
   * @throws {FrameError} (a rejection) for a message longer than a frame may be
   * @throws the error that ended the write side
   */
  send(message: Out): Promise<void>;
  /** Waits until the transport has taken all that was sent. */
  flush(): Promise<void>;
  /** Ends this side's stream after all that was sent; receiving goes on. */
  closeWrite(): Promise<void>;
  /** Closes the connection at once; what is unsent is lost. */
  close(): void;
}

/** Room to ask for: a larger message is encoded elsewhere, then copied. */
const ROOM = 2048;
const DEFAULT_HIGH_WATER_MARK = 1024 * 1024;
const DONE: Promise<void> = Promise.resolve();

/**
 * Carries messages over a connection, which then belongs to the stream:
 * disposing it flushes and closes.
 *
 * @param connection any connection, one of `Deno.connect` included
 * @param options codec, framing, schemas, limits of buffering
 * @typeParam In what is received; follows from `schema` where one is given
 * @typeParam Out what is sent; follows from `outgoingSchema` where one is given
 * @throws {RangeError} for an option out of its range
 *
 * @example
 * ```ts
 * import { messages } from "@lengthwise/lengthwise/messages";
 * import { memoryPair } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * type Question = { ask: string };
 * type Answer = { answer: number };
 *
 * const [near, far] = memoryPair();
 * await using client = messages<Answer, Question>(near);
 * await using server = messages<Question, Answer>(far);
 *
 * await client.send({ ask: "six times seven" });
 * await client.closeWrite();
 * for await (const { ask } of server) await server.send({ answer: ask.length });
 * await server.closeWrite();
 *
 * assertEquals(await client.next(), { done: false, value: { answer: 15 } });
 * assertEquals(await client.next(), { done: true, value: undefined });
 * ```
 */
export function messages<In = unknown, Out = In>(
  connection: Connection,
  options: MessagesOptions<In, Out> = {},
): MessageStream<In, Out> {
  return new Messages(connection, options);
}

class Messages<In, Out> implements MessageStream<In, Out> {
  readonly frames: FrameStream;
  invalid = 0;
  readonly #codec: MessageCodec;
  readonly #schema: StandardSchema<unknown, In> | undefined;
  readonly #outgoingSchema: StandardSchema<Out, unknown> | undefined;
  readonly #onInvalid: MessagesOptions<In, Out>["onInvalid"];
  readonly #highWaterMark: number;
  #incoming: AsyncIterator<Uint8Array> | undefined;
  /** The last `next()` that was called: they take turns. */
  #received: Promise<unknown> = DONE;
  /** The last `send()` whose schema is asynchronous: what follows waits for it. */
  #validating: Promise<void> | undefined;
  #encoding = false;

  constructor(connection: Connection, options: MessagesOptions<In, Out>) {
    const {
      codec = msgpack(),
      framing = u32be(),
      schema,
      outgoingSchema,
      onInvalid,
      highWaterMark = DEFAULT_HIGH_WATER_MARK,
      ...rest
    } = options;
    this.#codec = codec;
    this.#schema = schema;
    this.#outgoingSchema = outgoingSchema;
    this.#onInvalid = onInvalid;
    this.#highWaterMark = highWaterMark;
    this.frames = frames(connection, framing, {
      ...rest,
      highWaterMark,
      // Each frame is decoded before the next one is asked for.
      copy: "never",
    });
  }

  [Symbol.asyncIterator](): MessageStream<In, Out> {
    return this;
  }

  next(): Promise<IteratorResult<In, undefined>> {
    const turn = this.#received.then(() => this.#take());
    this.#received = turn.catch(() => {});
    return turn;
  }

  async #take(): Promise<IteratorResult<In, undefined>> {
    for (;;) {
      const frame = await this.#nextFrame();
      if (frame === undefined) return { done: true, value: undefined };
      try {
        const decoded = this.#codec.decode(frame);
        const value = this.#schema === undefined
          ? decoded as In // the caller's word, where there is no schema
          : await validate(this.#schema, decoded);
        return { done: false, value };
      } catch (error) {
        if (!isInvalid(error)) throw error;
        this.invalid++;
        if (this.#onInvalid === undefined) throw error;
        this.#onInvalid(error);
      }
    }
  }

  async #nextFrame(): Promise<Uint8Array | undefined> {
    this.#incoming ??= this.frames[Symbol.asyncIterator]();
    try {
      const { done, value } = await this.#incoming.next();
      return done ? undefined : value;
    } catch (error) {
      // A loop over frames that threw says "done" from then on; a new one
      // throws again.
      this.#incoming = undefined;
      throw error;
    }
  }

  send(message: Out): Promise<void> {
    try {
      const valid = this.#outgoingSchema === undefined
        ? message
        : validate(this.#outgoingSchema, message);
      if (this.#validating === undefined && !(valid instanceof Promise)) {
        return this.#write(valid);
      }
      return this.#inTurn(valid);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends behind a message that is still being validated. */
  #inTurn(valid: unknown): Promise<void> {
    const before = this.#validating ?? DONE;
    const sent = before.then(() => valid).then((value) => this.#write(value));
    const settled = Promise.allSettled([sent, valid]).then(() => {
      if (this.#validating === settled) this.#validating = undefined;
    });
    this.#validating = settled;
    return sent;
  }

  /** Encodes in place, or, where the room does not suffice, frames a copy. */
  #write(message: unknown): Promise<void> {
    if (this.#encoding) return Promise.reject(sentInside());
    const stream = this.frames;
    this.#encoding = true;
    try {
      const { buffer, start, limit } = stream.begin(ROOM);
      const body = this.#codec.encodeInto(message, buffer, start);
      if (typeof body === "number" && body <= limit) {
        stream.commit(body);
      } else {
        const copy = typeof body === "number"
          ? buffer.slice(start, body)
          : body;
        stream.abandon();
        stream.write(copy);
      }
    } catch (error) {
      stream.abandon();
      return Promise.reject(error);
    } finally {
      this.#encoding = false;
    }
    return stream.unsent <= this.#highWaterMark ? DONE : stream.flush();
  }

  async flush(): Promise<void> {
    await this.#validating;
    await this.frames.flush();
  }

  async closeWrite(): Promise<void> {
    await this.#validating;
    await this.frames.closeWrite();
  }

  close(): void {
    this.frames.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#validating;
    await this.frames[Symbol.asyncDispose]();
  }
}

/** A getter of a message may not send: the message is half written where the other would go. */
function sentInside(): Error {
  return new Error(
    "Cannot send a message while another one is being encoded: send it before or behind",
  );
}

function isInvalid(error: unknown): error is CodecError | SchemaError {
  return error instanceof CodecError || error instanceof SchemaError;
}
