/**
 * The codec of programs that choose none.
 *
 * @module
 */
import type { MessageCodec } from "./message_codec.ts";
import { msgpack } from "./msgpack.ts";

let codec: MessageCodec | undefined;

/**
 * Returns the default codec, which all connections share. Its tables take 10 KB
 * and longer to create than the rest of a session.
 */
export function defaultCodec(): MessageCodec {
  return codec ??= msgpack();
}
