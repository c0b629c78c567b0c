/**
 * Choosing a server by the key of a call.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { heaviest } from "../client/rendezvous.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import { sendsItems } from "../session/calls/call_state.ts";
import type { Picker } from "./picker.ts";

/**
 * A call whose key is wanted.
 *
 * @category Policies
 */
export interface KeyedCall {
  /** Dotted name of the method. */
  readonly method: string;
  /** The input; the opening of calls that send items. */
  readonly input: unknown;
  /** The metadata of the call. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Returns the key of a call, or `undefined`. */
export type KeyOf = (call: KeyedCall) => string | undefined;

/**
 * Returns a picker by the key of a call.
 *
 * @param without chooses for calls without a key
 * @throws {TypeError} if a key is not a string; also what `keyOf` throws
 */
export function byKey(keyOf: KeyOf, without: Picker): Picker {
  return (candidates, info, input, options) => {
    const key: unknown = keyOf({
      method: info.name,
      input: sendsItems(info.shape) ? openingOf(options) : input,
      metadata: options.metadata ?? NO_METADATA,
    });
    if (key === undefined) return without(candidates, info, input, options);
    if (typeof key === "string") return heaviest(key, candidates);
    throw new TypeError(
      `Cannot choose a server for ${info.name}: its key is ${
        describeType(key)
      }; expected a string, or undefined for none`,
    );
  };
}

const NO_METADATA: KeyedCall["metadata"] = Object.freeze({});

function openingOf(options: CallOptions): unknown {
  return "opening" in options ? options.opening : undefined;
}
