/**
 * Descriptions of protocols as plain data.
 *
 * @module
 */
import {
  type MethodSchemas,
  methodSchemas,
} from "../protocol/method_schemas.ts";
import type { MethodSummary } from "./protocol_diff.ts";
import { protocolHash } from "../protocol/protocol_hash.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";

/**
 * Description of a method, as plain data.
 *
 * @category Descriptions
 */
export interface MethodDescription extends MethodSummary {
  /** JSON Schemas of the method's values. */
  readonly schemas: MethodSchemas;
  /** Default timeout of a call, in ms; `null` if the method declares none. */
  readonly timeout: number | null;
  /** Whether repeating a call that may have run is harmless. */
  readonly idempotent: boolean;
  /** Whether a call that may have run is repeated without running twice. */
  readonly once: boolean;
  /** One-line description for humans; `""` if the method declares none. */
  readonly description: string;
}

/**
 * Description of a protocol, as plain data.
 *
 * @category Descriptions
 */
export interface ProtocolDescription {
  /** Name of the protocol. */
  readonly name: string;
  /** Hash of the names, shapes and schemas of the protocol's methods. */
  readonly hash: number;
  /** Methods that the server handles, sorted by name. */
  readonly server: readonly MethodDescription[];
  /** Methods that the client handles, sorted by name. */
  readonly client: readonly MethodDescription[];
}

/**
 * Describes a protocol as plain data, suitable for JSON.
 *
 * The description contains names, shapes and defaults, and JSON Schemas if the
 * schema library can convert its schemas.
 *
 * @param protocol the protocol to describe
 * @returns the description
 *
 * @example
 * ```ts
 * import { describeProtocol } from "@lengthwise/lengthwise/introspection";
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<string, number>({ timeout: 500 }) },
 * });
 * const [price] = describeProtocol(Shop).server;
 * assertEquals([price?.name, price?.shape, price?.timeout], ["price", "unary", 500]);
 * ```
 *
 * @category Descriptions
 */
export function describeProtocol(protocol: AnyProtocol): ProtocolDescription {
  return {
    name: protocol.name,
    hash: protocolHash(protocol),
    server: protocol.methods.server.map(describeMethod),
    client: protocol.methods.client.map(describeMethod),
  };
}

function describeMethod(
  { name, method, shape, hash }: BoundMethod,
): MethodDescription {
  const { timeout = null, idempotent = false, once = false, description = "" } =
    method;
  return {
    name,
    shape,
    hash,
    schemas: methodSchemas(method),
    timeout,
    idempotent,
    once,
    description,
  };
}
