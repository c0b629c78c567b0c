/**
 * Extensions: pairs of functions for values that a codec does not carry.
 *
 * @module
 */
import {
  checkOptions,
  type OptionNames,
} from "../../../support/check_options.ts";
import { describeType } from "../../../support/describe_type.ts";

/**
 * Options for {@linkcode extension}.
 *
 * @typeParam Value type of the values that it carries
 */
export interface ExtensionOptions<Value extends object> {
  /**
   * Name of the extension on the wire: 1 to 16 characters of `a-z 0-9`. Use a
   * new name if the payload changes, such as `money2`.
   */
  name: string;
  /**
   * The class. Instances of its subclasses are not carried, as they would arrive
   * as instances of another class.
   */
  type: { readonly prototype: Value };
  /**
   * Returns the payload: anything that the codec or its extensions carry. If it
   * throws an error, the value is rejected.
   */
  encode: (value: Value) => unknown;
  /**
   * Creates a value from a payload of the peer. The payload is within the codec's
   * limits, but may have any form: check it, and throw an error if it is not valid.
   */
  decode: (payload: unknown) => Value;
  /**
   * Returns the heap bytes that a value holds beside its payload. The codec calls it before `decode()`, and rejects messages that hold too much.
   *
   * @default 0
   */
  held?: ((payload: unknown) => number) | undefined;
}

/**
 * Extension of a codec, which carries the instances of a class.
 *
 * @category Codecs
 */
export interface CodecExtension {
  /** Name of the extension on the wire. */
  readonly name: string;
}

/** Type of primitive values that an extension may carry. */
export type PrimitiveType = "bigint" | "number" | "undefined";

/** The parts of an extension, for the codec. */
export interface ExtensionParts {
  /** Name of the extension on the wire. */
  readonly name: string;
  /** Prototypes of the objects that it carries. */
  readonly prototypes: readonly object[];
  /** Type of the primitive values that it carries. */
  readonly primitive?: PrimitiveType;
  /** Whether it carries a primitive value of that type; by default, all. */
  readonly carries?: (value: unknown) => boolean;
  /** Returns the payload. */
  readonly encode: (value: unknown) => unknown;
  /** Creates a value from a payload. */
  readonly decode: (payload: unknown) => unknown;
  /** Returns the heap bytes of the value in addition to its payload. */
  readonly held?: ((payload: unknown) => number) | undefined;
}

const NAME = /^[a-z0-9]{1,16}$/;
/** Prototypes of the values that every codec carries. */
const PLAIN: readonly object[] = [Object.prototype, Array.prototype];
const OPTIONS: OptionNames<ExtensionOptions<object>> = {
  name: true,
  type: true,
  encode: true,
  decode: true,
  held: true,
};

/** Extension with its parts. */
export class ValueExtension implements CodecExtension {
  readonly name: string;
  readonly parts: ExtensionParts;

  /** @param parts the functions, and the values that they carry */
  constructor(parts: ExtensionParts) {
    this.name = parts.name;
    this.parts = parts;
  }
}

/**
 * Creates an extension, which carries the instances of a class.
 *
 * Pass it to {@linkcode extendCodec} at both ends. A session does not open if the
 * ends have different extensions.
 *
 * @typeParam Value type of the values that it carries
 * @param options name, class, and a function for each direction
 * @returns the extension, usable by any number of codecs
 * @throws {TypeError} if an option is unknown, missing or not valid
 *
 * @example Carry the instances of a class
 * ```ts
 * import { json } from "@lengthwise/lengthwise";
 * import { extendCodec, extension } from "@lengthwise/lengthwise/extensions";
 * import { assertEquals } from "@std/assert";
 *
 * class Money {
 *   constructor(readonly cents: number, readonly currency: string) {}
 * }
 *
 * const money = extension({
 *   name: "money",
 *   type: Money,
 *   encode: ({ cents, currency }) => [cents, currency],
 *   decode(payload) {
 *     const [cents, currency] = Array.isArray(payload) ? payload : [];
 *     if (!Number.isSafeInteger(cents) || typeof currency !== "string") {
 *       throw new TypeError("the payload is not an amount and a currency");
 *     }
 *     return new Money(cents, currency);
 *   },
 * });
 *
 * const codec = extendCodec(json(), [money]);
 * const order = { total: new Money(250, "EUR") };
 * assertEquals(codec.decode(codec.encode(order)), order);
 * assertEquals(codec.name, "json-money");
 * ```
 *
 * @category Codecs
 */
export function extension<Value extends object>(
  options: ExtensionOptions<Value>,
): CodecExtension {
  const { name, type, encode, decode, held } = checkOptions(
    "extension()",
    options,
    OPTIONS,
  );
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new TypeError(
      `${
        JSON.stringify(name)
      } is not a valid name of an extension: expected 1 to 16 characters of a-z and 0-9`,
    );
  }
  const prototype: unknown = isFunction(type) ? type.prototype : undefined;
  if (typeof prototype !== "object" || prototype === null) {
    throw new TypeError(
      `Cannot use ${
        describeType(type)
      } as the type of the extension "${name}": expected a class`,
    );
  }
  if (PLAIN.includes(prototype)) {
    throw new TypeError(
      `Cannot use a class as the type of the extension "${name}" if every codec carries its instances`,
    );
  }
  requireFunction(name, "encode", encode);
  requireFunction(name, "decode", decode);
  if (held !== undefined) requireFunction(name, "held", held);
  return new ValueExtension({
    name,
    prototypes: [prototype],
    encode: (value) => encode(value as Value), // has the prototype of the class
    decode,
    held,
  });
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function requireFunction(name: string, option: string, value: unknown): void {
  if (isFunction(value)) return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as "${option}" of the extension "${name}": expected a function`,
  );
}
