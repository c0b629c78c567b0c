/**
 * The answer to a query: rows and errors, until the server is ready again.
 *
 * @module
 */
import type { Channel } from "./channel.ts";
import { PostgresError, ProtocolError } from "./errors.ts";
import { type Body, cString, message } from "./messages.ts";
import { fromText, type Value } from "./values.ts";

/** A column of a result. */
export interface Column {
  /** As the query calls it; two may have the same name. */
  name: string;
  /** Of its type, `pg_type.oid`. */
  type: number;
}

/** What one statement gave. */
export interface Result {
  columns: Column[];
  /** A value for each column, in each row. */
  rows: Value[][];
  /** What was done: `SELECT 2`, `INSERT 0 1`, `CREATE TABLE`; "" for no statement. */
  command: string;
}

/** Nothing of interest: ParseComplete, BindComplete, NoData. */
const ACKNOWLEDGEMENTS = "12n";

/**
 * Receives all results up to ReadyForQuery.
 *
 * @param channel one to which a query has been sent
 * @param afterCopyFail what the server must get to be ready again, where
 * CopyFail alone does not do
 * @throws {PostgresError} the first error that the server told; it is ready
 * again, unless it has hung up
 * @throws {ProtocolError} if the server says what makes no sense; the channel
 * is closed then
 */
export async function receiveResults(
  channel: Channel,
  afterCopyFail?: Uint8Array,
): Promise<Result[]> {
  const results: Result[] = [];
  let open: Result = { columns: [], rows: [], command: "" };
  let problem: Error | undefined;
  try {
    for (;;) {
      const body = await channel.receive();
      switch (body?.type) {
        case "T": // RowDescription
          open.columns = readColumns(body);
          break;
        case "D": // DataRow
          open.rows.push(readRow(body, open.columns));
          break;
        case "C": // CommandComplete
          open.command = body.cString();
          // falls through
        case "I": // EmptyQueryResponse
          results.push(open);
          open = { columns: [], rows: [], command: "" };
          break;
        case "E": // ErrorResponse
          problem ??= new PostgresError(body.fields());
          break;
        case "G": // CopyInResponse: the server waits for data
          await channel.send(message("f", cString("not supported")));
          if (afterCopyFail) await channel.send(afterCopyFail);
          break;
        case "H": // CopyOutResponse
          problem ??= new Error("Cannot copy out: this client has rows only");
          break;
        case "d": // CopyData
        case "c": // CopyDone
          break;
        case "Z": // ReadyForQuery
          if (problem) throw problem;
          return results;
        case undefined:
          throw problem ?? new ProtocolError("The server hung up");
        default:
          acknowledge(body);
      }
    }
  } catch (error) {
    // Unless the server has said all it had to say, nobody knows what the next
    // message would belong to.
    if (error !== problem) channel.close();
    throw problem ?? error; // a server that hangs up has said why before
  }
}

function acknowledge(body: Body | undefined): void {
  if (body === undefined || !ACKNOWLEDGEMENTS.includes(body.type)) {
    throw new ProtocolError(
      `Cannot read a result: it has a message of type "${body?.type}"`,
    );
  }
}

function readColumns(body: Body): Column[] {
  return Array.from({ length: body.int16() }, () => {
    const name = body.cString();
    body.int32(); // table
    body.int16(); // number in the table
    const type = body.int32();
    body.int16(); // size of the type
    body.int32(); // its modifier
    body.int16(); // format: text was asked for
    return { name, type };
  });
}

function readRow(body: Body, columns: Column[]): Value[] {
  if (body.int16() !== columns.length) {
    throw new ProtocolError(
      `Cannot read a row: it has not the ${columns.length} columns that were described`,
    );
  }
  return columns.map(({ type }) => {
    const text = body.sized();
    return text === null ? null : fromText(text, type);
  });
}
