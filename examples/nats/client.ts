/**
 * A NATS client: publishes, subscribes, and answers the server's PINGs.
 *
 * @module
 */
import { frames, prefixed } from "@lengthwise/lengthwise/framing";
import type { FrameStream, Framing } from "@lengthwise/lengthwise/framing";
import { linePrefix } from "@lengthwise/lengthwise/framing/presets";
import type { Connection } from "@lengthwise/lengthwise/transport";

const text = new TextDecoder();

/** A line; one of MSG or PUB ends with the length of a payload. */
export const nats = (options: { maxFrameLength?: number } = {}): Framing => {
  const prefix = linePrefix((line) => {
    if (!/^(?:MSG|PUB) /.test(line)) return undefined;
    const length = / (\d+)$/.exec(line)?.[1];
    if (length === undefined) throw new Error("it declares no length");
    return Number(length);
  });
  return prefixed(prefix, { ...options, keepHeader: true });
};

type Handler = (payload: Uint8Array, subject: string) => void;

/** A connection with handlers of messages. */
export class NatsClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  readonly #handlers: Handler[] = [];
  readonly #pongs: (() => void)[] = [];
  /** Rejects when the connection ends, possibly with the server's error. */
  readonly ended: Promise<never>;

  constructor(connection: Connection) {
    this.#stream = frames(connection, nats());
    this.ended = this.#stream.receive((frame) => this.#take(frame)).then(() => {
      throw new Error("The connection was closed");
    });
    this.ended.catch(() => {}); // for a caller that does not wait for it
    this.#stream.write('CONNECT {"verbose":false}\r\n');
  }

  /** Calls a function for each message; its payload is valid during the call. */
  subscribe(subject: string, handler: Handler): void {
    this.#stream.write(`SUB ${subject} ${this.#handlers.push(handler)}\r\n`);
  }

  /** Sends a message to the subscribers of a subject. */
  publish(subject: string, message: string): void {
    const payload = new TextEncoder().encode(message);
    this.#stream.write(`PUB ${subject} ${payload.length}\r\n`, payload, "\r\n");
  }

  /** Waits until the server has handled everything before. */
  async flush(): Promise<void> {
    this.#stream.write("PING\r\n");
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve));
    await Promise.race([pong, this.ended]);
  }

  #take(frame: Uint8Array): void {
    const end = frame.indexOf(10) + 1;
    const line = text.decode(frame.subarray(0, end - 2));
    const [verb, subject = "", id] = line.split(" ");
    if (verb === "PING") this.#stream.write("PONG\r\n");
    else if (verb === "PONG") this.#pongs.shift()?.();
    else if (verb === "-ERR") throw new Error(line);
    else if (verb === "MSG") {
      this.#handlers[Number(id) - 1]?.(frame.subarray(end, -2), subject);
    }
  }

  /** Closes the connection after everything was sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}
