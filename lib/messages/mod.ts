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
} from "./broadcast.ts";
export * from "./client.ts";
export type { ConnectionInfo } from "./connection_info.ts";
export type { CallContext, RefusalCode } from "./context.ts";
export * from "./declarations.ts";
export type { ErrorExposure } from "./error_report.ts";
export {
  CallError,
  type CallErrorCode,
  type CallErrorOptions,
  type Processed,
  type Retry,
  SessionError,
  type SessionErrorCode,
} from "./errors.ts";
export * from "./interceptor.ts";
export * from "./introspection_protocol.ts";
export {
  chain,
  type Middleware,
  type MiddlewareContext,
} from "./middleware.ts";
export * from "./server.ts";
export type {
  ClientInfo,
  ServeOptions,
  Server,
  ServerContext,
  ServerOptions,
  ServerSession,
  Topic,
} from "./server_types.ts";
export type { Incident, SessionOptions } from "./session_options.ts";
export type { Metadata } from "./session/fields.ts";
export { DEFAULT_LIMITS, type SessionLimits } from "./session/limits.ts";
export type { SessionStats } from "./session/link.ts";
export * from "./codec/bytes.ts";
export * from "./codec/compliance.ts";
export * from "./codec/errors.ts";
export * from "./codec/json.ts";
export type { CodecLimits } from "./codec/limits.ts";
export * from "./codec/message_codec.ts";
export * from "./codec/msgpack.ts";
export * from "./messages.ts";
