/**
 * Lists of extensions.
 *
 * The lists never change, because the name of a codec depends on its extensions.
 *
 * @module
 */
import { maps, sets } from "./collections.ts";
import type { CodecExtension } from "./extension.ts";
import {
  bigints,
  byteArrays,
  dates,
  largeBigints,
  specialNumbers,
  undefineds,
} from "./json_values.ts";
import { typedArrays } from "./typed_arrays.ts";
import { errors, urls } from "./web_values.ts";

/**
 * Extensions for `json()`: all values of this entry except `RegExp`.
 *
 * @category Values
 */
export const jsonValues: readonly CodecExtension[] = [
  maps,
  sets,
  urls,
  errors,
  dates,
  bigints,
  undefineds,
  specialNumbers,
  byteArrays,
  typedArrays,
];

/**
 * Extensions for `msgpack()`: all values of this entry that it does not carry,
 * except `RegExp`.
 *
 * @category Values
 */
export const msgpackValues: readonly CodecExtension[] = [
  maps,
  sets,
  urls,
  errors,
  largeBigints,
  specialNumbers,
  typedArrays,
];
