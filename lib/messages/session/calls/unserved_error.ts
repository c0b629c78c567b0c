/**
 * The error of a call whose method this side does not serve.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { printable } from "../../support/printable.ts";
import type { MethodInfo } from "../wire/hello.ts";

/**
 * Returns the error for a method that is not served.
 *
 * @param method the method in the peer's list; `undefined` if it is not there
 * @param number its number
 */
export function unservedError(
  method: Pick<MethodInfo, "name"> | undefined,
  number: number,
): CallError {
  const name = method === undefined
    ? `number ${number}`
    : printable(method.name);
  return new CallError(`method ${name} is not served`, {
    code: "unimplemented",
  });
}
