/**
 * The SCHEMAS entry of a server's HELLO. See PROTOCOL.md, "Schemas of the
 * methods that differ". The entry repeats for each method:
 *
 * ```text
 *  ├────────┼────────────┼───────┼─────────────┼────────┤
 *    caller   u16 number   shape   u16 length    text
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { type Shape, SHAPES } from "./shape.ts";
import { MalformedError } from "./malformed_error.ts";
import { getU16, putU16 } from "./frame_header.ts";

/** The server's declaration of a method that differs between the two ends. */
export interface DescribedMethod {
  /** The end that calls the method; {@linkcode DescribedMethod.method} is an index into its list. */
  readonly caller: "client" | "server";
  /** Index of the method. */
  readonly method: number;
  /** Its shape, as declared by the server. */
  readonly shape: Shape;
  /** Its schemas as UTF-8 text, opaque to the session; empty if none are known. */
  readonly schemas: Uint8Array;
}

const CALLERS = ["client", "server"] as const;
const FIXED = 6;
/** Maximum size of the entry in bytes: a handshake must stay small (PROTOCOL.md). */
export const MAX_SCHEMA_ENTRY = 32 * 1024;

/** Returns the number of bytes that a method takes in the entry. */
export function describedLength({ schemas }: DescribedMethod): number {
  return FIXED + schemas.length;
}

/** Encodes the value of the entry. */
export function encodeSchemaEntry(
  described: readonly DescribedMethod[],
): Uint8Array {
  return concat(described.map(({ caller, method, shape, schemas }) => {
    const bytes = new Uint8Array(FIXED + schemas.length);
    bytes[0] = CALLERS.indexOf(caller);
    putU16(bytes, 1, method);
    bytes[3] = SHAPES.indexOf(shape);
    putU16(bytes, 4, schemas.length);
    bytes.set(schemas, FIXED);
    return bytes;
  }));
}

/**
 * Decodes the value of the entry. Methods whose caller or shape is from a later
 * version are skipped.
 *
 * @param limit maximum number of methods of each end
 * @throws {MalformedError} if the value is truncated or has too many methods
 */
export function decodeSchemaEntry(
  bytes: Uint8Array = new Uint8Array(),
  limit: number,
): DescribedMethod[] {
  const described: DescribedMethod[] = [];
  let at = 0;
  while (at < bytes.length) {
    const fixed = at + FIXED;
    if (fixed > bytes.length) {
      throw new MalformedError("the list of schemas is truncated");
    }
    const end = fixed + getU16(bytes, at + 4);
    if (end > bytes.length) {
      throw new MalformedError("the list of schemas is truncated");
    }
    const caller = CALLERS[bytes[at]!]; // in range: fixed <= length
    const shape = SHAPES[bytes[at + 3]!]; // as above
    if (described.length === CALLERS.length * limit) {
      throw new MalformedError(`more than ${limit} methods are described`);
    }
    if (caller !== undefined && shape !== undefined) {
      const method = getU16(bytes, at + 1);
      const schemas = bytes.slice(fixed, end);
      described.push({ caller, method, shape, schemas });
    }
    at = end;
  }
  return described;
}
