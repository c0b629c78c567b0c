/**
 * The metrics of one method: cached attributes, and calls that are open.
 *
 * @module
 */
import type { Attributes, Histogram } from "@opentelemetry/api";
import type {
  AttemptInfo,
  CallInfo,
  CallOutcome,
} from "../messages/observe/observer.ts";
import { ATTRIBUTE, OTHER, SYSTEM } from "./names.ts";
import { serverAttributes } from "./server_attributes.ts";

/** Codes that mean a fault of the callee; the others are those of its callers. */
const CALLEE_FAULTS: ReadonlySet<string> = new Set(
  [
    "internal",
    "deadline",
    "unimplemented",
    "unavailable",
  ] satisfies CallOutcome[
    "code"
  ][],
);

/** The part of an outcome that metrics show. */
type Ended = Pick<CallOutcome, "code" | "cancelledBy">;

const SUCCEEDED: Ended = { code: "ok", cancelledBy: undefined };

/** Returns whether a call was an error at this end. */
export function isError(
  side: CallInfo["side"],
  { code, cancelledBy }: Ended,
): boolean {
  if (code === "ok") return false;
  if (side === "callee") return CALLEE_FAULTS.has(code);
  return !(code === "cancelled" && cancelledBy === "caller");
}

/** The metrics of one call. */
export interface CallMetrics {
  /** Called at the caller before each attempt. */
  attempt?(info: AttemptInfo): void;
  /** Called once when the call has ended. */
  end(outcome: CallOutcome): void;
}

/** The metrics of all calls of a method at a callee. */
class CalleeMetrics implements CallMetrics {
  readonly #method: MethodMetrics;

  /** @param method the metrics of the method */
  constructor(method: MethodMetrics) {
    this.#method = method;
  }

  /** @inheritdoc */
  end(outcome: CallOutcome): void {
    this.#method.open--;
    this.#method.record(outcome, "");
  }
}

/** Calls of one method at one end. */
export class MethodMetrics {
  /** Value of the attribute `rpc.method`. */
  readonly name: string;
  /** Attributes of the sizes of messages. */
  readonly sizes: Readonly<Record<"sent" | "received", Attributes>>;
  /** Number of calls that have begun and not ended. */
  open = 0;
  /** The metrics of each call at a callee: one object, which costs nothing. */
  readonly atCallee: CallMetrics = new CalleeMetrics(this);
  readonly #side: CallInfo["side"];
  readonly #duration: Histogram;
  /** Attributes by endpoint, and by code; those of errors apart. */
  readonly #fine: Map<string, Map<string, Attributes>> = new Map();
  readonly #failed: Map<string, Map<string, Attributes>> = new Map();
  /** Attributes of the last call that succeeded, and its endpoint. */
  #succeeded: Attributes | undefined = undefined;
  #succeededAt = "";

  /**
   * @param info a call of the method
   * @param duration histogram of its calls
   */
  constructor(
    { side, protocol, method }: Pick<CallInfo, "side" | "protocol" | "method">,
    duration: Histogram,
  ) {
    this.name = methodName(protocol, method);
    const sizes = (direction: string) => ({
      [ATTRIBUTE.method]: this.name,
      [ATTRIBUTE.direction]: direction,
    });
    this.sizes = { sent: sizes("sent"), received: sizes("received") };
    this.#side = side;
    this.#duration = duration;
  }

  /** Records the duration of a call. */
  record(outcome: CallOutcome, endpoint: string): void {
    this.#duration.record(
      outcome.ms / 1000,
      outcome.code === "ok"
        ? this.#ok(endpoint)
        : this.#attributes(outcome, endpoint),
    );
  }

  /** Returns the attributes of a call that has succeeded, as most do. */
  #ok(endpoint: string): Attributes {
    if (this.#succeeded === undefined || this.#succeededAt !== endpoint) {
      this.#succeeded = this.#attributes(SUCCEEDED, endpoint);
      this.#succeededAt = endpoint;
    }
    return this.#succeeded;
  }

  #attributes(outcome: Ended, endpoint: string): Attributes {
    const { code } = outcome;
    const failed = isError(this.#side, outcome);
    const endpoints = failed ? this.#failed : this.#fine;
    const known = endpoints.get(endpoint)?.get(code);
    if (known !== undefined) return known;
    const attributes = {
      [ATTRIBUTE.system]: SYSTEM,
      [ATTRIBUTE.method]: this.name,
      ...serverAttributes(endpoint),
      // A call that failed at its caller's side has no status of the callee.
      ...(code === "local" ? {} : { [ATTRIBUTE.status]: code }),
      ...(failed ? { [ATTRIBUTE.error]: code } : {}),
    };
    const codes = endpoints.get(endpoint) ?? new Map<string, Attributes>();
    endpoints.set(endpoint, codes.set(code, attributes));
    return attributes;
  }
}

/**
 * Returns the value of the attribute `rpc.method`.
 *
 * Names that a peer chose would make series without bound.
 */
export function methodName(protocol: string, method?: string): string {
  return method === undefined ? OTHER : `${protocol}/${method}`;
}
