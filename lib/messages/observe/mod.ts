/**
 * Observers of sessions and calls, for metrics, traces and logs.
 *
 * An {@linkcode Observer} is passed to `serve()`, `createServer()`, `connect()`
 * or `createClient()` with the option `observers`. It learns of sessions,
 * refused clients, attempts to connect, and calls in both directions.
 *
 * @example Log slow and failed calls
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import type { Observer } from "@lengthwise/lengthwise/observe";
 * import { formatAddress } from "@lengthwise/lengthwise/transport";
 *
 * const log: Observer = {
 *   call: ({ side, method, methodOriginal }) => ({
 *     end({ code, ms, incident }) {
 *       if (code === "ok" && ms < 100) return;
 *       console.warn(side, method ?? methodOriginal, code, `${ms} ms`, incident);
 *     },
 *   }),
 *   refused: ({ reason, remoteAddr }) =>
 *     console.warn("refused", reason, formatAddress(remoteAddr)),
 *   connect({ endpoint, outcome, error }) {
 *     if (outcome === "failed") console.warn("cannot connect to", endpoint, error);
 *   },
 *   session: ({ id, remoteAddr }) => ({
 *     ended: ({ code, message }) =>
 *       console.log("session", id, formatAddress(remoteAddr), code, message),
 *   }),
 * };
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }, { observers: [log] })
 *   .handle({ echo: (text) => text });
 * await using session = await connect(Echo, server.addr, { observers: [log] });
 * await session.remote.echo("hello");
 * ```
 *
 * [Observe sessions and
 * calls](/lib/messages/README.md#observe-sessions-and-calls) lists the
 * functions of observers and all figures; [a guide](/lib/guides/observing.md)
 * begins with a log.
 *
 * @module
 */
export type {
  CallFigures,
  CreditFigures,
  HeldFigure,
  HeldKind,
  SessionFigures,
  TrafficStats,
} from "../session/session_figures.ts";
export type { MethodFigures } from "../session/calls/method_counters.ts";
export type { DurationFigures } from "../session/time/duration_histogram.ts";
export type { OverloadCause } from "../errors/overload_cause.ts";
export type { TopicFigures, TopicStats } from "../broadcast/fanout.ts";
export type { FrameRecord } from "../errors/frame_record.ts";
export { formatRecording } from "./recording.ts";
export type { Violation } from "./violation_log.ts";
export type {
  ClientStats,
  MemoryStats,
  ServerStats,
  SessionStats,
} from "./stats.ts";
export type {
  AttemptInfo,
  CallInfo,
  CallObserver,
  CallOutcome,
  ConnectAttempt,
  DropReason,
  Observer,
  RefusalInfo,
  SessionInfo,
  SessionObserver,
  TraceFields,
} from "./observer.ts";
