/**
 * A protocol for clients to query the methods of a server.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import {
  describeProtocol,
  type ProtocolDescription,
} from "./describe_protocol.ts";
import { isRecord } from "../schema/json_schema.ts";
import type { Unary } from "../protocol/method.ts";
import { SHAPES } from "../session/wire/shape.ts";
import { unary } from "../protocol/method_builders.ts";
import { protocol } from "../protocol/protocol.ts";
import {
  diffMethods,
  type MethodDifference,
  type MethodSummary,
} from "./protocol_diff.ts";
import type { AnyProtocol, Protocol } from "../protocol/protocol_types.ts";

/**
 * Sides of {@linkcode Introspection}.
 *
 * @category Protocol
 */
export interface IntrospectionSides {
  /** Methods that the server handles. */
  server: IntrospectionMethods;
  /** Methods that the client handles: none. */
  client: Record<never, never>;
}

/**
 * Methods that the server handles in {@linkcode Introspection}.
 *
 * @category Protocol
 */
export interface IntrospectionMethods {
  /** Group that keeps the methods apart from those of other protocols. */
  introspection: {
    /** Returns the methods of both sides, with shapes, defaults and JSON Schemas. */
    describe: Unary<void, ProtocolDescription>;
  };
}

/**
 * Protocol that lets clients query the methods of a server.
 *
 * A server offers it only if you merge it into the server's protocol and add
 * the handlers that {@linkcode introspect} returns. A client can connect with
 * this protocol alone, or merge it into its own.
 *
 * @example Serve a description of the methods
 * ```ts
 * import { connect, mergeProtocols, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { introspect, Introspection } from "@lengthwise/lengthwise/introspection";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const Served = mergeProtocols(Shop, Introspection);
 * await using server = await serve(Served, { port: 0 }).handle({
 *   price: (sku) => sku.length,
 *   ...introspect(Shop),
 * });
 *
 * await using session = await connect(Introspection, server.addr);
 * const { name, server: methods } = await session.remote.introspection.describe();
 * assertEquals(name, "shop");
 * assertEquals(methods.map(({ name, shape }) => [name, shape]), [["price", "unary"]]);
 * ```
 *
 * @category Protocol
 */
export const Introspection: Protocol<IntrospectionSides> = protocol<
  IntrospectionSides
>({
  name: "introspection",
  server: {
    introspection: {
      describe: unary({
        description: "Methods of both sides, with shapes and JSON Schemas",
        idempotent: true,
      }),
    },
  },
  client: {},
});

/**
 * Handlers of {@linkcode Introspection}.
 *
 * @category Protocol
 */
export interface IntrospectionHandlers {
  /** Handlers of the group. */
  introspection: {
    /** Handles `introspection.describe`. */
    describe(): ProtocolDescription;
  };
}

/**
 * Returns handlers for {@linkcode Introspection}.
 *
 * Spread them into the server's handlers. The description is created once, by
 * this function. Every client that can connect can read it; to restrict access,
 * check calls to `introspection.describe` in a middleware.
 *
 * @param described the protocol to describe: the server's, with or without
 * `Introspection` itself
 * @returns the handlers
 *
 * @example
 * ```ts
 * import { introspect } from "@lengthwise/lengthwise/introspection";
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const handlers = { price: (sku: string) => sku.length, ...introspect(Shop) };
 * assertEquals(Object.keys(handlers), ["price", "introspection"]);
 * ```
 *
 * @category Protocol
 */
export function introspect(described: AnyProtocol): IntrospectionHandlers {
  // Schema libraries may attach members to JSON Schemas that no codec can encode.
  const description: ProtocolDescription = JSON.parse(
    JSON.stringify(describeProtocol(described)),
  );
  return { introspection: { describe: () => description } };
}

/**
 * Session with a server that serves {@linkcode Introspection}.
 *
 * @category Protocol
 */
export interface Introspectable {
  /** Methods of the server. */
  readonly remote: {
    /** Group of {@linkcode Introspection}. */
    readonly introspection: {
      /** Returns the description of the server's protocol. */
      describe(
        input?: void,
        options?: CallOptions,
      ): Promise<ProtocolDescription>;
    };
  };
}

/**
 * Compares a client's protocol with the server's, in both directions.
 *
 * If both ends have JSON Schemas, the differences name the fields that differ.
 * `session.mismatches` needs no call, but it covers only the session's own
 * protocol and does not name the fields that differ.
 *
 * @param session a session with a server that serves `Introspection`
 * @param protocol the protocol that the client knows
 * @param options options for the call to the server
 * @returns one difference per method that differs, the server's methods first;
 * methods that only their callee knows are omitted
 * @throws {CallError} if the call fails; with the code `unimplemented` if the
 * server does not serve `Introspection`
 *
 * @example
 * ```ts
 * import { compareWithServer, introspect, Introspection } from "@lengthwise/lengthwise/introspection";
 * import { connect, mergeProtocols, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Old = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * await using server = await serve(mergeProtocols(Old, Introspection), { port: 0 }).handle({
 *   price: (sku) => sku.length,
 *   ...introspect(Old),
 * });
 *
 * const New = protocol({ name: "shop", server: { quote: unary<string, number>() } });
 * await using session = await connect(mergeProtocols(New, Introspection), server.addr);
 * const [difference] = await compareWithServer(session, New);
 * assertEquals(difference?.text, "server lacks unary quote");
 * ```
 *
 * @category Protocol
 */
export async function compareWithServer(
  session: Introspectable,
  protocol: AnyProtocol,
  options: CallOptions = {},
): Promise<readonly MethodDifference[]> {
  const theirs = await session.remote.introspection.describe(
    undefined,
    options,
  );
  const ours = describeProtocol(protocol);
  const differences = [
    ...diffMethods({
      side: "server",
      caller: ours.server,
      callee: summariesIn(theirs?.server),
    }),
    ...diffMethods({
      side: "client",
      caller: summariesIn(theirs?.client),
      callee: ours.client,
    }),
  ];
  return differences.filter(({ kind }) => kind !== "extra");
}

/** Returns the summaries in a list of methods; a server may send anything. */
function summariesIn(methods: unknown): MethodSummary[] {
  return Array.isArray(methods) ? methods.filter(isSummary) : [];
}

/** Returns whether a value is the summary of a method. */
function isSummary(value: unknown): value is MethodSummary {
  return isRecord(value) && typeof value["name"] === "string" &&
    SHAPES.some((shape) => shape === value["shape"]) &&
    typeof value["hash"] === "number" &&
    isRecord(value["schemas"]) && isRecord(value["schemas"]["errors"]);
}
