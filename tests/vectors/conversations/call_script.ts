/**
 * Writes a call down, whichever end makes it: what one application does, the
 * frame, and what the other is told.
 *
 * @module
 */
import {
  deadline,
  error,
  type ErrorParts,
  int,
  item,
  metadata,
  named,
  request,
  result,
  type Value,
} from "./bytes.ts";
import {
  ADD,
  ASK,
  CHAT,
  COUNT,
  type Details,
  DICTATE,
  MIRROR,
  other,
  type Script,
  type Side,
  SUM,
  TAIL,
} from "./script.ts";

/** The two ends, to write a conversation down for each of them as the caller. */
export const SIDES: readonly Side[] = ["client", "server"];

/** The shapes of calls. */
export type CallShape = "unary" | "serverStream" | "clientStream" | "duplex";

/** What each end calls. */
const METHODS: Readonly<
  Record<Side, Record<CallShape, readonly [name: string, number: number]>>
> = {
  client: {
    unary: ["add", ADD],
    serverStream: ["count", COUNT],
    clientStream: ["sum", SUM],
    duplex: ["chat", CHAT],
  },
  server: {
    unary: ["ask", ASK],
    serverStream: ["tail", TAIL],
    clientStream: ["dictate", DICTATE],
    duplex: ["mirror", MIRROR],
  },
};

/** What goes beside a message. */
export interface Beside {
  /** The caller's time, ms. */
  readonly timeout?: number;
  /** Metadata. */
  readonly metadata?: Record<string, string>;
}

/** One call. Its verbs write steps, in order. */
export class CallScript {
  /** Id on the wire. */
  readonly id: number;
  /** Name of its method. */
  readonly method: string;
  /** Number of its method. */
  readonly number: number;
  readonly #script: Script;
  readonly #caller: Side;
  readonly #callee: Side;

  /**
   * @param script where it is written down
   * @param caller who makes it
   * @param shape of its method
   * @param before calls that the same end has made before
   */
  constructor(script: Script, caller: Side, shape: CallShape, before = 0) {
    this.#script = script;
    this.#caller = caller;
    this.#callee = other(caller);
    this.id = (caller === "client" ? 1 : 2) + 2 * before;
    [this.method, this.number] = METHODS[caller][shape];
  }

  /** The caller calls; nothing leaves. */
  asks(value?: Value, beside: Beside = {}): this {
    this.#script.do(this.#caller, "call", {
      call: this.id,
      method: this.method,
      ...(value === undefined ? {} : { value }),
      ...beside,
    });
    return this;
  }

  /** REQUEST leaves. */
  leaves(value?: Value, beside: Beside = {}): this {
    this.#script.frame(
      this.#caller,
      `REQUEST ${this.id}: ${this.method}`,
      request(this.id, this.number, value, ...fieldsOf(beside)),
    );
    return this;
  }

  /** The callee's handler is entered. */
  arrives(value?: Value, beside: Beside = {}): this {
    this.#script.sees(this.#callee, "request", {
      call: this.id,
      method: this.method,
      ...(value === undefined ? {} : { value }),
      ...beside,
    });
    return this;
  }

  /** All three. */
  opens(value?: Value, beside: Beside = {}): this {
    return this.asks(value, beside).leaves(value, beside)
      .arrives(value, beside);
  }

  /** The caller sends an item, for which the callee waits. */
  uploads(...values: Value[]): this {
    return this.#items(this.#caller, this.#callee, values);
  }

  /** The callee sends an item, for which the caller waits. */
  downloads(...values: Value[]): this {
    return this.#items(this.#callee, this.#caller, values);
  }

  #items(from: Side, to: Side, values: Value[]): this {
    for (const value of values) {
      this.#script
        .do(to, "read", { call: this.id })
        .do(from, "send", { call: this.id, value })
        .frame(from, `ITEM ${this.id}`, item(this.id, value))
        .sees(to, "item", { call: this.id, value });
    }
    return this;
  }

  /** The caller has no more items. */
  ends(): this {
    this.#script
      .do(this.#caller, "end", { call: this.id })
      .frame(this.#caller, `END ${this.id}`, named("END", this.id))
      .sees(this.#callee, "itemsEnded", { call: this.id });
    return this;
  }

  /** The callee answers. */
  responds(value?: Value, beside: Beside = {}): this {
    const details = {
      call: this.id,
      ...(value === undefined ? {} : { value }),
      ...beside,
    };
    this.#script
      .do(this.#callee, "respond", details)
      .frame(
        this.#callee,
        `RESULT ${this.id}`,
        result(this.id, value, ...fieldsOf(beside)),
      )
      .sees(this.#caller, "result", details);
    return this;
  }

  /** The caller has the result. */
  answered(value: Value): this {
    this.#script.sees(this.#caller, "result", { call: this.id, value });
    return this;
  }

  /** The callee fails. */
  fails(parts: ErrorParts): this {
    const details = {
      call: this.id,
      ...parts,
      ...(parts.data === undefined ? {} : { data: parts.data.json }),
    };
    this.#script
      .do(this.#callee, "fail", details)
      .frame(this.#callee, `ERROR ${this.id}`, error(this.id, parts))
      .sees(this.#caller, "failed", { retry: "never", ...details });
    return this;
  }

  /** The callee settles a call for which nobody waits any more. */
  settles(parts: ErrorParts): this {
    this.#script
      .do(this.#callee, "fail", { call: this.id, ...parts })
      .frame(this.#callee, `ERROR ${this.id}`, error(this.id, parts));
    return this;
  }

  /** The caller cancels, and both hear of it. */
  cancelled(): this {
    this.#script.cancelled(this.id);
    return this;
  }

  /** What the caller is told of a failure. */
  failed(details: Details): this {
    this.#script.sees(this.#caller, "failed", { call: this.id, ...details });
    return this;
  }

  /** What the callee is told of a cancel. */
  stopped(reason: string): this {
    this.#script.sees(this.#callee, "cancelled", { call: this.id, reason });
    return this;
  }
}

function fieldsOf({ timeout, metadata: pairs }: Beside): string[] {
  return [
    ...(timeout === undefined ? [] : [deadline(timeout)]),
    ...(pairs === undefined ? [] : [metadata(pairs)]),
  ];
}

/** The client's calls take all places of the server's; the next one has to wait. */
export function fillPlaces(
  script: Script,
  places: number,
): { calls: CallScript[]; waits: CallScript } {
  const unary = (before: number) =>
    new CallScript(script, "client", "unary", before);
  const calls = Array.from(
    { length: places },
    (_, index) => unary(index).opens(int(1)),
  );
  return { calls, waits: unary(places) };
}
