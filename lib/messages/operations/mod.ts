/**
 * Figures of a server and its sessions, for operators.
 *
 * A server offers them only if you merge {@linkcode Operations} into its
 * protocol and say with {@linkcode operations} who may read them. The command
 * `report` of `./cli` prints them.
 *
 * @example Offer the figures to clients that authenticate as operators
 * ```ts
 * import { mergeProtocols, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { Operations, operations } from "@lengthwise/lengthwise/operations";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * await using server = await serve(mergeProtocols(Shop, Operations), { port: 0 }, {
 *   authenticate: (credentials) => ({ operator: credentials === "secret" }),
 * }).handle({
 *   price: (sku) => sku.length,
 *   ...operations({ authorize: (auth: { operator: boolean }) => auth.operator }),
 * });
 * ```
 *
 * [Figures](/lib/messages/README.md#figures) explains them.
 *
 * @module
 */
export {
  type OperatedSession,
  type OperatedTopic,
  operations,
  type OperationsContext,
  type OperationsHandlers,
  type OperationsOptions,
} from "./operations_handlers.ts";
export {
  Operations,
  type OperationsMethods,
  type OperationsSides,
  type ServerReport,
  type SessionOrder,
  type SessionRow,
  type SessionsPage,
  type SessionsRequest,
  type TopicOrder,
  type TopicRow,
  type TopicsPage,
  type TopicsRequest,
} from "./operations_protocol.ts";
