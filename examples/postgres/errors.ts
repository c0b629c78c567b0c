/**
 * What can go wrong between this client and a PostgreSQL server.
 *
 * @module
 */

/** What the server says of an error or a notice, by the letter of each field. */
export type ServerFields = ReadonlyMap<string, string>;

/** The server has refused something; the connection may live on. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  /** SQLSTATE: five characters, for programs (PostgreSQL, appendix A). */
  readonly code: string;
  /** ERROR, FATAL or PANIC; after the last two the server hangs up. */
  readonly severity: string;
  /** More about it, if the server says more. */
  readonly detail: string | undefined;
  /** What to do, if the server knows. */
  readonly hint: string | undefined;
  /** Where in the SQL text, from 1, in characters. */
  readonly position: number | undefined;

  constructor(fields: ServerFields) {
    super(fields.get("M") ?? "the server gave no message");
    this.code = fields.get("C") ?? "XX000"; // internal_error
    this.severity = fields.get("V") ?? fields.get("S") ?? "ERROR";
    this.detail = fields.get("D");
    this.hint = fields.get("H");
    const position = fields.get("P");
    this.position = position === undefined ? undefined : Number(position);
  }
}

/** The two sides could not prove to each other who they are. */
export class AuthenticationError extends Error {
  override readonly name = "AuthenticationError";
}

/** The server sent what the protocol does not allow; the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
