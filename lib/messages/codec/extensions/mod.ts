/**
 * Extensions of codecs, for `Map`, `Set`, `URL` and class instances.
 *
 * {@linkcode extendCodec} adds extensions to a codec. This entry has extensions
 * for common values, and {@linkcode extension} creates one for a class. Both ends
 * need the same extensions.
 *
 * @example Carry a map and a date as JSON
 * ```ts
 * import { json } from "@lengthwise/lengthwise/json";
 * import { dates, extendCodec, maps } from "@lengthwise/lengthwise/extensions";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = extendCodec(json(), [dates, maps]);
 * const value = { seen: new Map([["A-1", new Date(0)]]) };
 * assertEquals(codec.decode(codec.encode(value)), value);
 * ```
 *
 * [Codecs](/lib/messages/codec/README.md) lists the values, their limits and their
 * forms; [messages](/lib/messages/README.md) explains how the ends of a session
 * choose a codec.
 *
 * @module
 */
export { extendCodec } from "./extend_codec.ts";
export {
  type CodecExtension,
  extension,
  type ExtensionOptions,
} from "./extension.ts";
export { maps, sets } from "./collections.ts";
export { errors, regexps, urls } from "./web_values.ts";
export {
  bigints,
  byteArrays,
  dates,
  largeBigints,
  specialNumbers,
  undefineds,
} from "./json_values.ts";
export { typedArrays } from "./typed_arrays.ts";
export { jsonValues, msgpackValues } from "./presets.ts";
