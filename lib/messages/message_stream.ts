/**
 * Typed messages over a connection, without calls.
 *
 * @module
 */
import {
  frames,
  type FramesOptions,
  type FrameStream,
} from "../framing/stream/frame_stream.ts";
import type { Framing } from "../framing/framing.ts";
import { u32be } from "../framing/length_presets.ts";
import type { FrameRoom } from "../framing/stream/write_buffer.ts";
import { InOrder } from "../support/in_order.ts";
import type { Connection } from "../transport/connection.ts";
import { CodecError } from "./codec/errors.ts";
import type { MessageCodec } from "./codec/message_codec.ts";
import { defaultCodec } from "./codec/default_codec.ts";
import { checkOptions, type OptionNames } from "./support/check_options.ts";
import {
  SchemaError,
  type StandardSchema,
  validate,
} from "./schema/standard_schema.ts";

/**
 * Options for {@linkcode messages}.
 *
 * @typeParam In type of received messages
 * @typeParam Out type of sent messages
 *
 * @category Messages without calls
 */
export interface MessagesOptions<In = unknown, Out = unknown>
  extends Omit<FramesOptions, "copy"> {
  /**
   * Codec that encodes messages as bytes and decodes received messages.
   *
   * @default {msgpack()}
   */
  codec?: MessageCodec | undefined;
  /**
   * Framing that separates the messages in the byte stream.
   *
   * @default {u32be()}
   */
  framing?: Framing | undefined;
  /**
   * Standard Schema that validates received messages.
   *
   * @default none
   */
  schema?: StandardSchema<unknown, In> | undefined;
  /**
   * Standard Schema that validates messages before they are sent. Its output is
   * sent, with defaults and transformations applied.
   *
   * @default none
   */
  outgoingSchema?: StandardSchema<Out, unknown> | undefined;
  /**
   * Called for an invalid received message, which is then skipped.
   *
   * A message is invalid if it cannot be decoded or does not match the schema.
   * Without this option, receiving such a message throws.
   */
  onInvalid?: ((error: CodecError | SchemaError) => void) | undefined;
}

/**
 * A connection that carries messages.
 *
 * Returned by {@linkcode messages}. Receive messages with `for await` or one at
 * a time with `next()`. Leaving a loop does not close the stream: the next loop
 * continues with the next message. Disposing the stream flushes and closes it.
 *
 * @typeParam In type of received messages
 * @typeParam Out type of sent messages
 *
 * @category Messages without calls
 */
export interface MessageStream<In, Out>
  extends AsyncIterable<In>, AsyncDisposable {
  /** The underlying stream of frames. */
  readonly frames: FrameStream<Connection>;
  /** Number of invalid messages received; see {@linkcode MessagesOptions.onInvalid}. */
  readonly invalid: number;
  /**
   * Receives the next message.
   *
   * The result is `done` at the end of the peer's stream. Without the option
   * `onInvalid`, the call throws if the message is invalid; the next call
   * continues with the message after it.
   *
   * @throws {CodecError} if the message cannot be decoded
   * @throws {SchemaError} if the message does not match the schema
   * @throws {FrameError} if the peer violates the framing, which ends the stream
   * @throws the transport's error
   */
  next(): Promise<IteratorResult<In, undefined>>;
  /** Returns this stream itself. */
  [Symbol.asyncIterator](): MessageStream<In, Out>;
  /**
   * Sends a message.
   *
   * The message is encoded before the call returns, unless the outgoing schema
   * is asynchronous. The promise resolves immediately if the unsent bytes do
   * not exceed `highWaterMark`; otherwise it resolves once the transport has
   * accepted all of them. If the peer does not read, that may never happen; the
   * option `signal` ends the wait. If you don't await the promise, unsent
   * messages accumulate without limit.
   *
   * @param message the message
   * @throws {CodecError} if the message has no exact encoding
   * @throws {SchemaError} if the message does not match the outgoing schema
   * @throws {FrameError} if the message is longer than a frame may be
   * @throws the error that ended the write side
   */
  send(message: Out): Promise<void>;
  /** Waits until the transport has accepted all messages sent so far. */
  flush(): Promise<void>;
  /** Sends all unsent messages, then ends the outgoing stream. Receiving continues. */
  closeWrite(): Promise<void>;
  /** Closes the connection immediately. Unsent messages are lost. */
  close(): void;
}

const MESSAGES_OPTIONS: OptionNames<MessagesOptions> = {
  codec: true,
  framing: true,
  schema: true,
  outgoingSchema: true,
  onInvalid: true,
  highWaterMark: true,
  frameTimeout: true,
  minByteRate: true,
  turnTime: true,
  linger: true,
  signal: true,
};

/**
 * Number of bytes to reserve for encoding in place. A message that does not fit
 * is encoded elsewhere and copied.
 */
const ENCODE_SPACE = 2048;
const DEFAULT_HIGH_WATER_MARK = 1024 * 1024;
const DONE: Promise<void> = Promise.resolve();

