/**
 * The methods of a protocol as one side of a connection needs them.
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

/** What a side calls and serves. */
export interface SideTables {
  /** For the session. */
  readonly methods: MethodTables;
  /** What handles this side's methods, in the order of its table. */
  readonly handlers: readonly ServedHandler[];
  /** The other side's methods, in the order of their numbers. */
  readonly calls: readonly BoundMethod[];
}

/**
 * Joins a protocol and the handlers of one of its sides.
 *
 * @param options what its session may tell of it
 * @throws {TypeError} for handlers that are missing or too many
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
      handler: bound[index]!, // bindHandlers gives one for each method
    })),
    calls,
  };
}

/** Texts are made when a peer needs them, and once. */
function textsOf(
  methods: readonly BoundMethod[],
): (index: number) => Uint8Array {
  const texts = new Map<number, Uint8Array>();
  return (index) => {
    let text = texts.get(index);
    if (text === undefined) {
      const { method } = methods[index]!; // numbers come from this list
      texts.set(index, text = schemasText(methodSchemas(method)));
    }
    return text;
  };
}

function infoOf({ name, method, hash }: BoundMethod): MethodInfo {
  return { name, shape: method.shape, hash };
}
