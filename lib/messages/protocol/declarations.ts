/**
 * Everything with which protocols are declared, compared and described.
 *
 * @module
 */
export * from "./client_types.ts";
export * from "./declared_errors.ts";
export * from "./handler_types.ts";
export * from "../introspection/describe_protocol.ts";
export * from "./method.ts";
export * from "./method_builders.ts";
export * from "./protocol.ts";
export * from "./protocol_types.ts";
export * from "../schema/standard_schema.ts";
export type { JsonSchema } from "../schema/json_schema.ts";
export type { MethodSchemas } from "./method_schemas.ts";
export {
  describeDifferences,
  type DifferenceKind,
  diffMethods,
  type MethodDifference,
  type MethodLists,
} from "../introspection/protocol_diff.ts";
export { type MethodSummary, protocolHash } from "./protocol_hash.ts";
export { typed } from "../schema/typed.ts";
