/**
 * Validates the values of a call at the callee. The callee applies every schema.
 * An invalid input is the caller's fault; an invalid output is the handler's
 * fault.
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

/** The call that the values belong to. */
export interface ValuesOwner {
  /** Dotted name of the call's method. */
  readonly method: string;
  /** Whether the handler was entered. */
  readonly entered: boolean;
}

/** Decoder and validator of the values that a caller sends. */
export class InputValues {
  /** Error for the last invalid value; it may be sent to the caller. */
  fault: CallError | undefined = undefined;
  readonly #call: ValuesOwner;
  readonly #codec: MessageCodec;

  constructor(call: ValuesOwner, codec: MessageCodec) {
    this.#call = call;
    this.#codec = codec;
  }

  /**
   * Decodes a body. The body is valid only until this method returns.
   *
   * @throws {CallError} `malformed`
   */
  decode(body: Uint8Array): unknown {
    try {
      return this.#codec.decode(body);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw this.#faultOf("malformed", `cannot decode the message: ${detail}`, {
        cause,
      });
    }
  }

  /** Returns the schema's output, or a promise of it. @throws {CallError} `invalid` */
  valid(schema: StandardSchema | undefined, value: unknown): unknown {
    return schema === undefined
      ? value
      : validateOr((error) => this.#asFault(error), schema, value);
  }

  /**
   * Returns the caller's fault if the schema reports issues. An error that the
   * schema throws is the callee's fault and is returned as it is.
   */
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
    return this.fault = new CallError(`${method}: ${message}`, {
      ...options,
      code,
      processed,
    });
  }
}

/** Validates a handler's result or item. Returns the schema's output or a promise of it. */
export function checkOutput(schema: StandardSchema, value: unknown): unknown {
  return validateOr(outputFault, schema, value);
}

/**
 * Returns the schema's output or a promise of it. Throws or rejects with the
 * error that `faultOf` returns for the schema's error.
 */
export function validateOr(
  faultOf: (error: unknown) => unknown,
  schema: StandardSchema,
  value: unknown,
): unknown {
  try {
    const checked = validate(schema, value);
    return checked instanceof Promise
      ? checked.catch((error) => {
        throw faultOf(error);
      })
      : checked;
  } catch (error) {
    throw faultOf(error);
  }
}

function outputFault(cause: unknown): Error {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new Error(`The output does not match its schema: ${detail}`, {
    cause,
  });
}
