/**
 * A PostgreSQL client: logs in with SCRAM-SHA-256, and runs queries.
 *
 * @module
 */
import { connect, type Connection } from "@lengthwise/lengthwise/transport";
import { Channel, type ChannelOptions } from "./channel.ts";
import { PostgresError } from "./errors.ts";
import { logIn } from "./log_in.ts";
import { cString, int16, int32, message, sized } from "./messages.ts";
import { receiveResults, type Result } from "./results.ts";
import { connectWithTls, type TlsOptions } from "./tls.ts";
import { type Parameter, toText } from "./values.ts";

/** Parameters of one query: their number has two bytes. */
const MAX_PARAMETERS = 65_535;

const SYNC = message("S");

/** Who logs in to what. */
export interface LoginOptions extends ChannelOptions {
  /** The role. */
  user: string;
  /** Its password; without one, the server must ask for none. */
  password?: string;
  /**
   * The database.
   *
   * @default {the one that is called as the user}
   */
  database?: string;
  /**
   * Milliseconds that logging in may take.
   *
   * @default {10000}
   */
  loginTimeout?: number;
}

/** Where the server listens, and who logs in. */
export interface ConnectOptions extends LoginOptions {
  /** @default {"127.0.0.1"} */
  hostname?: string;
  /** @default {5432} */
  port?: number;
  /** Speak TLS, or not at all. */
  tls?: TlsOptions;
}

/** One session with a server. Queries wait for each other. */
export class PostgresClient implements AsyncDisposable {
  readonly #channel: Channel;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Dials a server and logs in; throws what `connect()` and `logIn()` do. */
  static async connect(options: ConnectOptions): Promise<PostgresClient> {
    const { hostname = "127.0.0.1", port = 5432, tls, signal } = options;
    const address = { hostname, port };
    const connection = tls === undefined
      ? await connect(address, { ...(signal && { signal }) })
      : await connectWithTls(address, tls, signal);
    return await PostgresClient.over(connection, options);
  }

  /** Logs in over a connection, which it owns from then on. */
  static async over(
    connection: Connection,
    options: LoginOptions,
  ): Promise<PostgresClient> {
    const { user, password, database = user, loginTimeout = 10_000 } = options;
    const late = new AbortController();
    const timer = setTimeout(
      () =>
        late.abort(new Error(`Cannot log in: no end in ${loginTimeout} ms`)),
      loginTimeout,
    );
    const signal = options.signal
      ? AbortSignal.any([late.signal, options.signal])
      : late.signal;
    try {
      const channel = await Channel.open(connection, {
        user,
        database,
        client_encoding: "UTF8", // what texts are read as here
        bytea_output: "hex",
        application_name: "lengthwise",
      }, { ...options, signal });
      try {
        await logIn(channel, password);
        return new PostgresClient(channel);
      } catch (error) {
        channel.close();
        throw error;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Settings that the server has reported, as `server_version`. */
  get parameters(): ReadonlyMap<string, string> {
    return this.#channel.parameters;
  }

  /**
   * Runs one statement, with parameters for `$1`, `$2`, … (the extended query
   * protocol): they never mix with the SQL text.
   *
   * @throws {PostgresError} if the server refuses; the session goes on
   */
  async query(sql: string, parameters: Parameter[] = []): Promise<Result> {
    if (parameters.length > MAX_PARAMETERS) {
      throw new RangeError(
        `Cannot run a query with more than ${MAX_PARAMETERS} parameters: it has ${parameters.length}`,
      );
    }
    const unnamed = cString("");
    const asText = int16(0);
    const messages = [
      message("P", unnamed, cString(sql), int16(0)), // Parse: the server infers the types
      message(
        "B", // Bind
        unnamed,
        unnamed,
        asText,
        int16(parameters.length),
        ...parameters.map((value) => sized(toText(value))),
        asText,
      ),
      message("D", Uint8Array.of(0x50), unnamed), // Describe the portal ('P')
      message("E", unnamed, int32(0)), // Execute, all rows
      SYNC,
    ];
    const [result] = await this.#exclusive(messages, SYNC);
    return result ?? { columns: [], rows: [], command: "" };
  }

  /**
   * Runs statements that are separated by semicolons, as one transaction
   * unless they say otherwise (the simple query protocol).
   *
   * @returns a result for each of them
   * @throws {PostgresError} if the server refuses one; the session goes on
   */
  async run(sql: string): Promise<Result[]> {
    return await this.#exclusive([message("Q", cString(sql))]);
  }

  /** Says goodbye and closes; what is under way is lost. */
  async close(): Promise<void> {
    const terminate = message("X");
    await this.#channel.send(terminate).catch(() => {}); // it has closed already
    await this.#channel[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One exchange at a time: answers come in order, and carry no number. */
  #exclusive(
    messages: Uint8Array[],
    afterCopyFail?: Uint8Array,
  ): Promise<Result[]> {
    const results = this.#last.then(() =>
      this.#exchange(messages, afterCopyFail)
    );
    this.#last = results.catch(() => {});
    return results;
  }

  async #exchange(
    messages: Uint8Array[],
    afterCopyFail: Uint8Array | undefined,
  ): Promise<Result[]> {
    let refused: unknown;
    try {
      await this.#channel.send(...messages);
    } catch (error) {
      if (error instanceof RangeError) throw error; // nothing was sent
      refused = error;
    }
    try {
      return await receiveResults(this.#channel, afterCopyFail);
    } catch (error) {
      // A server that takes nothing any more may have said why.
      throw error instanceof PostgresError ? error : refused ?? error;
    }
  }
}
