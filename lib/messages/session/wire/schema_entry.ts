/**
 * The entry SCHEMAS of a server's HELLO (PROTOCOL.md, "Schemas of what
 * differs"): one after the other
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

/** What a server tells of a method in which the two sides differ. */
export interface DescribedMethod {
  /** Whose list the number is an index into: that of the side which calls it. */
  readonly caller: "client" | "server";
  /** The number. */
  readonly method: number;
  /** Its shape, as the server knows it. */
  readonly shape: Shape;
  /** Its schemas as UTF-8 text, of no meaning to the session; empty where none are known. */
  readonly schemas: Uint8Array;
}

const CALLERS = ["client", "server"] as const;
const FIXED = 6;
/** Bytes of the entry at most: a handshake is no place for more (PROTOCOL.md). */
export const MAX_SCHEMA_ENTRY = 32 * 1024;

/** Bytes that a method takes in the entry. */
export function describedLength({ schemas }: DescribedMethod): number {
  return FIXED + schemas.length;
}

/** The value of the entry. */
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
 * Reads the value of the entry; a caller or shape of a later version is passed
 * over.
 *
 * @param limit most methods of each side
 * @throws {MalformedError}
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
      throw new MalformedError("the schemas are cut");
    }
    const end = fixed + getU16(bytes, at + 4);
    if (end > bytes.length) {
      throw new MalformedError("the schemas are cut");
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
