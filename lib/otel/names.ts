/**
 * Names of attributes and metrics, all in one place.
 *
 * The names that begin with `rpc`, `error`, `server` and `network` are those of
 * the OpenTelemetry semantic conventions for RPC after version 1.44.
 *
 * @module
 */

import { AGENT } from "../messages/session/wire/agent.ts";

/** Version of this library. */
export const VERSION: string = AGENT.slice(AGENT.indexOf("/") + 1);
/** Name of the instrumentation scope. */
export const SCOPE = "@lengthwise/lengthwise";
/** Value of {@linkcode ATTRIBUTE.system}. */
export const SYSTEM = "lengthwise";
/** Value of {@linkcode ATTRIBUTE.method} for methods that are not declared. */
export const OTHER = "_OTHER";

/** Names of attributes of spans and metrics. */
export const ATTRIBUTE = {
  system: "rpc.system.name",
  method: "rpc.method",
  methodOriginal: "rpc.method_original",
  status: "rpc.status_code",
  error: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  peerAddress: "network.peer.address",
  peerPort: "network.peer.port",
  shape: "lengthwise.shape",
  processed: "lengthwise.processed",
  attempts: "lengthwise.attempts",
  declaredError: "lengthwise.declared_error",
  incident: "lengthwise.incident",
  stream: "lengthwise.stream",
  itemsSent: "lengthwise.items.sent",
  itemsReceived: "lengthwise.items.received",
  bytesSent: "lengthwise.bytes.sent",
  bytesReceived: "lengthwise.bytes.received",
  role: "role",
  reason: "reason",
  kind: "kind",
  outcome: "outcome",
  direction: "direction",
} as const; // literal types

/** Names of metrics. */
export const METRIC = {
  clientDuration: "rpc.client.call.duration",
  serverDuration: "rpc.server.call.duration",
  sessions: "lengthwise.server.sessions",
  calls: "lengthwise.server.calls",
  ended: "lengthwise.sessions.ended",
  refused: "lengthwise.sessions.refused",
  attempts: "lengthwise.client.attempts",
  connects: "lengthwise.client.connects",
  dropped: "lengthwise.messages.dropped",
  roundTrip: "lengthwise.session.rtt",
  messageSize: "lengthwise.message.size",
  memory: "lengthwise.server.memory",
} as const; // literal types

/** Metrics that are off by default. */
export const EXTRA_METRICS = [
  METRIC.roundTrip,
  METRIC.messageSize,
  METRIC.memory,
] as const; // literal types

/** Prefix of the attributes for metadata. */
export const METADATA = "rpc.request.metadata.";

/** Bounds in seconds of the histogram of round trips: those of gRPC. */
export const ROUND_TRIP_BOUNDS: readonly number[] = [
  ...[0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003],
  ...[0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04],
  ...[0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8],
  ...[1, 2, 5, 10, 20, 50, 100],
];

/** Bounds in bytes of the histogram of sizes: those of gRPC. */
export const SIZE_BOUNDS: readonly number[] = [
  ...[0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216],
  ...[67108864, 268435456, 1073741824, 4294967296],
];

/** Bounds in seconds of the histograms of durations. */
export const DURATION_BOUNDS: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
];
