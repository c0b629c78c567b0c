/**
 * The extensions of one codec.
 *
 * @module
 */
import { describeType } from "../../../support/describe_type.ts";
import { toHex } from "../../support/hex.ts";
import { sha256 } from "../../support/sha256.ts";
import {
  type CodecExtension,
  type ExtensionParts,
  type PrimitiveType,
  ValueExtension,
} from "./extension.ts";

/** Maximum length of a codec's name in the handshake. */
const MAX_NAME = 32;
/** Bytes of the digest in a name that would be too long. */
const DIGEST_BYTES = 6;

/** The extensions of a codec, by what they carry. */
export interface ExtensionTable {
  /** Name of the extended codec. */
  readonly codec: string;
  readonly byName: ReadonlyMap<string, ExtensionParts>;
  readonly byPrototype: ReadonlyMap<object, ExtensionParts>;
  readonly byType: ReadonlyMap<PrimitiveType, ExtensionParts>;
}

/**
 * Creates a table.
 *
 * @param codec name of the codec that is extended
 * @throws {TypeError} if two extensions have the same name or carry the same values
 */
export function extensionTable(
  codec: string,
  extensions: readonly CodecExtension[],
): ExtensionTable {
  const byName = new Map<string, ExtensionParts>();
  const byPrototype = new Map<object, ExtensionParts>();
  const byType = new Map<PrimitiveType, ExtensionParts>();
  for (const extension of extensions) {
    if (!(extension instanceof ValueExtension)) {
      throw new TypeError(
        `Cannot use ${
          describeType(extension)
        } as an extension of a codec: expected a result of extension(), or one of this entry, such as maps`,
      );
    }
    const { parts } = extension;
    add(byName, parts.name, parts);
    for (const prototype of parts.prototypes) {
      add(byPrototype, prototype, parts);
    }
    if (parts.primitive !== undefined) add(byType, parts.primitive, parts);
  }
  return { codec: nameOf(codec, byName), byName, byPrototype, byType };
}

function add<Key>(
  map: Map<Key, ExtensionParts>,
  key: Key,
  parts: ExtensionParts,
): void {
  const other = map.get(key);
  if (other === undefined) {
    map.set(key, parts);
    return;
  }
  throw new TypeError(
    other.name === parts.name
      ? `Cannot extend a codec with two extensions named "${parts.name}"`
      : `Cannot extend a codec with the extensions "${other.name}" and "${parts.name}": both carry the same values`,
  );
}

/**
 * Returns the name of a codec with extensions.
 *
 * A session opens only if both ends have the same.
 */
function nameOf(
  codec: string,
  extensions: ReadonlyMap<string, ExtensionParts>,
): string {
  const names = [...extensions.keys()].sort().join("-");
  const name = `${codec}-${names}`;
  if (name.length <= MAX_NAME) return name;
  const digest = sha256(new TextEncoder().encode(names));
  const short = `${codec}--${toHex(digest.subarray(0, DIGEST_BYTES))}`;
  if (short.length <= MAX_NAME) return short;
  throw new TypeError(
    `Cannot extend the codec "${codec}": its name has ${codec.length} characters; expected at most ${
      MAX_NAME - (short.length - codec.length)
    }`,
  );
}
