/**
 * A PostgreSQL client that logs in with SCRAM-SHA-256 and runs queries.
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

/** Maximum number of parameters in a query; the count has two bytes. */
const MAX_PARAMETERS = 65_535;

const SYNC = message("S");

/** User, password and database of a login. */
export interface LoginOptions extends ChannelOptions {
  /** Name of the role. */
  user: string;
  /** Password of the role; required if the server requests one. */
  password?: string;
  /**
   * Name of the database.
   *
   * @default {the name of the user}
   */
  database?: string;
  /**
   * Milliseconds until a login is abandoned.
   *
   * @default {10000}
   */
  loginTimeout?: number;
}

/** Address of the server, and how to log in. */
export interface ConnectOptions extends LoginOptions {
  /** @default {"127.0.0.1"} */
  hostname?: string;
  /** @default {5432} */
  port?: number;
  /** Options for TLS; if present, TLS is required. */
  tls?: TlsOptions;
}

/** A session with a server; runs one query at a time. */
export class PostgresClient implements AsyncDisposable {
  readonly #channel: Channel;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Connects and logs in; throws the same errors as `connect()` and `logIn()`.
   */
  static async connect(options: ConnectOptions): Promise<PostgresClient> {
    const { hostname = "127.0.0.1", port = 5432, tls, signal } = options;
    const address = { hostname, port };
    const connection = tls === undefined
      ? await connect(address, { ...(signal && { signal }) })
      : await connectWithTls(address, tls, signal);
    return await PostgresClient.over(connection, options);
  }

  /** Logs in over a connection, which the client then owns. */
  static async over(
    connection: Connection,
    options: LoginOptions,
  ): Promise<PostgresClient> {
    const { user, password, database = user, loginTimeout = 10_000 } = options;
    const late = new AbortController();
    const timer = setTimeout(
      () =>
        late.abort(
          new Error(
            `Cannot log in: the login did not finish within ${loginTimeout} ms`,
          ),
        ),
      loginTimeout,
    );
    const signal = options.signal
      ? AbortSignal.any([late.signal, options.signal])
      : late.signal;
    try {
      const channel = await Channel.open(connection, {
        user,
        database,
        client_encoding: "UTF8", // the encoding that this client reads
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

  /** Settings that the server has reported, such as `server_version`. */
  get parameters(): ReadonlyMap<string, string> {
    return this.#channel.parameters;
  }

  /**
   * Runs one statement with parameters for `$1`, `$2`, ….
   *
   * It uses the extended query protocol, so parameters are never part of the SQL
   * text.
   *
   * @throws {PostgresError} if the server reports an error; the session continues
   */
  async query(sql: string, parameters: Parameter[] = []): Promise<Result> {
    if (parameters.length > MAX_PARAMETERS) {
      throw new RangeError(
        `Cannot run a query with ${parameters.length} parameters; expected at most ${MAX_PARAMETERS}`,
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
   * Runs statements that are separated by semicolons.
   *
   * It uses the simple query protocol, in which the statements are one
   * transaction unless they contain transaction commands.
   *
   * @returns one result per statement
   * @throws {PostgresError} if the server reports an error; the session continues
   */
  async run(sql: string): Promise<Result[]> {
    return await this.#exclusive([message("Q", cString(sql))]);
  }

  /** Ends the session; pending queries fail. */
  async close(): Promise<void> {
    const terminate = message("X");
    await this.#channel.send(terminate).catch(() => {}); // already closed
    await this.#channel[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Runs an exchange after all earlier ones have ended.
   *
   * Responses carry no numbers, so only their order shows which query each one
   * answers.
   */
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
    let sendError: unknown;
    try {
      await this.#channel.send(...messages);
    } catch (error) {
      if (error instanceof RangeError) throw error; // nothing was sent
      sendError = error;
    }
    try {
      return await receiveResults(this.#channel, afterCopyFail);
    } catch (error) {
      // A server that closed the connection may have sent the reason first.
      throw error instanceof PostgresError ? error : sendError ?? error;
    }
  }
}
