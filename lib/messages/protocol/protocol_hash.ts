/**
 * Hashes that show whether two peers know the same methods.
 *
 * They provide no security: a peer can claim any hash.
 *
 * @module
 */
import { canonicalSchema } from "../schema/canonical_json.ts";
import { type MethodSchemas, methodSchemas } from "./method_schemas.ts";
import type { MethodDeclaration } from "./method.ts";
import type { AnyProtocol, BoundMethod } from "./protocol_types.ts";
import type { Shape } from "../session/wire/shape.ts";

const ENCODER = new TextEncoder();

/** Properties of a method that peers exchange in the handshake. */
export interface MethodSummary {
  /** Dotted name of the method. */
  readonly name: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Hash of the schemas, unsigned 32 bits; 0 if only types are known. */
  readonly hash: number;
  /** JSON Schemas, if available. */
  readonly schemas?: MethodSchemas;
}

/**
 * Returns the 32-bit FNV-1a hash of a string's UTF-8 bytes.
 *
 * Source: http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of ENCODER.encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/**
 * Returns the hash of a method's JSON Schemas.
 *
 * @returns an unsigned 32-bit number; 0 if only types are known
 */
export function methodHash(method: MethodDeclaration): number {
  const schemas = methodSchemas(method);
  const { input, output, opening, errors } = schemas;
  const known = input ?? output ?? opening;
  if (known === null && Object.keys(errors).length === 0) return 0;
  const text = [
    canonicalSchema(input),
    canonicalSchema(output),
    canonicalSchema(opening),
    canonicalSchema({ properties: errors }), // as properties, because error names are not keywords
  ].join("\n");
  return fnv1a(text) || 1; // 0 means that only types are known
}

/**
 * Summarizes the methods of a protocol: names, shapes and schema hashes.
 *
 * @param protocol the protocol
 * @returns the methods of each side, sorted by name, as in a handshake
 */
export function summaries(protocol: AnyProtocol): {
  server: readonly MethodSummary[];
  client: readonly MethodSummary[];
} {
  return {
    server: protocol.methods.server.map(summarize),
    client: protocol.methods.client.map(summarize),
  };
}

/** Summarizes one method. */
export function summarize({ name, method, hash }: BoundMethod): MethodSummary {
  return { name, shape: method.shape, hash };
}

/**
 * Returns the hash of a protocol's methods.
 *
 * It covers the names, shapes and schema hashes of both sides' methods, but not
 * the name of the protocol.
 *
 * @param methods the methods of each side, sorted by name: the `summaries()` of
 * a protocol, or a peer's list
 * @returns an unsigned 32-bit number
 */
export function protocolHash(methods: {
  readonly server: readonly MethodSummary[];
  readonly client: readonly MethodSummary[];
}): number {
  const line = ({ name, shape, hash }: MethodSummary) =>
    `${name} ${shape} ${hash}\n`;
  return fnv1a(
    `server\n${methods.server.map(line).join("")}client\n${
      methods.client.map(line).join("")
    }`,
  );
}
