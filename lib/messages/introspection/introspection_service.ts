/**
 * Lets clients ask a server what it serves.
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
import { diffMethods, type MethodDifference } from "./protocol_diff.ts";
import type { MethodSummary } from "../protocol/protocol_hash.ts";
import type { AnyProtocol, Protocol } from "../protocol/protocol_types.ts";

/** The sides of {@linkcode Introspection}. */
export interface IntrospectionSides {
  /** What clients may ask of the server. */
  server: IntrospectionMethods;
  /** Nothing is asked of clients. */
  client: Record<never, never>;
}

/** The server's side of {@linkcode Introspection}. */
export interface IntrospectionMethods {
  /** One group, so that the names stay out of the way. */
  introspection: {
    /** Gives the methods of both sides, with shapes, defaults and JSON Schemas. */
    describe: Unary<void, ProtocolDescription>;
  };
}

/**
 * What a server speaks beside its own protocol, so that people and programs
 * can ask what it serves. It is there only where the server merges it in.
 *
 * A client needs no more than this protocol; it may as well be merged into the
 * client's own.
 *
 * @example A server that lists what it serves
 * ```ts
 * import {
 *   connect,
 *   introspect,
 *   Introspection,
 *   mergeProtocols,
 *   protocol,
 *   serve,
 *   unary,
 * } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const Served = mergeProtocols(Shop, Introspection);
 * await using server = await serve(Served, {
 *   price: (sku) => sku.length,
 *   ...introspect(Shop),
 * }, { port: 0 });
 *
 * await using session = await connect(Introspection, server.addr);
 * const { name, server: methods } = await session.remote.introspection.describe();
 * assertEquals(name, "shop");
 * assertEquals(methods.map(({ name, shape }) => [name, shape]), [["price", "unary"]]);
 * ```
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

/** The handlers of {@linkcode Introspection}. */
export interface IntrospectionHandlers {
  /** The group. */
  introspection: {
    /** Handles `introspection.describe`. */
    describe(): ProtocolDescription;
  };
}

/**
 * The handlers of {@linkcode Introspection}, to be spread among a server's own.
 * The description is made once. Whoever may connect may read it: put a
 * middleware in front of `introspection.describe` where that is not wanted.
 *
 * @param described what is told of: the server's protocol, with or without
 * `Introspection` itself
 */
export function introspect(described: AnyProtocol): IntrospectionHandlers {
  // JSON Schemas come from libraries, which may hang more on them than travels.
  const description: ProtocolDescription = JSON.parse(
    JSON.stringify(describeProtocol(described)),
  );
  return { introspection: { describe: () => description } };
}

/** What {@linkcode compareWithServer} asks a session for. */
export interface Introspectable {
  /** The server's methods. */
  readonly remote: {
    /** The group. */
    readonly introspection: {
      /** Asks for the description. */
      describe(
        input?: void,
        options?: CallOptions,
      ): Promise<ProtocolDescription>;
    };
  };
}

/**
 * Where the methods that a client knows differ from what its server serves,
 * with the fields that differ where both sides have JSON Schemas. A session's
 * `differences` say the same of the protocol that it was connected with, as far
 * as the handshake has room; this compares any other protocol, too.
 *
 * @param session to a server that serves `Introspection`
 * @param protocol as the client knows it
 * @param options of the call
 * @returns one difference a method; methods that only the server knows are left out
 * @throws {CallError} `unimplemented`, where the server does not serve `Introspection`
 *
 * @example
 * ```ts
 * import {
 *   compareWithServer,
 *   connect,
 *   introspect,
 *   Introspection,
 *   mergeProtocols,
 *   protocol,
 *   serve,
 *   unary,
 * } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Old = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * await using server = await serve(mergeProtocols(Old, Introspection), {
 *   price: (sku) => sku.length,
 *   ...introspect(Old),
 * }, { port: 0 });
 *
 * const New = protocol({ name: "shop", server: { quote: unary<string, number>() } });
 * await using session = await connect(mergeProtocols(New, Introspection), server.addr);
 * const [difference] = await compareWithServer(session, New);
 * assertEquals(difference?.text, "server lacks unary quote");
 * ```
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
  const differences = diffMethods({
    side: "server",
    caller: describeProtocol(protocol).server,
    callee: Array.isArray(theirs?.server)
      ? theirs.server.filter(isSummary)
      : [],
  });
  return differences.filter(({ kind }) => kind !== "extra");
}

/** The types are the server's promise; what it sends may be anything. */
function isSummary(value: unknown): value is MethodSummary {
  return isRecord(value) && typeof value["name"] === "string" &&
    SHAPES.some((shape) => shape === value["shape"]) &&
    typeof value["hash"] === "number" &&
    isRecord(value["schemas"]) && isRecord(value["schemas"]["errors"]);
}
