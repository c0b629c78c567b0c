/**
 * Bodies that pass through a gateway without being decoded.
 *
 * @module
 */
import type { MessageCodec } from "../messages/codec/message_codec.ts";

/** An encoded body. */
export class RawBody {
  /** The bytes, which are a copy. */
  readonly bytes: Uint8Array;

  /** @param bytes the bytes, which the new object owns */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/**
 * Returns a codec whose values are encoded bodies.
 *
 * It has the name of another codec, so that peers which use that one can be
 * joined. Values of this process, such as credentials, are encoded by the other
 * codec.
 *
 * @param codec the codec of the peers
 */
export function rawCodec(codec: MessageCodec): MessageCodec {
  return {
    name: codec.name,
    encode: (value) =>
      value instanceof RawBody ? value.bytes.slice() : codec.encode(value),
    encodeInto(value, target, offset) {
      if (!(value instanceof RawBody)) {
        return codec.encodeInto(value, target, offset);
      }
      const { bytes } = value;
      if (bytes.length > target.length - offset) return bytes;
      target.set(bytes, offset);
      return offset + bytes.length;
    },
    decode(body, budget) {
      if (budget !== undefined) budget.held = body.length;
      return new RawBody(body.slice());
    },
  };
}
