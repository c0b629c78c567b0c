/**
 * Hashes by which two peers see at once whether they speak of the same methods.
 * They protect nothing: a peer may claim any hash.
 *
 * @module
 */
import { canonicalSchema } from "../schema/canonical_json.ts";
import { type MethodSchemas, methodSchemas } from "./method_schemas.ts";
import type { MethodDeclaration } from "./method.ts";
import type { Shape } from "../session/wire/shape.ts";

const ENCODER = new TextEncoder();

/** What a handshake says of a method. */
export interface MethodSummary {
  /** Dotted name. */
  readonly name: string;
  /** What travels in a call. */
  readonly shape: Shape;
  /** Schema hash, unsigned 32 bits; 0 where nothing is known but types. */
  readonly hash: number;
  /** JSON Schemas, where they are at hand. */
  readonly schemas?: MethodSchemas;
}

/**
 * FNV-1a, 32 bits, over the UTF-8 bytes of a text.
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
 * Hash of what is known of a method's values.
 *
 * @returns 0 where nothing is known but types
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
    canonicalSchema({ properties: errors }), // error names are not keywords
  ].join("\n");
  return fnv1a(text) || 1; // 0 is taken
}

/**
 * Hash of the methods of both sides: names, shapes and schema hashes.
 *
 * @param methods each side's methods, sorted by name: a protocol's `methods`,
 * or what a peer listed
 * @returns an unsigned 32-bit number
 *
 * @example
 * ```ts
 * import { protocol, protocolHash, summaries, unary } from "@lengthwise/lengthwise/messages";
 * import { assertNotEquals } from "@std/assert";
 *
 * const one = protocol({ name: "a", server: { get: unary<string, string>() } });
 * const two = protocol({ name: "a", server: { put: unary<string, string>() } });
 * assertNotEquals(protocolHash(summaries(one)), protocolHash(summaries(two)));
 * ```
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
