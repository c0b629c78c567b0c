/**
 * A DNS client over TCP (RFC 7766): many queries on one connection, with
 * responses in any order.
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

/** Maximum number of pending queries; with more, ids are easier to guess. */
const MAX_PENDING = 4096;

/** Options for {@linkcode DnsClient}. */
export interface DnsClientOptions {
  /**
   * Milliseconds to wait for each response, and for the connection.
   *
   * @default {5000}
   */
  timeout?: number;
}

/** Address of a DNS server. */
export interface DnsServerAddress {
  hostname: string;
  /** @default {53} */
  port?: number;
}

/** Options for one query. */
export interface QueryOptions {
  /**
   * Whether the server may query other servers.
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

  /** Connects to a server. */
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

  /** Uses an existing connection, which the client then owns. */
  constructor(connection: Connection, { timeout = 5_000 }: DnsClientOptions) {
    this.#timeout = timeout;
    this.#stream = frames(connection, dnsTcp());
    this.#ended = this.#stream
      .receive((frame) => this.#take(decodeMessage(frame)))
      .then(() =>
        new Error(
          `Cannot receive a response: ${
            this.#closing
              ? "the client was closed"
              : "the server closed the connection"
          }`,
        )
      )
      .catch((error) => error)
      .then((reason) => this.#end(reason));
  }

  /**
   * Sends one query.
   *
   * @returns the response, whatever its `rcode`
   * @throws {DnsFormatError} if the query cannot be encoded or the response
   * cannot be decoded
   * @throws {DOMException} `TimeoutError` if no response arrives in time
   */
  async query(
    name: string,
    type: string,
    { recursionDesired = true }: QueryOptions = {},
  ): Promise<Message> {
    if (this.#pending.size >= MAX_PENDING) {
      throw new RangeError(
        `Cannot send a query: ${MAX_PENDING} are already pending`,
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
          `Cannot receive a response: none arrived within ${this.#timeout} ms`,
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

  /** Closes the connection and rejects pending queries. */
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
    // The query has timed out, or the message is not a response.
    if (pending === undefined || !response.response) return;
    if (answers(response, pending.query)) return pending.resolve(response);
    pending.reject(
      new DnsFormatError(
        "Cannot use a response: it is truncated, or is for a different question",
      ),
    );
  }

  #end(reason: unknown): void {
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#stream.close();
  }
}

/** Returns whether a response is complete and belongs to the query. */
function answers(response: Message, query: Message): boolean {
  const [asked] = query.questions;
  const [repeated, ...more] = response.questions;
  if (asked === undefined || response.truncated || more.length > 0) {
    return false;
  }
  // A server that cannot read a query cannot repeat its question.
  if (repeated === undefined) return response.rcode !== 0;
  return repeated.type === asked.type && repeated.class === asked.class &&
    sameName(repeated.name, asked.name);
}
