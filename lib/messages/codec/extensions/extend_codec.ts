/**
 * Codecs with extensions.
 *
 * @module
 */
import {
  type CodecLimits,
  resolveCodecLimits,
  type ResolvedCodecLimits,
} from "../codec_limits.ts";
import { describePlace } from "../describe_value.ts";
import { CodecError } from "../errors.ts";
import { allowedBytes } from "../held_bytes.ts";
import type { DecodeBudget, MessageCodec } from "../message_codec.ts";
import { exceeded } from "../refusal.ts";
import type { CodecExtension } from "./extension.ts";
import { type ExtensionTable, extensionTable } from "./extension_table.ts";
import { TAG_BYTE, withoutTags } from "./tag.ts";
import { ValueReviver } from "./value_reviver.ts";
import { ValueTagger } from "./value_tagger.ts";

/** A backslash, which may begin an escaped `$` in JSON. */
const BACKSLASH = 0x5c;

/**
 * Extends a codec with values that it does not carry.
 *
 * The codec must carry plain objects, arrays and strings, as {@linkcode json} and
 * {@linkcode msgpack} do. Its name in the handshake becomes that of the codec and
 * the extensions, such as `json-map-set`, so that a session opens only if both
 * ends have the same extensions.
 *
 * The limits of the codec apply to payloads too. A message is checked against
 * them before any function of an extension runs.
 *
 * @param codec the codec that encodes payloads and all other values
 * @param extensions the extensions, in any order
 * @returns a codec, usable by any number of connections
 * @throws {TypeError} if two extensions have the same name or carry the same
 * values, the array is empty, or the name of the codec is too long
 *
 * @example Carry maps and sets
 * ```ts
 * import { connect, msgpack, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { extendCodec, maps, sets } from "@lengthwise/lengthwise/extensions";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { prices: unary<Set<string>, Map<string, number>>() },
 * });
 * const codecs = [extendCodec(msgpack(), [maps, sets])] as const;
 *
 * await using server = await serve(Shop, { port: 0 }, { codecs }).handle({
 *   prices: (skus) => new Map([...skus].map((sku) => [sku, sku.length])),
 * });
 * await using session = await connect(Shop, server.addr, { codecs });
 * const prices = await session.remote.prices(new Set(["A-1", "B-10"]));
 * assertEquals(prices, new Map([["A-1", 3], ["B-10", 4]]));
 * ```
 *
 * @category Codecs
 */
export function extendCodec(
  codec: MessageCodec,
  extensions: readonly CodecExtension[],
): MessageCodec {
  if (extensions.length === 0) {
    throw new TypeError(
      "Cannot extend a codec with an empty array: expected at least one extension",
    );
  }
  return new ExtendedCodec(codec, extensionTable(codec.name, extensions));
}

class ExtendedCodec implements MessageCodec {
  readonly name: string;
  readonly limits: Readonly<Required<CodecLimits>>;
  readonly #codec: MessageCodec;
  readonly #table: ExtensionTable;
  readonly #limits: ResolvedCodecLimits;

  constructor(codec: MessageCodec, table: ExtensionTable) {
    this.name = table.codec;
    this.#codec = codec;
    this.#table = table;
    this.#limits = resolveCodecLimits(codec.limits ?? {});
    this.limits = this.#limits;
  }

  encode(value: unknown): Uint8Array {
    return this.#encode(value, (tagged) => this.#codec.encode(tagged));
  }

  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array {
    return this.#encode(
      value,
      (tagged) => this.#codec.encodeInto(tagged, target, offset),
      (end) => target.subarray(offset, end),
    );
  }

  decode(body: Uint8Array, budget?: DecodeBudget): unknown {
    const inner = { maxHeld: budget?.maxHeld, held: budget?.held ?? 0 };
    const value = this.#codec.decode(body, inner);
    if (budget !== undefined) budget.held = inner.held;
    if (!this.#mayHaveTags(body)) return value;
    const allowed = Math.min(
      budget?.maxHeld ?? Infinity,
      allowedBytes(body.length, this.#limits.maxHeld),
    );
    const { maxDepth } = this.#limits;
    const reviver = new ValueReviver(
      this.#table,
      maxDepth,
      allowed,
      inner.held,
    );
    const revived = reviver.revive(value);
    if (budget !== undefined) budget.held = reviver.held;
    return revived;
  }

  /** Returns whether a body may contain a tag. The names of codecs say their formats. */
  #mayHaveTags(body: Uint8Array): boolean {
    switch (this.#codec.name) {
      case "msgpack":
        return body.includes(TAG_BYTE);
      case "json":
        return body.includes(TAG_BYTE) || body.includes(BACKSLASH);
      default:
        return true;
    }
  }

  #encode<Body extends number | Uint8Array>(
    value: unknown,
    encode: (tagged: unknown) => Body,
    bytesTo?: (end: number) => Uint8Array,
  ): Body {
    if (value === undefined) return encode(value); // no value at all
    const tagger = new ValueTagger(this.#table, this.#limits);
    const tagged = this.#tag(tagger, value);
    let body: Body;
    try {
      body = encode(tagged);
    } catch (error) {
      throw tagged === value ? error : withPath(error, tagged);
    }
    if (tagger.held > 0) {
      const bytes = typeof body === "number" ? bytesTo?.(body) : body;
      if (bytes !== undefined) this.#checkHeld(bytes as Uint8Array, tagger);
    }
    return body;
  }

  #tag(tagger: ValueTagger, value: unknown): unknown {
    try {
      return tagger.tag(value);
    } catch (error) {
      if (error instanceof CodecError) throw error;
      throw new CodecError(
        `Cannot encode as ${this.name}: reading the value threw an error`,
        { code: "unsupported", cause: error },
      );
    }
  }

  /** Measures the encoded value if it may hold too much. */
  #checkHeld(body: Uint8Array, { held, most }: ValueTagger): void {
    const { length } = body;
    const allowed = allowedBytes(length, this.#limits.maxHeld);
    if (most + 2 * length <= allowed) return;
    const budget = { held: 0 };
    this.#codec.decode(body, budget);
    const found = budget.held + held;
    if (found <= allowed) return;
    throw exceeded(`encode as ${this.name}`, {
      limit: "maxHeld",
      allowed,
      found,
      path: [],
    });
  }
}

/** Returns an error of the codec with a path without tags. */
function withPath(error: unknown, tagged: unknown): unknown {
  if (!(error instanceof CodecError) || error.path === undefined) return error;
  const path = withoutTags(tagged, error.path);
  const { code, limit, allowed, found, cause } = error;
  const message = error.message.replace(
    describePlace(error.path),
    () => describePlace(path),
  );
  return new CodecError(message, { code, path, limit, allowed, found, cause });
}
