/**
 * The methods that one side of a connection calls and serves.
 *
 * @module
 */
import type { BoundHandler } from "../handlers/bind_handlers.ts";
import type { Serving } from "../handlers/serving.ts";
import { protocolHash } from "../protocol/protocol_hash.ts";
import type {
  AnyProtocol,
  BoundMethod,
  Side,
} from "../protocol/protocol_types.ts";
import { Feature } from "../session/wire/features.ts";
import type { MethodTables } from "../session/control/method_matching.ts";
import { pluginMissing, type SessionPlugins } from "./session_plugins.ts";

/** Methods and handlers of one side. */
export interface SideTables extends MethodTables {
  /** The peer's methods, in the order of their numbers. */
  readonly calls: readonly BoundMethod[];
  /** Handlers of this side's methods, in the order of the methods. */
  readonly handlers: readonly BoundHandler[];
  /** Handles the peer's calls; `undefined` if each one is refused. */
  readonly serving: Serving | undefined;
  /** Features that the methods need; see `Feature`. */
  readonly features: number;
}

/**
 * Builds the tables of one side from a protocol and handlers.
 *
 * @param plugins the parts that the methods may need
 * @throws {TypeError} if a handler or plugin is missing, or a function matches no
 * method
 */
export function sideTables(
  protocol: AnyProtocol,
  side: Side,
  handlers: object,
  { serving, once: onceCalling }: SessionPlugins,
): SideTables {
  const own = protocol.methods[side];
  const once = protocol.methods.server.some(({ method }) => method.once);
  if (once && side === "client" && onceCalling === undefined) {
    throw pluginMissing("methods that are declared once", "once");
  }
  const streams = [...protocol.methods.server, ...protocol.methods.client]
    .some(({ shape }) => shape === "serverStream");
  return {
    name: protocol.name,
    hash: protocolHash(protocol),
    calls: protocol.methods[side === "server" ? "client" : "server"],
    serves: serving?.tableOf(own) ?? new Map(),
    sizes: serving?.recentSizes(),
    handlers: bind(serving, own, handlers),
    serving,
    features: (once ? Feature.ONCE : 0) | (streams ? Feature.POSITIONS : 0),
  };
}

function bind(
  serving: Serving | undefined,
  methods: readonly BoundMethod[],
  handlers: object,
): readonly BoundHandler[] {
  if (serving !== undefined) return serving.bind(methods, handlers);
  if (methods.length + Object.keys(handlers).length === 0) return [];
  throw pluginMissing('the option "handlers"', "serving");
}
