/**
 * Messages over a connection to a PostgreSQL server: a start-up message with its
 * own framing, followed by messages that begin with their type.
 *
 * @module
 */
import { frames, type FrameStream } from "@lengthwise/lengthwise/framing";
import {
  postgres,
  postgresStartup,
} from "@lengthwise/lengthwise/framing/presets";
import type { Connection } from "@lengthwise/lengthwise/transport";
import { ProtocolError, type ServerFields } from "./errors.ts";
import { Body, startup } from "./messages.ts";

/** Options for {@linkcode Channel.open}. */
export interface ChannelOptions {
  /**
   * Maximum length of a message in bytes, in either direction.
   *
   * It limits the size of a row, and of all parameters of a query together.
   *
   * @default {67108864}
   */
  maxMessageLength?: number;
  /** Called with the warnings and notices that the server sends. */
  onNotice?: (fields: ServerFields) => void;
  /** Signal that closes the connection and rejects pending operations. */
  signal?: AbortSignal;
}

/** A channel for messages, which handles asynchronous messages itself. */
export class Channel implements AsyncDisposable {
  /** Settings that the server reports initially and after each change. */
  readonly parameters = new Map<string, string>();

  readonly #stream: FrameStream;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #maxMessageLength: number;
  readonly #onNotice: ((fields: ServerFields) => void) | undefined;

  /** Sends the start-up message, then changes the framing. */
  static async open(
    connection: Connection,
    parameters: Record<string, string>,
    options: ChannelOptions = {},
  ): Promise<Channel> {
    const { signal } = options;
    const greeting = frames(connection, postgresStartup(), {
      ...(signal && { signal }),
    });
    try {
      greeting.write(startup(parameters));
      await greeting.detach();
    } catch (error) {
      greeting.close();
      throw error;
    }
    return new Channel(connection, options);
  }

  constructor(connection: Connection, options: ChannelOptions) {
    const { maxMessageLength = 64 * 1024 * 1024, onNotice, signal } = options;
    this.#maxMessageLength = maxMessageLength;
    this.#onNotice = onNotice;
    this.#stream = frames(
      connection,
      postgres({ maxFrameLength: maxMessageLength }),
      { copy: "never", ...(signal && { signal }) },
    );
    this.#frames = this.#stream[Symbol.asyncIterator]();
  }

  /**
   * Sends messages together.
   *
   * @throws {RangeError} if a message is too long; no message is then sent
   */
  async send(...messages: Uint8Array[]): Promise<void> {
    const most = this.#maxMessageLength;
    const tooLong = messages.find(({ length }) => length > most);
    if (tooLong !== undefined) {
      throw new RangeError(
        `Cannot send a message of ${tooLong.length} bytes: 'maxMessageLength' is ${most}`,
      );
    }
    for (const message of messages) await this.#stream.send(message);
  }

  /**
   * Returns the next message that is part of a response.
   *
   * The message is valid until the next call, which reuses its memory.
   *
   * @returns `undefined` at the end of the stream
   */
  async receive(): Promise<Body | undefined> {
    for (;;) {
      const { value, done } = await this.#frames.next();
      if (done) return undefined;
      const body = new Body(value);
      if (!this.#isAsynchronous(body)) return body;
    }
  }

  /** Closes the connection immediately. */
  close(): void {
    this.#stream.close();
  }

  /** Sends unsent data, then closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  /**
   * Handles an asynchronous message; returns `false` for any other message.
   * See "Asynchronous Operations" in PostgreSQL's documentation.
   */
  #isAsynchronous(body: Body): boolean {
    switch (body.type) {
      case "S": // ParameterStatus
        this.parameters.set(body.cString(), body.cString());
        return true;
      case "N": // NoticeResponse
        this.#onNotice?.(body.fields());
        return true;
      case "A": // NotificationResponse, only after LISTEN
        return true;
      case "v": // NegotiateProtocolVersion: the client requested 3.0, the lowest version
        throw new ProtocolError(
          "Cannot use the server: it does not support protocol 3.0",
        );
      default:
        return false;
    }
  }
}
