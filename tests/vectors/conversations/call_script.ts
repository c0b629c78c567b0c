/**
 * Builds the steps of a call of either end: the action of one application, the
 * frame, and the event for the other application.
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

/** The two ends, for conversations with either as the caller. */
export const SIDES: readonly Side[] = ["client", "server"];

/** The shapes of calls. */
export type CallShape = "unary" | "serverStream" | "clientStream" | "duplex";

/** A method of each shape for each caller. */
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

/** Deadline and metadata of a message. */
export interface MessageOptions {
  /** Time of the caller, in ms. */
  readonly timeout?: number;
  /** Metadata. */
  readonly metadata?: Record<string, string>;
}

/** One call; its methods add steps in order. */
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
   * @param script the conversation to add steps to
   * @param caller the end that makes the call
   * @param shape shape of the method
   * @param before number of earlier calls by the same end
   */
  constructor(script: Script, caller: Side, shape: CallShape, before = 0) {
    this.#script = script;
    this.#caller = caller;
    this.#callee = other(caller);
    this.id = (caller === "client" ? 1 : 2) + 2 * before;
    [this.method, this.number] = METHODS[caller][shape];
  }

  /** The application makes the call; nothing is sent. */
  asks(value?: Value, options: MessageOptions = {}): this {
    this.#script.do(this.#caller, "call", {
      call: this.id,
      method: this.method,
      ...(value === undefined ? {} : { value }),
      ...options,
    });
    return this;
  }

  /** REQUEST is sent. */
  leaves(value?: Value, options: MessageOptions = {}): this {
    this.#script.frame(
      this.#caller,
      `REQUEST ${this.id}: ${this.method}`,
      request(this.id, this.number, value, ...fieldsOf(options)),
    );
    return this;
  }

  /** The callee's handler is entered. */
  arrives(value?: Value, options: MessageOptions = {}): this {
    this.#script.sees(this.#callee, "request", {
      call: this.id,
      method: this.method,
      ...(value === undefined ? {} : { value }),
      ...options,
    });
    return this;
  }

  /** Adds all three steps. */
  opens(value?: Value, options: MessageOptions = {}): this {
    return this.asks(value, options).leaves(value, options)
      .arrives(value, options);
  }

  /** The caller sends items that the callee waits for. */
  uploads(...values: Value[]): this {
    return this.#items(this.#caller, this.#callee, values);
  }

  /** The callee sends items that the caller waits for. */
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

  /** The caller ends its items. */
  ends(): this {
    this.#script
      .do(this.#caller, "end", { call: this.id })
      .frame(this.#caller, `END ${this.id}`, named("END", this.id))
      .sees(this.#callee, "itemsEnded", { call: this.id });
    return this;
  }

  /** The callee responds with a result. */
  responds(value?: Value, options: MessageOptions = {}): this {
    const details = {
      call: this.id,
      ...(value === undefined ? {} : { value }),
      ...options,
    };
    this.#script
      .do(this.#callee, "respond", details)
      .frame(
        this.#callee,
        `RESULT ${this.id}`,
        result(this.id, value, ...fieldsOf(options)),
      )
      .sees(this.#caller, "result", details);
    return this;
  }

  /** The caller receives the result. */
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

  /** The callee's session fails the call, without its handler. */
  failedByCallee(parts: ErrorParts): this {
    this.#script.frame(
      this.#callee,
      `ERROR ${this.id}`,
      error(this.id, parts),
    );
    return this.failed({ retry: "never", ...parts });
  }

  /** The callee settles a call that its caller no longer waits for. */
  settles(parts: ErrorParts): this {
    this.#script
      .do(this.#callee, "fail", { call: this.id, ...parts })
      .frame(this.#callee, `ERROR ${this.id}`, error(this.id, parts));
    return this;
  }

  /** The caller cancels, and both applications are notified. */
  cancelled(): this {
    this.#script.cancelled(this.id);
    return this;
  }

  /** The caller receives a failure. */
  failed(details: Details): this {
    this.#script.sees(this.#caller, "failed", { call: this.id, ...details });
    return this;
  }

  /** The callee's handler is cancelled. */
  stopped(reason: string): this {
    this.#script.sees(this.#callee, "cancelled", { call: this.id, reason });
    return this;
  }
}

function fieldsOf({ timeout, metadata: pairs }: MessageOptions): string[] {
  return [
    ...(timeout === undefined ? [] : [deadline(timeout)]),
    ...(pairs === undefined ? [] : [metadata(pairs)]),
  ];
}

/** Fills all places with calls of one end; the next call waits. */
export function fillPlaces(
  script: Script,
  places: number,
  caller: Side = "client",
): { calls: CallScript[]; waits: CallScript } {
  const unary = (before: number) =>
    new CallScript(script, caller, "unary", before);
  const calls = Array.from(
    { length: places },
    (_, index) => unary(index).opens(int(1)),
  );
  return { calls, waits: unary(places) };
}
