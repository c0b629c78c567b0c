/**
 * What travels in a call, at the callee's end, which applies every schema: what
 * is wrong with a value that came is the caller's fault, what is wrong with one
 * that is to leave is the handler's.
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import { CallError } from "../errors/call_error.ts";
import {
  SchemaError,
  type StandardSchema,
  validate,
} from "../schema/standard_schema.ts";

/** The call whose values they are. */
export interface ValuesOwner {
  /** Dotted name of its method. */
  readonly method: string;
  /** Whether the handler was entered. */
  readonly entered: boolean;
}

/** Values that a caller has sent. */
export class CallValues {
  /** What was wrong with one of them; the caller may be told. */
  fault: CallError | undefined = undefined;
  readonly #call: ValuesOwner;
  readonly #codec: MessageCodec;

  constructor(call: ValuesOwner, codec: MessageCodec) {
    this.#call = call;
    this.#codec = codec;
  }

  /** The bytes are valid during the call. @throws {CallError} `malformed` */
  decode(body: Uint8Array): unknown {
    try {
      return this.#codec.decode(body);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw this.#faultOf("malformed", `cannot decode what came: ${detail}`, {
        cause,
      });
    }
  }

  /** As the schema makes it, or a promise of that. @throws {CallError} `invalid` */
  valid(schema: StandardSchema | undefined, value: unknown): unknown {
    if (schema === undefined) return value;
    try {
      const checked = validate(schema, value);
      return checked instanceof Promise
        ? checked.catch((error) => Promise.reject(this.#asFault(error)))
        : checked;
    } catch (error) {
      throw this.#asFault(error);
    }
  }

  /** Only what a schema says of the value is the caller's fault: the schema's own failure is ours. */
  #asFault(error: unknown): unknown {
    if (!(error instanceof SchemaError)) return error;
    const data = { issues: error.issues };
    return this.#faultOf("invalid", error.message, { data, cause: error });
  }

  #faultOf(
    code: "malformed" | "invalid",
    message: string,
    options: { data?: unknown; cause: unknown },
  ): CallError {
    const { method, entered } = this.#call;
    const processed = entered ? "yes" : "no";
    return this.fault = new CallError(code, `${method}: ${message}`, {
      ...options,
      processed,
    });
  }
}

/** What the handler has given, as the schema makes it, or a promise of that. */
export function checkOutput(schema: StandardSchema, value: unknown): unknown {
  try {
    const checked = validate(schema, value);
    return checked instanceof Promise
      ? checked.catch((error) => Promise.reject(outputFault(error)))
      : checked;
  } catch (error) {
    throw outputFault(error);
  }
}

function outputFault(cause: unknown): Error {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new Error(`The output does not match its schema: ${detail}`, {
    cause,
  });
}
