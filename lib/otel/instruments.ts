/**
 * The instruments for one provider of meters.
 *
 * @module
 */
import type {
  Attributes,
  Counter,
  Histogram,
  Meter,
  MeterProvider,
  ObservableResult,
  UpDownCounter,
} from "@opentelemetry/api";
import type {
  AttemptInfo,
  CallInfo,
  CallOutcome,
  SessionInfo,
} from "../messages/observe/observer.ts";
import {
  ATTRIBUTE,
  DURATION_BOUNDS,
  METRIC,
  ROUND_TRIP_BOUNDS,
  SCOPE,
  SIZE_BOUNDS,
  VERSION,
} from "./names.ts";
import { MethodMetrics } from "./method_metrics.ts";

/** Number of attempts with one kind and code. */
interface AttemptCount {
  readonly attributes: Attributes;
  count: number;
}

/** Methods of one protocol; `undefined` stands for those it does not declare. */
type Methods = Map<string | undefined, MethodMetrics>;

/** Methods of each protocol at one end of calls. */
class Protocols {
  readonly #protocols: Map<string, Methods> = new Map();
  readonly #side: CallInfo["side"];
  readonly #duration: Histogram;
  /** The protocol of the last call; a process has few. */
  #last = "";
  #methods: Methods = new Map();

  /**
   * @param side the end of the calls
   * @param duration histogram of the calls
   */
  constructor(side: CallInfo["side"], duration: Histogram) {
    this.#side = side;
    this.#duration = duration;
    this.#protocols.set(this.#last, this.#methods);
  }

  /** Returns the metrics of a method. */
  method(protocol: string, method: string | undefined): MethodMetrics {
    if (protocol !== this.#last) this.#select(protocol);
    return this.#methods.get(method) ?? this.#add(protocol, method);
  }

  #select(protocol: string): void {
    this.#last = protocol;
    const methods = this.#protocols.get(protocol);
    this.#methods = methods ?? new Map();
    if (methods === undefined) this.#protocols.set(protocol, this.#methods);
  }

