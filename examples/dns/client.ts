/**
 * A DNS client over TCP (RFC 7766): many queries on one connection, whose
 * answers may come in any order.
 *
 * @module
 */
import { dnsTcp } from "@lengthwise/lengthwise/framing/presets";
import { frames, type FrameStream } from "@lengthwise/lengthwise/framing";
import { connect, type Connection } from "@lengthwise/lengthwise/transport";
import { decodeMessage, encodeMessage, type Message } from "./message.ts";
import { DnsFormatError } from "./errors.ts";
import { IN } from "./records.ts";
import { sameName } from "./text.ts";

/** Ids have 16 bits, and must be hard to guess. */
const MAX_PENDING = 4096;

/** Options of {@linkcode DnsClient}. */
export interface DnsClientOptions {
  /**
   * Milliseconds to wait for each answer, and for the connection.
   *
   * @default {5000}
   */
  timeout?: number;
}

/** Where the server listens. */
export interface DnsServerAddress {
  hostname: string;
  /** @default {53} */
  port?: number;
}

/** Options of one query. */
export interface QueryOptions {
  /**
   * Let the server ask others.
   *
   * @default {true}
   */
  recursionDesired?: boolean;
}

interface Pending {
  query: Message;
  resolve: (response: Message) => void;
  reject: (error: unknown) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** One connection to a DNS server. */
export class DnsClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  readonly #timeout: number;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #closing = false;

  /** Dials a server. */
  static async connect(
    { hostname, port = 53 }: DnsServerAddress,
    options: DnsClientOptions = {},
  ): Promise<DnsClient> {
    const { timeout = 5_000 } = options;
    return new DnsClient(
      await connect({ hostname, port }, { timeout }),
      options,
    );
  }

  /** Takes over a connection that is there already. */
  constructor(connection: Connection, { timeout = 5_000 }: DnsClientOptions) {
    this.#timeout = timeout;
    this.#stream = frames(connection, dnsTcp());
    this.#ended = this.#stream
      .receive((frame) => this.#take(decodeMessage(frame)))
      .then(() =>
        new Error(
          `Cannot get an answer: the ${
            this.#closing ? "client was closed" : "server hung up"
          }`,
        )
      )
      .catch((error) => error)
      .then((reason) => this.#end(reason));
  }

  /**
   * Asks one question.
   *
   * @returns the response, whatever its `rcode`
   * @throws {DnsFormatError} if the question cannot be written, or an answer
   * not be read
   * @throws {DOMException} `TimeoutError` if no answer comes in time
   */
  async query(
    name: string,
    type: string,
    { recursionDesired = true }: QueryOptions = {},
  ): Promise<Message> {
    if (this.#pending.size >= MAX_PENDING) {
      throw new RangeError(
        `Cannot ask more than ${MAX_PENDING} questions at once`,
      );
    }
    const query: Message = {
      id: this.#freeId(),
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired,
      recursionAvailable: false,
      rcode: 0,
      questions: [{ name, type, class: IN }],
      answers: [],
      authorities: [],
      additionals: [],
    };
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#stream.write(encodeMessage(query));
    const late = () =>
      reject(
        new DOMException(
          `Cannot get an answer: none came in ${this.#timeout} ms`,
          "TimeoutError",
        ),
      );
    const timer = setTimeout(late, this.#timeout);
    this.#pending.set(query.id, { query, resolve, reject, timer });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(query.id);
    }
  }

  /** Closes; questions that are open are rejected. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#stream[Symbol.asyncDispose]();
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #freeId(): number {
    const id = crypto.getRandomValues(new Uint16Array(1));
    do crypto.getRandomValues(id); while (this.#pending.has(id[0] ?? 0));
    return id[0] ?? 0;
  }

  #take(response: Message): void {
    const pending = this.#pending.get(response.id);
    // It was given up, and its answer has come at last.
    if (pending === undefined || !response.response) return;
    if (answers(response, pending.query)) return pending.resolve(response);
    pending.reject(
      new DnsFormatError(
        "Cannot use an answer: it answers another question, or was cut",
      ),
    );
  }

  #end(reason: unknown): void {
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#stream.close();
  }
}

/** The question comes back, unless the server could not read it. */
function answers(response: Message, query: Message): boolean {
  const [asked] = query.questions;
  const [told, ...more] = response.questions;
  if (asked === undefined || response.truncated || more.length > 0) {
    return false;
  }
  if (told === undefined) return response.rcode !== 0;
  return told.type === asked.type && told.class === asked.class &&
    sameName(told.name, asked.name);
}
