/**
 * The methods that one side of a connection calls and serves.
 *
 * @module
 */
import type { ServedHandler } from "../handlers/handling.ts";
import { bindHandlers } from "../handlers/bind_handlers.ts";
import { protocolHash } from "../protocol/protocol_hash.ts";
import type {
  AnyProtocol,
  BoundMethod,
  Side,
} from "../protocol/protocol_types.ts";
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
 * @throws {TypeError} if a handler is missing, or a function matches no method
 */
export function sideTables(
  protocol: AnyProtocol,
  side: Side,
  handlers: object,
): SideTables {
  const own = protocol.methods[side];
  const calls = protocol.methods[side === "server" ? "client" : "server"];
  const bound = bindHandlers(own, handlers);
  return {
    methods: {
      name: protocol.name,
      hash: protocolHash(protocol),
      calls,
      serves: new Map(
        own.map((info, index) => [info.name, { index, info }]),
      ),
    },
    handlers: own.map((method, index) => ({
      bound: method,
      ...bound[index]!, // bindHandlers() returns one for each method
    })),
    calls,
  };
}
