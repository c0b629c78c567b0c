/**
 * Types that public signatures mention and programs rarely name.
 *
 * Import one to annotate a type that TypeScript usually infers, such as the
 * parameter of a helper that takes any protocol. The names that applications
 * usually write are in the other entry points.
 *
 * @example A helper that takes any protocol
 * ```ts
 * import { protocol, unary } from "@lengthwise/lengthwise";
 * import type { AnyProtocol } from "@lengthwise/lengthwise/types";
 * import { assertEquals } from "@std/assert";
 *
 * function nameOf(protocol: AnyProtocol): string {
 *   return protocol.name;
 * }
 *
 * const Shop = protocol({ name: "shop", server: { ping: unary<void, void>() } });
 * assertEquals(nameOf(Shop), "shop");
 * ```
 *
 * @module
 */
export type { ChunkedOptions } from "./framing/layouts/chunked.ts";
export type { CobsOptions } from "./framing/layouts/cobs.ts";
export type { ContentLengthOptions } from "./framing/layouts/content_length.ts";
export type {
  DelimitedOptions,
  Delimiter,
} from "./framing/layouts/delimited.ts";
export type { InPlaceFraming } from "./framing/framing.ts";
export type { LengthRule } from "./framing/layouts/length_config.ts";
export type { LinesOptions } from "./framing/layouts/lines.ts";
export type { NetstringOptions } from "./framing/layouts/netstring.ts";
export type { Prefix, PrefixLengths } from "./framing/layouts/prefix.ts";
export type { PrefixedOptions } from "./framing/layouts/prefixed.ts";
export type { SlipOptions } from "./framing/layouts/slip.ts";
export type {
  FullPartOptions,
  SplitRule,
} from "./framing/layouts/split_rules.ts";
export type { VarintPrefixedOptions } from "./framing/layouts/varint_prefixed.ts";
export type { PresetOptions } from "./framing/length_presets.ts";
export type { DetachedConnection } from "./framing/stream/pump.ts";
export type { FrameRoom } from "./framing/stream/write_buffer.ts";
export type {
  Publish,
  Publishers,
  PublishOptions,
  SlowOptions,
} from "./messages/broadcast/fanout.ts";
export type { OutgoingRequest } from "./messages/calls/interceptor.ts";
export type { ClientEvent } from "./messages/client/client_events.ts";
export type { ClientStatus } from "./messages/client/client_status.ts";
export type {
  ClientBaseOptions,
  CreateClientOptions,
} from "./messages/client/create_client_options.ts";
export type { Connector } from "./messages/client/connector.ts";
export type { BytesOptions } from "./messages/codec/bytes.ts";
export type { CodecLimits } from "./messages/codec/codec_limits.ts";
export type { DecodeBudget } from "./messages/codec/message_codec.ts";
export type { MsgpackOptions } from "./messages/codec/msgpack.ts";
export type {
  CallErrorOptions,
  Processed,
  Retry,
  SessionErrorOptions,
} from "./messages/errors/call_error.ts";
export type {
  RefusalCode,
  RefusalOptions,
} from "./messages/handlers/context.ts";
export type { MiddlewareResult } from "./messages/handlers/middleware.ts";
export type { MemoryOnceStoreOptions } from "./messages/once/memory_once_store.ts";
export type {
  OnceCall,
  OnceReservation,
  OnceStore,
} from "./messages/once/once_store.ts";
export type { MethodSummary } from "./messages/introspection/protocol_diff.ts";
export type {
  CallFunction,
  CallFunctions,
  ClientStreamCall,
  ClientStreamCallWithOpening,
  Conversation,
  DuplexCall,
  DuplexCallWithOpening,
  Items,
  ItemSender,
  OpeningOptions,
  OptionalOpening,
  RemoteMethods,
  ServerStreamCall,
  ServerStreamCallWithoutInput,
  StreamCall,
  StreamOptions,
  UnaryCall,
  UnaryCallWithoutInput,
} from "./messages/protocol/client_types.ts";
export type {
  AnyDeclaredError,
  ErrorsOf,
} from "./messages/protocol/declared_errors.ts";
export type {
  DeclaredCallError,
  ErrorData,
  HandlerShapes,
  ItemsHandler,
  MethodHandlers,
  OutputHandler,
} from "./messages/protocol/handler_types.ts";
export type {
  CallerInput,
  CallerOutput,
  ErrorSchemas,
  Method,
  MethodDeclaration,
  MethodTypes,
  NoErrors,
} from "./messages/protocol/method.ts";
export type {
  CallSchemas,
  ErrorsIn,
  ErrorsOut,
  NotificationSchemas,
  SchemaMethod,
  StreamSchemas,
  TypedMethodOptions,
  VoidSchema,
} from "./messages/protocol/method_builders.ts";
export type { MethodSchemas } from "./messages/protocol/method_schemas.ts";
export type { ProtocolOptions } from "./messages/protocol/protocol.ts";
export type {
  AnyProtocol,
  BoundMethod,
  Intersection,
  MergedSides,
  MethodsOf,
  MethodTree,
  Side,
  Sides,
  SidesOf,
} from "./messages/protocol/protocol_types.ts";
export type { JsonSchema } from "./messages/schema/json_schema.ts";
export type {
  InferInput,
  InferOutput,
  LibraryIssue,
  SchemaFailure,
  SchemaIssue,
  SchemaResult,
  SchemaSuccess,
  SchemaTypes,
  SchemaTypesOf,
  StandardSchema,
  StandardSchemaProps,
} from "./messages/schema/standard_schema.ts";
export type { MethodMismatch } from "./messages/session/control/method_matching.ts";
export type { DrainOptions } from "./messages/session/control/drain.ts";
export type { ServerSetup } from "./messages/server/server_types.ts";
export type { Gap, Position } from "./messages/session/wire/positions.ts";
export type {
  HistoryOptions,
  SourceItemsOptions,
  SourceOptions,
} from "./messages/sources/source.ts";
export type { MismatchReason } from "./messages/session/wire/method_compatibility.ts";
export type { Shape } from "./messages/session/wire/shape.ts";
export type { CodecCheckOptions } from "./testing/check_codec.ts";
export type { FramingCheckOptions } from "./testing/check_framing.ts";
export type { BusCheckOptions } from "./testing/check_bus.ts";
export type {
  ConnectionPair,
  TransportCheckOptions,
} from "./testing/check_transport.ts";
export type { SimulatedDirection } from "./testing/simulated_link.ts";
export type {
  Reachability,
  SimulatedNetworkOptions,
} from "./testing/simulated_network.ts";
export type { VirtualTimeOptions } from "./testing/virtual_time.ts";
export type { MemoryConnectOptions } from "./transport/memory/memory_listener.ts";
export type { MemoryRange } from "./transport/memory/memory_pair.ts";
export type { ConnectionInfo } from "./transport/connection_info.ts";
export type { ListenerOptions } from "./transport/socket_listener.ts";
export type {
  TcpConnectOptions,
  TcpListenOptions,
  TcpSocketOptions,
} from "./transport/tcp.ts";
export type {
  CertificateName,
  SubjectAltName,
} from "./transport/peer_certificate.ts";
export type { UnixListenOptions } from "./transport/unix.ts";
export type { TransferOptions } from "./transport/io.ts";
export type { WebSocketOptions } from "./transport/websocket/websocket_connection.ts";
export type { TransportErrorOptions } from "./transport/errors.ts";
export type { FrameErrorOptions } from "./framing/errors.ts";
export type {
  CodecErrorCode,
  CodecErrorOptions,
} from "./messages/codec/errors.ts";
export type { BrowserClientBaseOptions } from "./browser/create_client.ts";
export type { MessagesOptions } from "./messages/message_stream.ts";
