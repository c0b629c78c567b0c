/**
 * The response to a query: rows and errors, until the server is ready again.
 *
 * @module
 */
import type { Channel } from "./channel.ts";
import { PostgresError, ProtocolError } from "./errors.ts";
import { type Body, cString, message } from "./messages.ts";
import { fromText, type Value } from "./values.ts";

/** A column of a result. */
export interface Column {
  /** Name in the query; not necessarily unique. */
  name: string;
  /** Id of the column's type (`pg_type.oid`). */
  type: number;
}

/** Result of one statement. */
export interface Result {
  columns: Column[];
  /** Rows, with a value for each column. */
  rows: Value[][];
  /** Command tag, such as `SELECT 2` or `INSERT 0 1`; "" for no statement. */
  command: string;
}

/** Message types that need no action: ParseComplete, BindComplete, NoData. */
const ACKNOWLEDGEMENTS = "12n";

/**
 * Receives all results up to ReadyForQuery.
 *
 * @param channel a channel to which a query has been sent
 * @param afterCopyFail message that the server needs after CopyFail to become
 * ready again, if it needs one
 * @throws {PostgresError} the first error that the server reported; the server
 * is ready again, unless it has closed the connection
 * @throws {ProtocolError} if the server violates the protocol; the channel is
 * then closed
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
          problem ??= new Error(
            "Cannot copy out: this client only supports rows",
          );
          break;
        case "d": // CopyData
        case "c": // CopyDone
          break;
        case "Z": // ReadyForQuery
          if (problem) throw problem;
          return results;
        case undefined:
          throw problem ??
            new ProtocolError("The server closed the connection");
        default:
          acknowledge(body);
      }
    }
  } catch (error) {
    // If the response is incomplete, later messages cannot be matched to queries.
    if (error !== problem) channel.close();
    throw problem ?? error; // a server that closes the connection sends the reason first
  }
}

function acknowledge(body: Body | undefined): void {
  if (body === undefined || !ACKNOWLEDGEMENTS.includes(body.type)) {
    throw new ProtocolError(
      `Cannot read a result: unexpected message of type "${body?.type}"`,
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
    body.int32(); // modifier of the type
    body.int16(); // format: this client requests text
    return { name, type };
  });
}

function readRow(body: Body, columns: Column[]): Value[] {
  if (body.int16() !== columns.length) {
    throw new ProtocolError(
      `Cannot read a row: expected ${columns.length} columns, as in the RowDescription`,
    );
  }
  return columns.map(({ type }) => {
    const text = body.sized();
    return text === null ? null : fromText(text, type);
  });
}
