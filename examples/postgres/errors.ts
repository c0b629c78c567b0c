/**
 * Errors of the PostgreSQL client.
 *
 * @module
 */

/** Fields of an error or a notice, keyed by their one-letter codes. */
export type ServerFields = ReadonlyMap<string, string>;

/** An error that the server reported; the connection may still be usable. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  /** SQLSTATE: a code of five characters (PostgreSQL, appendix A). */
  readonly code: string;
  /** ERROR, FATAL or PANIC; FATAL and PANIC close the connection. */
  readonly severity: string;
  /** Details, if the server sends any. */
  readonly detail: string | undefined;
  /** A suggestion, if the server sends one. */
  readonly hint: string | undefined;
  /** Position in the SQL text in characters, from 1. */
  readonly position: number | undefined;

  constructor(fields: ServerFields) {
    super(fields.get("M") ?? "the server sent no message");
    this.code = fields.get("C") ?? "XX000"; // internal_error
    this.severity = fields.get("V") ?? fields.get("S") ?? "ERROR";
    this.detail = fields.get("D");
    this.hint = fields.get("H");
    const position = fields.get("P");
    this.position = position === undefined ? undefined : Number(position);
  }
}

/** A failure of the client or the server to prove its identity. */
export class AuthenticationError extends Error {
  override readonly name = "AuthenticationError";
}

/** A violation of the protocol by the server; the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
