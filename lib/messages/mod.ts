/**
 * Typed messages, calls and streams over any connection.
 *
 * These are the names that most programs need. Introspection, test utilities
 * and types that appear only in signatures have their own entry points.
 *
 * @module
 */
export { mergeProtocols, protocol } from "./protocol/protocol.ts";
export {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "./protocol/method_builders.ts";
export { typed } from "./schema/typed.ts";
export type { Handlers, Protocol, Remote } from "./protocol/protocol_types.ts";
export type {
  ClientStream,
  Duplex,
  MethodOptions,
  Notification,
  ServerStream,
  Unary,
} from "./protocol/method.ts";
export type { Input, Item, Output } from "./protocol/method_values.ts";
export type { Handler, MethodContext } from "./protocol/handler_types.ts";

export { createServer, serve } from "./server/server.ts";
export type {
  ClientInfo,
  ServeOptions,
  Server,
  ServerContext,
  ServerOptions,
  ServerSession,
  Topic,
} from "./server/server_types.ts";
export { type Source, source } from "./sources/source.ts";
export type { CallContext } from "./handlers/context.ts";
export { use } from "./handlers/use.ts";
export { memoryOnceStore } from "./once/memory_once_store.ts";
export { limit } from "./handlers/limit.ts";
export {
  chain,
  type Middleware,
  type MiddlewareContext,
} from "./handlers/middleware.ts";
export type { Incident, SessionOptions } from "./connection/session_options.ts";

export {
  type ClientOptions,
  connect,
  type ConnectOptions,
} from "./client/connect.ts";
export type { ClientContext, ClientSession } from "./client/client_session.ts";
export { type Client, createClient } from "./client/create_client.ts";
export type {
  CallOptions,
  ItemStream,
  Upload,
} from "./protocol/client_types.ts";
export type { CallResponse, Interceptor } from "./calls/interceptor.ts";

export {
  CallError,
  type CallErrorCode,
  SessionError,
  type SessionErrorCode,
} from "./errors/call_error.ts";
export { isDeclared } from "./protocol/declared_errors.ts";
export { SchemaError } from "./schema/standard_schema.ts";
export { CodecError } from "./codec/errors.ts";

export { messages, type MessageStream } from "./message_stream.ts";
export type { Metadata } from "./session/wire/fields.ts";
export { DEFAULT_LIMITS, type SessionLimits } from "./session/wire/limits.ts";
export { msgpack } from "./codec/msgpack.ts";
export { json } from "./codec/json.ts";
export { bytes } from "./codec/bytes.ts";
export type { MessageCodec } from "./codec/message_codec.ts";
