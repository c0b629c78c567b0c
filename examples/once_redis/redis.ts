/**
 * A client for Redis: sends commands over one connection, without waiting for
 * the replies of earlier ones.
 *
 * It speaks RESP2, and needs permission for the server's address only. The
 * client that Redis publishes on npm also reads environment variables.
 *
 * @module
 */
import { connect, type Connection } from "@lengthwise/lengthwise/transport";

/** A reply: text of a status, a number, bytes, nothing, or a list of them. */
export type Reply = string | number | Uint8Array | null | Reply[];

/** Thrown for a command that Redis refused. */
export class RedisError extends Error {
  override name = "RedisError";
}

/** Address of a server. */
export interface RedisAddress {
  hostname?: string;
  port: number;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A connection to a server; opened again after it was lost. */
export class Redis implements Disposable {
  readonly #address: RedisAddress;
  #link: Promise<Link> | undefined;

  constructor(address: RedisAddress) {
    this.#address = address;
  }

  /**
   * Sends a command and returns its reply.
   *
   * @throws {RedisError} if Redis refuses the command
   * @throws an error of the connection; the command may have run
   */
  async send(...command: (string | number | Uint8Array)[]): Promise<Reply> {
    const link = await (this.#link ??= this.#open());
    return await link.send(command);
  }

  async #open(): Promise<Link> {
    try {
      return new Link(
        await connect(this.#address, { timeout: 2_000 }),
        () => this.#link = undefined,
      );
    } catch (error) {
      this.#link = undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#link?.then((link) => link.close()).catch(() => {});
    this.#link = undefined;
  }
}

/** One connection. */
class Link {
  readonly #connection: Connection;
  readonly #onLost: () => void;
  readonly #waiting: Waiting[] = [];
  #written: Promise<void> = Promise.resolve();

  constructor(connection: Connection, onLost: () => void) {
    this.#connection = connection;
    this.#onLost = onLost;
    this.#read().catch((error) => this.#lose(error));
  }

  send(command: (string | number | Uint8Array)[]): Promise<Reply> {
    const bytes = encode(command);
    const reply = new Promise<Reply>((resolve, reject) =>
      this.#waiting.push({ resolve, reject })
    );
    this.#written = this.#written.then(() => this.#write(bytes))
      .catch((error) => this.#lose(error));
    return reply;
  }

  close(): void {
    this.#lose(new Error("The connection to Redis was closed"));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection.write(bytes.subarray(at));
    }
  }

  async #read(): Promise<void> {
    const chunk = new Uint8Array(64 * 1024);
    let kept = new Uint8Array();
    for (;;) {
      const length = await this.#connection.read(chunk);
      if (length === null) throw new Error("Redis closed the connection");
      const bytes = joined(kept, chunk.subarray(0, length));
      const reader = new ReplyReader(bytes);
      let whole = 0;
      for (let reply; (reply = reader.next()) !== undefined;) {
        whole = reader.at;
        const waiting = this.#waiting.shift();
        if (reply instanceof RedisError) waiting?.reject(reply);
        else waiting?.resolve(reply);
      }
      kept = bytes.slice(whole);
    }
  }

  #lose(error: unknown): void {
    this.#onLost();
    this.#connection.close();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Encodes a command as an array of byte strings. */
function encode(command: (string | number | Uint8Array)[]): Uint8Array {
  const parts: Uint8Array[] = [encoder.encode(`*${command.length}\r\n`)];
  for (const part of command) {
    const bytes = part instanceof Uint8Array ? part : encoder.encode(`${part}`);
    parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, CRLF);
  }
  return joined(...parts);
}

const CRLF = encoder.encode("\r\n");

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads replies from bytes, of which the last may be incomplete. */
class ReplyReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Returns the next reply, or `undefined` if it is incomplete. */
  next(): Reply | RedisError | undefined {
    const end = this.#bytes.indexOf(CRLF[0]!, this.at); // a line has no other CR
    if (end < 0 || end + 2 > this.#bytes.length) return undefined;
    const line = decoder.decode(this.#bytes.subarray(this.at + 1, end));
    const type = String.fromCharCode(this.#bytes[this.at]!); // before `end`
    this.at = end + 2;
    switch (type) {
      case "+":
        return line;
      case "-":
        return new RedisError(line);
      case ":":
        return Number(line);
      case "$":
        return this.#bulk(Number(line));
      case "*":
        return this.#array(Number(line));
      default:
        throw new Error(`Redis sent a reply of an unknown type, "${type}"`);
    }
  }

  #bulk(length: number): Uint8Array | null | undefined {
    if (length < 0) return null;
    const start = this.at;
    if (start + length + 2 > this.#bytes.length) return undefined;
    this.at += length + 2;
    return this.#bytes.slice(start, start + length);
  }

  #array(length: number): Reply[] | null | undefined {
    if (length < 0) return null;
    const replies: Reply[] = [];
    while (replies.length < length) {
      const reply = this.next();
      if (reply === undefined) return undefined;
      if (reply instanceof RedisError) throw reply; // scripts return none
      replies.push(reply);
    }
    return replies;
  }
}
