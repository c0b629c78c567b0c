/**
 * Protocols without schemas, for bodies that are not decoded.
 *
 * @module
 */
import { buildTree } from "../messages/protocol/method_tree.ts";
import type { MethodDeclaration } from "../messages/protocol/method.ts";
import type {
  AnyProtocol,
  BoundMethod,
} from "../messages/protocol/protocol_types.ts";

/**
 * Returns a protocol whose values are not validated.
 *
 * Its hashes are those of the given protocol, so that both peers compare their
 * methods with each other's.
 *
 * @throws {TypeError} if a gateway cannot forward one of its methods
 */
export function rawProtocol(protocol: AnyProtocol): AnyProtocol {
  const [called] = protocol.methods.client;
  if (called !== undefined) {
    throw new TypeError(
      `Cannot forward ${protocol.name}: its method ${called.name} is called by the server, and the calls of many clients share an upstream session; use forwardSessions(), or declare a protocol without a client side for the gateway`,
    );
  }
  const once = protocol.methods.server.find(({ method }) => method.once);
  if (once !== undefined) {
    throw new TypeError(
      `Cannot forward ${protocol.name}: its method ${once.name} is once, and the outcomes of many clients would be one client's upstream; use forwardSessions(), or declare it idempotent`,
    );
  }
  const server = Object.freeze(protocol.methods.server.map(withoutSchemas));
  const methods = Object.freeze({ server, client: Object.freeze([]) });
  return Object.freeze({
    name: protocol.name,
    server: buildTree(server, ({ method }) => method),
    client: protocol.client,
    methods,
  });
}

function withoutSchemas(bound: BoundMethod): BoundMethod {
  const { name, shape } = bound;
  // Neither defaults of the caller nor properties of the handler apply here.
  const method: MethodDeclaration = Object.freeze({ shape });
  return Object.freeze({
    name,
    shape,
    method,
    get hash() {
      return bound.hash;
    },
  });
}
