/**
 * Messages over one connection to a PostgreSQL server: the start-up message in
 * its own framing, typed messages from then on.
 *
 * @module
 */
import { frames, type FrameStream } from "@lengthwise/lengthwise/framing";
import { postgres, postgresStartup } from "@lengthwise/lengthwise/framing/presets";
import type { Connection } from "@lengthwise/lengthwise/transport";
import { ProtocolError, type ServerFields } from "./errors.ts";
import { Body, startup } from "./messages.ts";

/** Options of {@linkcode Channel.open}. */
export interface ChannelOptions {
  /**
   * The most bytes in a message, either way: in a row, or in all parameters of
   * a query.
   *
   * @default {67108864}
   */
  maxMessageLength?: number;
  /** Told of warnings and notes that belong to no result. */
  onNotice?: (fields: ServerFields) => void;
  /** Closes the connection when aborted; what waits rejects with its reason. */
  signal?: AbortSignal;
}

/** Sends and receives messages; keeps aside those that may come at any time. */
export class Channel implements AsyncDisposable {
  /** Settings that the server reports, now and whenever they change. */
  readonly parameters = new Map<string, string>();

  readonly #stream: FrameStream;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #maxMessageLength: number;
  readonly #onNotice: ((fields: ServerFields) => void) | undefined;

  /** Sends the start-up message, and then changes the framing. */
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
   * @throws {RangeError} if one of them is too long; none is sent then
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
   * The next message that answers something. It is read before the next call:
   * its memory is used again.
   *
   * @returns `undefined` at the end of the stream
   */
  async receive(): Promise<Body | undefined> {
    for (;;) {
      const { value, done } = await this.#frames.next();
      if (done) return undefined;
      const body = new Body(value);
      if (!this.#keptAside(body)) return body;
    }
  }

  /** Closes at once. */
  close(): void {
    this.#stream.close();
  }

  /** Sends what is unsent, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  /** PostgreSQL, "Asynchronous Operations". */
  #keptAside(body: Body): boolean {
    switch (body.type) {
      case "S": // ParameterStatus
        this.parameters.set(body.cString(), body.cString());
        return true;
      case "N": // NoticeResponse
        this.#onNotice?.(body.fields());
        return true;
      case "A": // NotificationResponse, for who listens
        return true;
      case "v": // NegotiateProtocolVersion: there is nothing below 3.0
        throw new ProtocolError(
          "Cannot talk to the server: it does not speak protocol 3.0",
        );
      default:
        return false;
    }
  }
}
