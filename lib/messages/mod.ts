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
export type { ConnectionInfo } from "./connection/connection_info.ts";
export type { CallContext, RefusalCode } from "./handlers/context.ts";
export * from "./protocol/declarations.ts";
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
export * from "./codec/compliance.ts";
export * from "./codec/errors.ts";
export * from "./codec/json.ts";
export type { CodecLimits } from "./codec/codec_limits.ts";
export * from "./codec/message_codec.ts";
export * from "./codec/msgpack.ts";
export * from "./message_stream.ts";
