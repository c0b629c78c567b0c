/**
 * Framing: turns a stream of bytes into frames, and back.
 *
 * A {@linkcode Framing} creates decoders and encoders. They are pure: they need
 * no socket, clock or permission. {@linkcode frames} applies a framing to a
 * connection.
 *
 * @example Encode a frame and decode it in pieces
 * ```ts
 * import { u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = u32be();
 * const wire = framing.encoder().encode(new TextEncoder().encode("hello"));
 *
 * const decoder = framing.decoder();
 * decoder.push(wire.subarray(0, 6));
 * assertEquals(decoder.next(), undefined); // not yet
 * decoder.push(wire.subarray(6));
 * assertEquals(new TextDecoder().decode(decoder.next()), "hello");
 * ```
 *
 * Read next: {@linkcode lengthPrefixed}, which covers most binary protocols,
 * {@linkcode prefixed} for a custom length prefix, and {@linkcode delimited}
 * and {@linkcode lines} for text. The framings of known protocols (PostgreSQL,
 * MQTT, gRPC, …) are in `./framing/presets`; `checkFraming` in `./testing`
 * tests a custom framing. The [layer's README](/lib/framing/README.md) explains
 * the contract and shows a diagram of every layout. The types of options, such
 * as `LinesOptions` and `Prefix`, are in `./types`.
 *
 * @module
 */
export type { FrameDecoder, FrameEncoder, Framing } from "./framing.ts";
export {
  type ByteStream,
  frames,
  type FramesOptions,
  type FrameStream,
} from "./stream/frame_stream.ts";
export { readLines } from "./read_lines.ts";
export {
  FrameDecoderStream,
  FrameEncoderStream,
} from "./stream/web_streams.ts";
export { FrameError, type FrameErrorCode } from "./errors.ts";
export {
  lengthPrefixed,
  type LengthPrefixedOptions,
} from "./layouts/length_prefixed.ts";
export {
  u16be,
  u16le,
  u24be,
  u24le,
  u32be,
  u32le,
  u64be,
  u64le,
  varint,
} from "./length_presets.ts";
export { varintPrefixed } from "./layouts/varint_prefixed.ts";
export { prefixed } from "./layouts/prefixed.ts";
export { delimited } from "./layouts/delimited.ts";
export { lines } from "./layouts/lines.ts";
export { fixedLength } from "./layouts/fixed_length.ts";
export { netstring } from "./layouts/netstring.ts";
export { contentLength } from "./layouts/content_length.ts";
export { chunked } from "./layouts/chunked.ts";
export { doneFlag, fullPartContinues } from "./layouts/split_rules.ts";
export { cobs } from "./layouts/cobs.ts";
export { slip } from "./layouts/slip.ts";
