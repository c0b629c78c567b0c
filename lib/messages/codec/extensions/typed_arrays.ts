/**
 * Extension for typed arrays other than `Uint8Array`.
 *
 * @module
 */
import { BINARY } from "../held_bytes.ts";
import { classOf, lengthOf } from "../intrinsics.ts";
import { type CodecExtension, ValueExtension } from "./extension.ts";

/** Class of typed arrays. */
interface TypedArrayClass {
  readonly prototype: object;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): object;
}

const { set } = Uint8Array.prototype;
/** The classes by name. */
let known: ReadonlyMap<string, TypedArrayClass> | undefined;

/**
 * Extension for typed arrays other than `Uint8Array`, named `typed`. The payload
 * is an array of the name of the class and the bytes, with the least significant
 * byte of each number first.
 *
 * With `json()`, {@linkcode byteArrays} is needed too.
 *
 * @category Values
 */
export const typedArrays: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "typed",
  prototypes: /* @__PURE__ */ prototypes(),
  encode: (value) => payloadOf(value as object), // has one of the prototypes
  decode(payload) {
    const [name, bytes] = Array.isArray(payload) ? payload : [];
    const Class = typeof name === "string" ? classes().get(name) : undefined;
    if (Class === undefined || !(bytes instanceof Uint8Array)) {
      throw new TypeError("the payload is not a class and bytes");
    }
    const size = Class.BYTES_PER_ELEMENT;
    if (bytes.length % size !== 0) {
      throw new TypeError(
        `${bytes.length} bytes are not numbers of ${size} bytes each`,
      );
    }
    const copy = new Uint8Array(bytes.length); // at offset 0 of its own buffer
    copy.set(bytes);
    return new Class(ordered(copy, size).buffer);
  },
  held(payload) {
    const bytes: unknown = Array.isArray(payload) ? payload[1] : undefined;
    return BINARY + (bytes instanceof Uint8Array ? bytes.length : 0);
  },
});

/** Returns the classes by name; `Float16Array` does not exist everywhere. */
function classes(): ReadonlyMap<string, TypedArrayClass> {
  if (known !== undefined) return known;
  const found: TypedArrayClass[] = [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  if (typeof Float16Array === "function") found.push(Float16Array);
  known = new Map(found.map((Class) => [Reflect.get(Class, "name"), Class]));
  return known;
}

function prototypes(): object[] {
  return [...classes().values()].map(({ prototype }) => prototype);
}

function payloadOf(value: object): readonly [string, Uint8Array] {
  const name = classOf(value);
  const Class = typeof name === "string" ? classes().get(name) : undefined;
  if (Class === undefined) {
    throw new TypeError("the value is not a typed array");
  }
  const size = Class.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(lengthOf(value));
  // A typed array copies another one without reading its properties.
  set.call(new Class(bytes.buffer), value as ArrayLike<number>);
  return [String(name), ordered(bytes, size)];
}

/** Reverses the bytes of each number on big-endian machines. */
function ordered(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): Uint8Array<ArrayBuffer> {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return bytes;
  for (let at = 0; at < bytes.length; at += size) {
    bytes.subarray(at, at + size).reverse();
  }
  return bytes;
}