  #add(protocol: string, method: string | undefined): MethodMetrics {
    const info = { side: this.#side, protocol, method };
    const metrics = new MethodMetrics(info, this.#duration);
    this.#methods.set(method, metrics);
    return metrics;
  }

  /** All methods. */
  *[Symbol.iterator](): Generator<MethodMetrics, void> {
    for (const methods of this.#protocols.values()) yield* methods.values();
  }
}

/** Attempts of one kind, by their codes. */
type Codes = Map<string, AttemptCount>;

/**
 * The instruments for one provider, shared by all observers that use it.
 *
 * Calls and attempts are counted here, and the provider reads the numbers when it
 * collects. To call the provider three times for a call would cost three times as
 * much.
 */
export class Instruments {
  /** Open sessions of servers. */
  readonly sessions: UpDownCounter;
  /** Sessions that have ended. */
  readonly ended: Counter;
  /** Clients that a server refused. */
  readonly refused: Counter;
  /** Attempts of clients to connect. */
  readonly connects: Counter;
  /** Messages that were dropped. */
  readonly dropped: Counter;
  readonly #meter: Meter;
  #roundTrips: Histogram | undefined = undefined;
  #sizes: Histogram | undefined = undefined;
  /** Open sessions of servers; `undefined` if their memory is not reported. */
  #sessions: Set<SessionInfo> | undefined = undefined;
  readonly #callers: Protocols;
  readonly #callees: Protocols;
  readonly #attempts: Readonly<Record<AttemptInfo["kind"], Codes>> = {
    first: new Map(),
    retry: new Map(),
    transparent: new Map(),
  };

  /** @param meter creates the instruments */
  constructor(meter: Meter) {
    this.#meter = meter;
    const duration = (name: string, description: string) =>
      meter.createHistogram(name, {
        description,
        unit: "s",
        advice: { explicitBucketBoundaries: [...DURATION_BOUNDS] },
      });
    this.#callers = new Protocols(
      "caller",
      duration(METRIC.clientDuration, "Duration of outgoing calls"),
    );
    this.#callees = new Protocols(
      "callee",
      duration(METRIC.serverDuration, "Duration of incoming calls"),
    );
    this.sessions = meter.createUpDownCounter(METRIC.sessions, {
      description: "Open sessions of servers",
      unit: "{session}",
    });
    this.ended = meter.createCounter(METRIC.ended, {
      description: "Sessions that have ended",
      unit: "{session}",
    });
    this.refused = meter.createCounter(METRIC.refused, {
      description: "Clients that servers have refused",
      unit: "{session}",
    });
    this.connects = meter.createCounter(METRIC.connects, {
      description: "Attempts of clients to connect",
      unit: "{attempt}",
    });
    this.dropped = meter.createCounter(METRIC.dropped, {
      description: "Messages that were dropped",
      unit: "{message}",
    });
    meter.createObservableUpDownCounter(METRIC.calls, {
      description: "Incoming calls that have not ended",
      unit: "{call}",
    }).addCallback((result) => this.#observeCalls(result));
    meter.createObservableCounter(METRIC.attempts, {
      description: "Attempts of outgoing calls",
      unit: "{attempt}",
    }).addCallback((result) => this.#observeAttempts(result));
  }

  /** Round trips of sessions. */
  get roundTrips(): Histogram {
    return this.#roundTrips ??= this.#meter.createHistogram(METRIC.roundTrip, {
      description: "Round-trip times of sessions",
      unit: "s",
      advice: { explicitBucketBoundaries: [...ROUND_TRIP_BOUNDS] },
    });
  }

  /** Sizes of messages. */
  get sizes(): Histogram {
    return this.#sizes ??= this.#meter.createHistogram(METRIC.messageSize, {
      description: "Encoded sizes of messages",
      unit: "By",
      advice: { explicitBucketBoundaries: [...SIZE_BOUNDS] },
    });
  }

  /** Open sessions of servers whose memory is reported. */
  get sessionsInMemory(): Set<SessionInfo> {
    return this.#sessions ??= this.#observeMemory();
  }

  #observeMemory(): Set<SessionInfo> {
    const sessions = new Set<SessionInfo>();
    this.#meter.createObservableUpDownCounter(METRIC.memory, {
      description: "Heap bytes that the sessions of servers hold",
      unit: "By",
    }).addCallback((result) => {
      let sum = 0;
      for (const { stats } of sessions) sum += stats.heldBytes;
      result.observe(sum);
    });
    return sessions;
  }

  /** Returns the metrics of the method of a call. */
  method({ side, protocol, method }: CallInfo): MethodMetrics {
    const protocols = side === "caller" ? this.#callers : this.#callees;
    return protocols.method(protocol, method);
  }

  /** Counts an attempt that has ended. */
  attempted(kind: AttemptInfo["kind"], code: CallOutcome["code"]): void {
    const known = this.#attempts[kind].get(code);
    if (known !== undefined) known.count++;
    else this.#newAttempt(kind, code);
  }

  #newAttempt(kind: AttemptInfo["kind"], code: CallOutcome["code"]): void {
    const attributes = {
      [ATTRIBUTE.kind]: kind,
      ...(code === "local" ? {} : { [ATTRIBUTE.status]: code }),
    };
    this.#attempts[kind].set(code, { attributes, count: 1 });
  }

  #observeCalls(result: ObservableResult): void {
    for (const { name, open } of this.#callees) {
      result.observe(open, { [ATTRIBUTE.method]: name });
    }
  }

  #observeAttempts(result: ObservableResult): void {
    for (const codes of Object.values(this.#attempts)) {
      for (const { count, attributes } of codes.values()) {
        result.observe(count, attributes);
      }
    }
  }
}

/**
 * The instruments of each provider. Observers share them: an observer for each
 * connection must not register callbacks without bound.
 */
const INSTRUMENTS: WeakMap<MeterProvider, Instruments> = new WeakMap();

/** Returns the instruments of a provider. */
export function instrumentsOf(provider: MeterProvider): Instruments {
  let instruments = INSTRUMENTS.get(provider);
  if (instruments === undefined) {
    instruments = new Instruments(provider.getMeter(SCOPE, VERSION));
    INSTRUMENTS.set(provider, instruments);
  }
  return instruments;
}
