/**
 * Messages that a stream of JetStream has stored, read one by one.
 *
 * @module
 */
import type { BusHistory, StoredMessage } from "../messages/bus/bus.ts";
import type { NatsConnection } from "./nats_connection.ts";

/** Milliseconds that a reply may take. */
const PATIENCE = 2_000;

/** Status of a reply without a message. */
const NOT_FOUND = 404;

/** Reads a stream with its option `allow_direct`. */
export class StoredMessages implements BusHistory {
  readonly #connection: NatsConnection;
  readonly #stream: string;

  /**
   * @param connection the connection
   * @param stream name of the stream
   */
  constructor(connection: NatsConnection, stream: string) {
    this.#connection = connection;
    this.#stream = stream;
  }

  newest(subject: string): Promise<StoredMessage | undefined> {
    return this.#get({ last_by_subj: subject });
  }

  next(subject: string, index: number): Promise<StoredMessage | undefined> {
    return this.#get({ next_by_subj: subject, seq: index });
  }

  /** @throws {Error} if the stream does not exist, or does not reply */
  async #get(query: object): Promise<StoredMessage | undefined> {
    const { data, headers } = await this.#connection.request(
      `$JS.API.DIRECT.GET.${this.#stream}`,
      new TextEncoder().encode(JSON.stringify(query)),
      { timeout: PATIENCE },
    );
    if (headers?.code === NOT_FOUND) return undefined;
    const index = Number(headers?.get("Nats-Sequence"));
    if (!Number.isSafeInteger(index) || index < 1) {
      throw new Error(
        `Cannot read the stream ${this.#stream}: the reply has status ${headers?.code}`,
      );
    }
    return { index, message: data };
  }
}
