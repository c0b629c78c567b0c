/**
 * The metrics of one method: cached attributes, and calls that are open.
 *
 * @module
 */
import type { Attributes, Histogram } from "@opentelemetry/api";
import type { CallInfo, CallOutcome } from "../messages/observe/observer.ts";
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

/** Returns whether a call was an error at this end. */
export function isError(
  side: CallInfo["side"],
  { code, cancelledBy }: CallOutcome,
): boolean {
  if (side === "callee") return CALLEE_FAULTS.has(code);
  return code !== "ok" && !(code === "cancelled" && cancelledBy === "caller");
}

/** Returns the attributes of an outcome. */
export function outcomeAttributes(
  code: CallOutcome["code"],
  failed: boolean,
): Attributes {
  return {
    // A call that failed at its caller's side has no status of the callee.
    ...(code === "local" ? {} : { [ATTRIBUTE.status]: code }),
    ...(failed ? { [ATTRIBUTE.error]: code } : {}),
  };
}

/** Calls of one method at one end. */
export class MethodMetrics {
  /** Value of the attribute `rpc.method`. */
  readonly name: string;
  /** Attributes of the sizes of messages. */
  readonly sizes: Readonly<Record<"sent" | "received", Attributes>>;
  /** Number of calls that have begun and not ended. */
  open = 0;
  readonly #side: CallInfo["side"];
  readonly #duration: Histogram;
  /** Attributes by endpoint, and by code; those of errors apart. */
  readonly #fine: Map<string, Map<string, Attributes>> = new Map();
  readonly #failed: Map<string, Map<string, Attributes>> = new Map();

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
    const failed = isError(this.#side, outcome);
    const { code, ms } = outcome;
    const attributes = (failed ? this.#failed : this.#fine).get(endpoint)
      ?.get(code);
    this.#duration.record(
      ms / 1000,
      attributes ?? this.#attributes(code, failed, endpoint),
    );
  }

  #attributes(
    code: CallOutcome["code"],
    failed: boolean,
    endpoint: string,
  ): Attributes {
    const attributes = {
      [ATTRIBUTE.system]: SYSTEM,
      [ATTRIBUTE.method]: this.name,
      ...serverAttributes(endpoint),
      ...outcomeAttributes(code, failed),
    };
    const endpoints = failed ? this.#failed : this.#fine;
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
