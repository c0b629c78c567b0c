/**
 * Hashes that show whether two peers know the same methods.
 *
 * They provide no security: a peer can claim any hash.
 *
 * @module
 */
import { canonicalSchema } from "../schema/canonical_json.ts";
import { methodSchemas } from "./method_schemas.ts";
import type { MethodDeclaration } from "./method.ts";
import type { AnyProtocol, BoundMethod } from "./protocol_types.ts";

const ENCODER = /* @__PURE__ */ new TextEncoder();

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

/** Hashes by the lists of methods, which never change. */
const hashes = new WeakMap<AnyProtocol["methods"], number>();

/**
 * Returns the hash of a protocol's methods, which is computed once.
 *
 * It covers the names, shapes and schema hashes of both sides' methods, but not
 * the name of the protocol.
 *
 * @returns an unsigned 32-bit number
 */
export function protocolHash(
  { methods }: Pick<AnyProtocol, "methods">,
): number {
  let hash = hashes.get(methods);
  if (hash === undefined) {
    hash = hashOf(methods);
    hashes.set(methods, hash);
  }
  return hash;
}

function hashOf({ server, client }: AnyProtocol["methods"]): number {
  const line = ({ name, shape, hash }: BoundMethod) =>
    `${name} ${shape} ${hash}\n`;
  return fnv1a(
    `server\n${server.map(line).join("")}client\n${client.map(line).join("")}`,
  );
}
