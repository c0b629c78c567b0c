/**
 * Spans and metrics of one call.
 *
 * @module
 */
import {
  type Context,
  context,
  type Histogram,
  type Span,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type {
  AttemptInfo,
  CallInfo,
  CallObserver,
  CallOutcome,
  SessionInfo,
  TraceFields,
} from "../messages/observe/observer.ts";
import type { Instruments } from "./instruments.ts";
import {
  type CallMetrics,
  isError,
  type MethodMetrics,
} from "./method_metrics.ts";
import { ATTRIBUTE } from "./names.ts";
import { serverAttributes } from "./server_attributes.ts";
import { writeTrace } from "./trace_context.ts";

/** The metrics of one call at its caller. */
class CallerMetrics implements CallMetrics {
  readonly #instruments: Instruments;
  readonly #method: MethodMetrics;
  /** Kind of the attempt in progress. */
  #kind: AttemptInfo["kind"] | undefined = undefined;
  #endpoint: string;

  /**
   * @param instruments the instruments for the call, which outlast it
   * @param method the metrics of its method
   * @param endpoint address of its session, if it has one
   */
  constructor(
    instruments: Instruments,
    method: MethodMetrics,
    endpoint: string,
  ) {
    this.#instruments = instruments;
    this.#method = method;
    this.#endpoint = endpoint;
  }

  /** @inheritdoc */
  attempt({ kind, failed, session }: AttemptInfo): void {
    if (this.#kind !== undefined && failed !== undefined) {
      this.#instruments.attempted(this.#kind, failed);
    }
    this.#kind = kind;
    this.#endpoint = session.endpoint;
  }

  /** @inheritdoc */
  end(outcome: CallOutcome): void {
    this.#method.open--;
    this.#method.record(outcome, this.#endpoint);
    if (this.#kind !== undefined) {
      this.#instruments.attempted(this.#kind, outcome.code);
    }
  }
}

/** The metrics of one call, with the sizes of its messages. */
export class SizedCallMetrics implements CallMetrics {
  readonly #call: CallMetrics;
  readonly #method: MethodMetrics;
  readonly #sizes: Histogram;

  /**
   * @param call the other metrics of the call
   * @param method the metrics of its method
   * @param sizes histogram of the sizes of messages
   */
  constructor(call: CallMetrics, method: MethodMetrics, sizes: Histogram) {
    this.#call = call;
    this.#method = method;
    this.#sizes = sizes;
  }

  /** @inheritdoc */
  attempt(info: AttemptInfo): void {
    this.#call.attempt?.(info);
  }

  /** Called for each message. */
  message(direction: "sent" | "received", bytes: number): void {
    this.#sizes.record(bytes, this.#method.sizes[direction]);
  }

  /** @inheritdoc */
  end(outcome: CallOutcome): void {
    this.#call.end(outcome);
  }
}

/**
 * Begins to measure a call.
 *
 * @param instruments the instruments for the call, which outlast it
 * @param info the call
 * @param sized whether the sizes of its messages are recorded
 */
export function callMetrics(
  instruments: Instruments,
  info: CallInfo,
  sized: boolean,
): CallMetrics {
  const method = instruments.method(info);
  method.open++;
  const call = info.side === "callee"
    ? method.atCallee
    : new CallerMetrics(instruments, method, info.session?.endpoint ?? "");
  return sized ? new SizedCallMetrics(call, method, instruments.sizes) : call;
}

/** Writes parts of a context as metadata. */
export type InjectContext = (
  context: Context,
  metadata: Record<string, string>,
) => void;

/** When the span of a call ends. */
export type SpanEnd = "lifetime" | "start";

/** The span of one call, and its metrics. */
export class TracedCall implements CallObserver {
  readonly #metrics: CallMetrics | undefined;
  readonly #info: CallInfo;
  /** The span; `undefined` if the call has none. */
  readonly #span: Span | undefined;
  /** Context in which the handler runs, and whose span calls carry. */
  readonly #context: Context;
  readonly #spanEnd: SpanEnd;
  /** Writes further parts of the context, such as baggage. */
  readonly #inject: InjectContext | undefined;
  /** Whether the span has ended: `isRecording()` is not false then everywhere. */
  #spanEnded: boolean;
  /** Whether the span is known not to be sampled. */
  #sampledOut = false;
  /** The session of the last attempt. */
  #session: SessionInfo | undefined;

  /**
   * @param metrics the metrics of the call, if they are wanted
   * @param info the call
   * @param span its span, if it has one
   * @param own context of the call
   * @param spanEnd when the span ends
   * @param inject writes further parts of the context, if there are any
   */
  constructor(
    metrics: CallMetrics | undefined,
    info: CallInfo,
    span: Span | undefined,
    own: Context,
    spanEnd: SpanEnd,
    inject: InjectContext | undefined,
  ) {
    this.#inject = inject;
    this.#metrics = metrics;
    this.#info = info;
    this.#span = span;
    this.#spanEnded = span === undefined;
    this.#context = own;
    this.#spanEnd = spanEnd;
    this.#session = info.session;
  }

  /** @inheritdoc */
  inject(carrier: TraceFields, metadata: Record<string, string>): void {
    const span = this.#span ?? trace.getSpan(this.#context);
    if (span !== undefined) {
      const own = span.spanContext();
      if (span === this.#span) {
        this.#sampledOut = (own.traceFlags & TraceFlags.SAMPLED) === 0;
      }
      writeTrace(own, carrier);
    }
    if (this.#inject === undefined) return;
    const own = this.#span === undefined
      ? this.#context
      : trace.setSpan(this.#context, this.#span);
    this.#inject(own, metadata);
  }

  /** @inheritdoc */
  attempt(info: AttemptInfo): void {
    this.#metrics?.attempt?.(info);
    const { session } = info;
    if (this.#session === undefined && this.#recording) {
      this.#span?.setAttributes(serverAttributes(session.endpoint));
    }
    this.#session = session;
  }

  /** @inheritdoc */
  run<T>(step: () => T): T {
    return context.with(this.#context, step);
  }

  /** @inheritdoc */
  firstItem(): void {
    if (this.#spanEnd !== "start" || this.#spanEnded) return;
    if (this.#recording) {
      this.#span?.setAttribute(ATTRIBUTE.stream, "start");
      this.#describePeer();
    }
    this.#endSpan(performance.timeOrigin + performance.now());
  }

  /** @inheritdoc */
  end(outcome: CallOutcome): void {
    this.#metrics?.end(outcome);
    if (this.#spanEnded) return;
    if (this.#recording) this.#describe(outcome);
    // The duration of the span equals that of the metric.
    this.#endSpan(this.#info.beganAt + outcome.ms);
  }

  /**
   * Whether attributes of the span are seen.
   *
   * In Deno, `isRecording()` is true also for spans that are not sampled. To ask
   * for their context costs more than attributes, so only a caller knows better.
   */
  get #recording(): boolean {
    return !this.#spanEnded && !this.#sampledOut &&
      this.#span?.isRecording() === true;
  }

  #endSpan(time: number): void {
    this.#spanEnded = true;
    this.#span?.end(time);
  }

  #describe(outcome: CallOutcome): void {
    const span = this.#span;
    if (span === undefined) return;
    const { code, attempts, declaredError, incident } = outcome;
    const failed = isError(this.#info.side, outcome);
    // In Deno, one attribute at a time takes half of the time of setAttributes().
    if (code !== "local") span.setAttribute(ATTRIBUTE.status, code);
    if (failed) span.setAttribute(ATTRIBUTE.error, code);
    span.setAttribute(ATTRIBUTE.processed, outcome.processed);
    if (attempts > 1) span.setAttribute(ATTRIBUTE.attempts, attempts);
    if (declaredError !== "") {
      span.setAttribute(ATTRIBUTE.declaredError, declaredError);
    }
    if (incident !== "") span.setAttribute(ATTRIBUTE.incident, incident);
    span.setAttribute(ATTRIBUTE.bytesSent, outcome.bytesSent);
    span.setAttribute(ATTRIBUTE.bytesReceived, outcome.bytesReceived);
    if (this.#info.shape !== "unary") { // a unary call has no items
      span.setAttribute(ATTRIBUTE.itemsSent, outcome.itemsSent);
      span.setAttribute(ATTRIBUTE.itemsReceived, outcome.itemsReceived);
    }
    this.#describePeer();
    if (!failed) return;
    span.setStatus({
      code: SpanStatusCode.ERROR,
      ...(incident === "" ? {} : { message: `incident ${incident}` }),
    });
  }

  #describePeer(): void {
    const peer = this.#session?.remoteAddr;
    const address = peer?.hostname ?? peer?.path ?? undefined;
    if (address === undefined) return;
    this.#span?.setAttribute(ATTRIBUTE.peerAddress, address);
    const port = peer?.port;
    if (port !== undefined) this.#span?.setAttribute(ATTRIBUTE.peerPort, port);
  }
}

/** The span and metrics of one call, with sizes of messages. */
export class SizedTracedCall extends TracedCall {
  readonly #sizes: SizedCallMetrics;

  /** @inheritdoc */
  constructor(
    metrics: SizedCallMetrics,
    ...rest: SkipFirst<ConstructorParameters<typeof TracedCall>>
  ) {
    super(metrics, ...rest);
    this.#sizes = metrics;
  }

  /** Called for each message. */
  message(direction: "sent" | "received", bytes: number): void {
    this.#sizes.message(direction, bytes);
  }
}

/** A tuple without its first member. */
type SkipFirst<Tuple extends unknown[]> = Tuple extends [unknown, ...infer Rest]
  ? Rest
  : never;
