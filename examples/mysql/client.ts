/**
 * A client for MySQL and MariaDB: it logs in with a password and runs
 * queries. Values are text, as the text protocol sends them.
 *
 * @module
 */
import { frames, type FrameStream } from "@lengthwise/lengthwise/framing";
import { mysql } from "@lengthwise/lengthwise/framing/presets";
import { connect, type ConnectOptions } from "@lengthwise/lengthwise/transport";
import { Reader } from "./reader.ts";

/** Longest row and longest query in bytes, with the sequence number. */
const MAX_MESSAGE = 64 * 1024 * 1024 + 1;
const UTF8MB4 = 45;
const QUERY = 3;
const OK = 0x00;
const END = 0xfe;
const ERROR = 0xff;
/** PROTOCOL_41, SECURE_CONNECTION and PLUGIN_AUTH. */
const CAPABILITIES = 0x88200;

/** An error message from the server. */
export class MysqlError extends Error {
  override readonly name = "MysqlError";
  /** Error number, such as 1064. */
  readonly code: number;

  constructor(body: Reader) {
    const code = body.u16();
    super(body.text().replace(/^#(.{5})/, "$1: "));
    this.code = code;
  }
}

/** How to reach the server, and the login. */
export interface MysqlLogin {
  hostname: string;
  port?: number;
  user: string;
  password: string;
}

/** Rows of a query; each value is text, or `null`. */
export interface MysqlResult {
  columns: string[];
  rows: (string | null)[][];
}

/** A connection that runs one query after another. */
export class MysqlClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  #last: Promise<unknown> = Promise.resolve();
  readonly #messages: AsyncIterator<Uint8Array>;

  private constructor(stream: FrameStream) {
    this.#stream = stream;
    this.#messages = stream[Symbol.asyncIterator]();
  }

  /** Connects and logs in with `mysql_native_password`. */
  static async connect(
    { hostname, port = 3306, user, password }: MysqlLogin,
    options: ConnectOptions = {},
  ): Promise<MysqlClient> {
    const framing = mysql({ maxFrameLength: MAX_MESSAGE });
    const connection = await connect({ hostname, port }, options);
    const client = new MysqlClient(frames(connection, framing));
    try {
      await client.#logIn(user, password);
    } catch (error) {
      client.#stream.close();
      throw error;
    }
    return client;
  }

  /** Runs a statement; one without rows returns an empty result. */
  query(sql: string): Promise<MysqlResult> {
    // Two statements at once would take each other's rows.
    const result = this.#last.then(() => this.#query(sql));
    this.#last = result.catch(() => {});
    return result;
  }

  async #query(sql: string): Promise<MysqlResult> {
    await this.#stream.send(message(0, [QUERY], encode(sql)));
    const [, first] = await this.#receive();
    const count = first.integer() ?? 0; // 0 is an OK message
    const result: MysqlResult = { columns: [], rows: [] };
    if (count === 0) return result;
    for (let i = 0; i < count; i++) {
      const [, column] = await this.#receive();
      for (let skipped = 0; skipped < 4; skipped++) field(column);
      result.columns.push(field(column) ?? "");
    }
    await this.#receive(); // the end of the columns
    for (;;) {
      const [frame, row] = await this.#receive();
      // A row that begins with this byte has a value of 16 MiB or more.
      if (frame[1] === END && frame.length < 10) return result;
      result.rows.push(result.columns.map(() => field(row)));
    }
  }

  async #logIn(user: string, password: string): Promise<void> {
    const [greeting, hello] = await this.#receive();
    if (hello.u8() !== 10) throw new Error("The server is not MySQL");
    hello.textToNul(); // version
    hello.u32(); // thread
    const nonce = [...hello.bytes(8)];
    hello.bytes(19);
    nonce.push(...hello.bytes(12)); // without the zero byte
    await this.#stream.send(message(
      greeting[0]! + 1,
      [...u32(CAPABILITIES), ...u32(MAX_MESSAGE), UTF8MB4],
      new Uint8Array(23),
      encode(`${user}\0`),
      [20, ...await scramble(password, nonce)],
      encode("mysql_native_password\0"),
    ));
    let [reply, body] = await this.#receive();
    if (reply[1] === END) { // the server asks for another method, or nonce
      body.u8();
      const method = body.textToNul();
      if (method !== "mysql_native_password") {
        throw new Error(`The login of ${user} requires ${method}`);
      }
      const answer = await scramble(password, [...body.bytes(20)]);
      await this.#stream.send(message(reply[0]! + 1, answer));
      [reply, body] = await this.#receive();
    }
    if (reply[1] !== OK) throw new Error("The server does not log in");
  }

  /** Receives a message: the frame, and a reader after the sequence number. */
  async #receive(): Promise<[Uint8Array, Reader]> {
    const { done, value: frame } = await this.#messages.next();
    if (done) throw new Error("The server closed the connection");
    const body = new Reader(frame.subarray(1));
    if (frame[1] !== ERROR) return [frame, body];
    body.u8();
    throw new MysqlError(body);
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** Reads a value of a row: `null`, or text after its length. */
function field(reader: Reader): string | null {
  const length = reader.integer();
  return length === undefined ? null : reader.text(length);
}

function message(
  sequence: number,
  ...parts: readonly (Uint8Array | number[])[]
): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 1));
  whole[0] = sequence;
  let at = 1;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function u32(value: number): number[] {
  return [value, value >> 8, value >> 16, value >> 24];
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Proves knowledge of the password: SHA1(p) ^ SHA1(nonce + SHA1(SHA1(p))). */
async function scramble(password: string, nonce: number[]): Promise<number[]> {
  const once = await sha1(new TextEncoder().encode(password));
  const twice = await sha1(once);
  const mask = await sha1(Uint8Array.of(...nonce, ...twice));
  return [...once].map((byte, i) => byte ^ mask[i]!);
}

async function sha1(bytes: BufferSource): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
}
