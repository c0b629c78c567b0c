/**
 * The messages layer: frames become typed messages, calls and streams. It does
 * not know which transport carries them.
 *
 * @module
 */
export type {
  Publish,
  Publishers,
  PublishOptions,
  SlowOptions,
  SlowPolicy,
  TopicStats,
} from "./broadcast/fanout.ts";
export * from "./client/connect.ts";
export type { ConnectionInfo } from "./handlers/context.ts";
export type { CallContext, RefusalCode } from "./handlers/context.ts";
export * from "./protocol/client_types.ts";
export * from "./protocol/declared_errors.ts";
export * from "./protocol/handler_types.ts";
export * from "./protocol/method.ts";
export * from "./protocol/method_builders.ts";
export * from "./protocol/protocol.ts";
export * from "./protocol/protocol_types.ts";
export type { MethodSchemas } from "./protocol/method_schemas.ts";
export { type MethodSummary, protocolHash } from "./protocol/protocol_hash.ts";
export * from "./schema/standard_schema.ts";
export type { JsonSchema } from "./schema/json_schema.ts";
export { typed } from "./schema/typed.ts";
export * from "./introspection/describe_protocol.ts";
export {
  describeDifferences,
  type DifferenceKind,
  diffMethods,
  type MethodDifference,
  type MethodLists,
} from "./introspection/protocol_diff.ts";
export * from "./session/wire/shape.ts";
export type { ErrorExposure } from "./errors/incident_report.ts";
export {
  CallError,
  type CallErrorCode,
  type CallErrorOptions,
  type Processed,
  type Retry,
  SessionError,
  type SessionErrorCode,
} from "./errors/call_error.ts";
export * from "./calls/interceptor.ts";
export * from "./introspection/introspection_service.ts";
export {
  chain,
  type Middleware,
  type MiddlewareContext,
} from "./handlers/middleware.ts";
export * from "./server/server.ts";
export type {
  ClientInfo,
  ServeOptions,
  Server,
  ServerContext,
  ServerOptions,
  ServerSession,
  Topic,
} from "./server/server_types.ts";
export type { Incident, SessionOptions } from "./connection/session_options.ts";
export type { Metadata } from "./session/wire/fields.ts";
export { DEFAULT_LIMITS, type SessionLimits } from "./session/wire/limits.ts";
export type { SessionStats } from "./session/flow/shared_state.ts";
export * from "./codec/bytes.ts";
export * from "../testing/check_codec.ts";
export * from "./codec/errors.ts";
export * from "./codec/json.ts";
export type { CodecLimits } from "./codec/codec_limits.ts";
export * from "./codec/message_codec.ts";
export * from "./codec/msgpack.ts";
export * from "./message_stream.ts";
