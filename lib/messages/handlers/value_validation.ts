/**
 * Validates the values of a call at the callee. The callee applies every schema.
 * An invalid input is the caller's fault; an invalid output is the handler's
 * fault.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { type StandardSchema, validate } from "../schema/standard_schema.ts";

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
  const detail = messageOf(cause);
  return new Error(`The output does not match its schema: ${detail}`, {
    cause,
  });
}