/**
 * Sends and receives messages over a connection, without a handshake or calls.
 *
 * The stream takes ownership of the connection. Disposing the stream sends all
 * unsent messages and closes the connection.
 *
 * @param connection any connection, such as one from `Deno.connect()`
 * @param options codec, framing, schemas and buffer limits
 * @returns the stream of messages
 * @typeParam In type of received messages; inferred from `schema` if present
 * @typeParam Out type of sent messages; inferred from `outgoingSchema` if present
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { messages } from "@lengthwise/lengthwise";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
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
 *
 * @category Messages without calls
 */
export function messages<In = unknown, Out = In>(
  connection: Connection,
  options: MessagesOptions<In, Out> = {},
): MessageStream<In, Out> {
  return new Messages(connection, options);
}

class Messages<In, Out> implements MessageStream<In, Out> {
  readonly frames: FrameStream<Connection>;
  invalid = 0;
  readonly #codec: MessageCodec;
  readonly #schema: StandardSchema<unknown, In> | undefined;
  readonly #outgoingSchema: StandardSchema<Out, unknown> | undefined;
  readonly #onInvalid: MessagesOptions<In, Out>["onInvalid"];
  readonly #highWaterMark: number;
  #incoming: AsyncIterator<Uint8Array> | undefined;
  /** Calls to `next()`. */
  readonly #received: InOrder = new InOrder();
  /** Settles after the last validation in progress, for which later messages wait. */
  #validating: Promise<void> | undefined;
  #encoding = false;

  constructor(connection: Connection, options: MessagesOptions<In, Out>) {
    const {
      codec = defaultCodec(),
      framing = u32be(),
      schema,
      outgoingSchema,
      onInvalid,
      highWaterMark = DEFAULT_HIGH_WATER_MARK,
      ...rest
    } = checkOptions("messages()", options, MESSAGES_OPTIONS);
    this.#codec = codec;
    this.#schema = schema;
    this.#outgoingSchema = outgoingSchema;
    this.#onInvalid = onInvalid;
    this.#highWaterMark = highWaterMark;
    this.frames = frames(connection, framing, {
      ...rest,
      highWaterMark,
      // Each frame is decoded before the next one is requested.
      copy: "never",
    });
  }

  [Symbol.asyncIterator](): MessageStream<In, Out> {
    return this;
  }

  next(): Promise<IteratorResult<In, undefined>> {
    return this.#received.run(() => this.#take());
  }

  async #take(): Promise<IteratorResult<In, undefined>> {
    for (;;) {
      this.#incoming ??= this.frames[Symbol.asyncIterator]();
      let frame: IteratorResult<Uint8Array>;
      // Not in a function of its own: an error shows ten functions at most.
      try {
        frame = await this.#incoming.next();
      } catch (error) {
        // An iterator that has thrown is done; a new one throws the error again.
        this.#incoming = undefined;
        throw error;
      }
      if (frame.done) return { done: true, value: undefined };
      try {
        const decoded = this.#codec.decode(frame.value);
        const value = this.#schema === undefined
          ? decoded as In // unchecked: there is no schema
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

  /** Sends after any earlier message that is still being validated. */
  #inTurn(valid: unknown): Promise<void> {
    const before = this.#validating ?? DONE;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#validating = promise;
    const settle = () => {
      resolve();
      if (this.#validating === promise) this.#validating = undefined;
    };
    const send = async () => {
      try {
        // First, as V8 then finds the code that awaits this function.
        const value = await valid;
        await before;
        // Later messages need not wait until it is written.
        const written = this.#write(value);
        settle();
        await written;
      } catch (error) {
        before.then(settle);
        sent.catch(() => {}); // it need not be awaited
        throw error;
      }
    };
    const sent: Promise<void> = send();
    return sent;
  }

  /** Encodes in place if the message fits, otherwise frames a copy. */
  #write(message: unknown): Promise<void> {
    if (this.#encoding) return Promise.reject(reentrantSend());
    const stream = this.frames;
    const room = this.#begin();
    if (room instanceof Promise) return room;
    const { buffer, start, limit } = room;
    this.#encoding = true;
    try {
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

  /** Opens a frame; if writing has failed, returns the promise for `send()`. */
  #begin(): FrameRoom | Promise<never> {
    try {
      return this.frames.begin(ENCODE_SPACE);
    } catch (error) {
      const failed = Promise.reject(error);
      failed.catch(() => {}); // the peer has left, and the promise need not be awaited
      return failed;
    }
  }

  flush(): Promise<void> {
    return this.#whenValid(() => this.frames.flush());
  }

  closeWrite(): Promise<void> {
    return this.#whenValid(() => this.frames.closeWrite());
  }

  /** Waits for messages that are being validated. The result need not be awaited. */
  #whenValid(run: () => Promise<void>): Promise<void> {
    const done = (this.#validating ?? DONE).then(run);
    done.catch(() => {});
    return done;
  }

  close(): void {
    this.frames.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#validating;
    await this.frames[Symbol.asyncDispose]();
  }
}

/**
 * Returns the error for sending while another message is being encoded.
 *
 * A getter of that message may call `send` while the buffer contains the
 * message's first bytes.
 */
function reentrantSend(): Error {
  return new Error(
    "Cannot send a message while another one is being encoded: send it before or after",
  );
}

function isInvalid(error: unknown): error is CodecError | SchemaError {
  return error instanceof CodecError || error instanceof SchemaError;
}
