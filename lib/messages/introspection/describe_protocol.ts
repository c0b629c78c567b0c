/**
 * Tells people and programs what a protocol consists of.
 *
 * @module
 */
import {
  type MethodSchemas,
  methodSchemas,
} from "../protocol/method_schemas.ts";
import { type MethodSummary, protocolHash } from "../protocol/protocol_hash.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";

/** What there is to know of a method, as plain data. */
export interface MethodDescription extends MethodSummary {
  /** JSON Schemas of what travels. */
  readonly schemas: MethodSchemas;
  /** Default time for a call, in ms; `null` if none. */
  readonly timeout: number | null;
  /** Whether a call that may have run can be sent again without harm. */
  readonly idempotent: boolean;
  /** One line for people, or `""`. */
  readonly description: string;
}

/** What there is to know of a protocol, as plain data. */
export interface ProtocolDescription {
  /** Its name. */
  readonly name: string;
  /** Its hash; see `protocolHash()`. */
  readonly hash: number;
  /** Handled by the server, sorted by name. */
  readonly server: readonly MethodDescription[];
  /** Handled by the client, sorted by name. */
  readonly client: readonly MethodDescription[];
}

/**
 * Describes a protocol as plain data, fit for JSON: names, shapes, and JSON
 * Schemas where the schema library gives them.
 *
 * @param protocol the protocol
 *
 * @example
 * ```ts
 * import { describeProtocol, protocol, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<string, number>({ timeout: 500 }) },
 * });
 * const [price] = describeProtocol(Shop).server;
 * assertEquals([price?.name, price?.shape, price?.timeout], ["price", "unary", 500]);
 * ```
 */
export function describeProtocol(protocol: AnyProtocol): ProtocolDescription {
  return {
    name: protocol.name,
    hash: protocolHash(summaries(protocol)),
    server: protocol.methods.server.map(describeMethod),
    client: protocol.methods.client.map(describeMethod),
  };
}

/**
 * What a handshake says of each method of a protocol.
 *
 * @param protocol the protocol
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

function summarize({ name, method, hash }: BoundMethod): MethodSummary {
  return { name, shape: method.shape, hash };
}

function describeMethod(bound: BoundMethod): MethodDescription {
  const { timeout = null, idempotent = false, description = "" } = bound.method;
  return {
    ...summarize(bound),
    schemas: methodSchemas(bound.method),
    timeout,
    idempotent,
    description,
  };
}
