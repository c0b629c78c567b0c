/**
 * A NATS client: publishes, subscribes, and answers the server's PINGs.
 *
 * @module
 */
import { frames, prefixed } from "@lengthwise/lengthwise/framing";
import type { FrameStream, Framing } from "@lengthwise/lengthwise/framing";
import { connect, type ConnectAddress } from "@lengthwise/lengthwise/transport";

const text = new TextDecoder();

/** A line; one of MSG or PUB ends with the length of a payload. */
export const nats = (options: { maxFrameLength?: number } = {}): Framing =>
  prefixed({
    maxLength: 64 * 1024,
    read(bytes, seen) {
      const end = bytes.indexOf(10, seen) + 1;
      if (end === 0) return undefined;
      const line = text.decode(bytes.subarray(0, end));
      if (!/^(?:MSG|PUB) /.test(line)) return [end, 0];
      const length = / (\d+)\r\n$/.exec(line)?.[1];
      if (length === undefined) throw new Error("it declares no length");
      return [end, Number(length), "\r\n"];
    },
  }, { ...options, keepHeader: true });

/** A connection with handlers of messages. */
export class NatsClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  readonly #handlers: ((payload: Uint8Array, subject: string) => void)[] = [];
  readonly #pongs: (() => void)[] = [];
  /** Settles when the connection ends; rejects with the server's error. */
  readonly ended: Promise<void>;

  private constructor(stream: FrameStream) {
    this.#stream = stream;
    this.ended = stream.receive((frame) => this.#take(frame));
    this.ended.catch(() => {}); // for a caller that does not wait for it
    this.#line('CONNECT {"verbose":false}');
  }

  /** Connects to a server. */
  static async connect(address: ConnectAddress): Promise<NatsClient> {
    return new NatsClient(frames(await connect(address), nats()));
  }

  /** Calls a function for each message; its payload is valid during the call. */
  subscribe(
    subject: string,
    handler: (payload: Uint8Array, subject: string) => void,
  ): void {
    this.#line(`SUB ${subject} ${this.#handlers.push(handler)}`);
  }

  /** Sends a message to the subscribers of a subject. */
  publish(subject: string, message: string): void {
    const { length } = new TextEncoder().encode(message);
    this.#line(`PUB ${subject} ${length}\r\n${message}`);
  }

  /** Waits until the server has handled everything before. */
  async flush(): Promise<void> {
    this.#line("PING");
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve));
    const closed = this.ended.then(() => {
      throw new Error("The server closed the connection");
    });
    await Promise.race([pong, closed]);
  }

  #line(line: string): void {
    this.#stream.write(new TextEncoder().encode(`${line}\r\n`));
  }

  #take(frame: Uint8Array): void {
    const end = frame.indexOf(10) + 1;
    const line = text.decode(frame.subarray(0, end - 2));
    const [verb, subject = "", id] = line.split(" ");
    if (verb === "PING") this.#line("PONG");
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
