/**
 * Everything with which protocols are declared, compared and described.
 *
 * @module
 */
export * from "./call_types.ts";
export * from "./declared_errors.ts";
export * from "./handler_types.ts";
export * from "./introspection.ts";
export * from "./method_types.ts";
export * from "./methods.ts";
export * from "./protocol.ts";
export * from "./protocol_types.ts";
export * from "./schema.ts";
export type { JsonSchema } from "./json_schema.ts";
export type { MethodSchemas } from "./method_schemas.ts";
export {
  describeDifferences,
  type DifferenceKind,
  diffMethods,
  type MethodDifference,
  type MethodLists,
} from "./protocol_diff.ts";
export { type MethodSummary, protocolHash } from "./protocol_hash.ts";
export { typed } from "./typed.ts";
