/**
 * The methods that one side of a connection calls and serves.
 *
 * @module
 */
import type { ServedHandler } from "../handlers/call_handling.ts";
import { bindHandlers } from "../handlers/bind_handlers.ts";
import { summaries } from "../introspection/describe_protocol.ts";
import { methodSchemas, schemasText } from "../protocol/method_schemas.ts";
import { protocolHash } from "../protocol/protocol_hash.ts";
import type {
  AnyProtocol,
  BoundMethod,
  Side,
} from "../protocol/protocol_types.ts";
import type { MethodInfo } from "../session/wire/hello.ts";
import type { MethodTables } from "../session/control/method_matching.ts";

/** Methods and handlers of one side. */
export interface SideTables {
  /** Method tables of the session. */
  readonly methods: MethodTables;
  /** Handlers of this side's methods, in the order of the methods. */
  readonly handlers: readonly ServedHandler[];
  /** The peer's methods, in the order of their numbers. */
  readonly calls: readonly BoundMethod[];
}

/**
 * Builds the tables of one side from a protocol and handlers.
 *
 * @param options whether the session may send its JSON Schemas to the peer
 * @throws {TypeError} if a handler is missing, or a function matches no method
 */
export function sideTables(
  protocol: AnyProtocol,
  side: Side,
  handlers: object,
  { discloseSchemas = false }: { readonly discloseSchemas?: boolean } = {},
): SideTables {
  const own = protocol.methods[side];
  const calls = protocol.methods[side === "server" ? "client" : "server"];
  const bound = bindHandlers(own, handlers);
  return {
    methods: {
      name: protocol.name,
      hash: protocolHash(summaries(protocol)),
      calls: calls.map(infoOf),
      serves: new Map(
        own.map((method, index) => [
          method.name,
          { index, info: infoOf(method) },
        ]),
      ),
      schemas: discloseSchemas
        ? { ofCall: textsOf(calls), ofServed: textsOf(own) }
        : undefined,
    },
    handlers: own.map((method, index) => ({
      bound: method,
      handler: bound[index]!, // bindHandlers() returns one for each method
    })),
    calls,
  };
}

/** Returns a function that builds each schema text once, when first needed. */
function textsOf(
  methods: readonly BoundMethod[],
): (index: number) => Uint8Array {
  const texts = new Map<number, Uint8Array>();
  return (index) => {
    let text = texts.get(index);
    if (text === undefined) {
      const { method } = methods[index]!; // methods are numbered by this list
      texts.set(index, text = schemasText(methodSchemas(method)));
    }
    return text;
  };
}

function infoOf({ name, method, hash }: BoundMethod): MethodInfo {
  return { name, shape: method.shape, hash };
}
