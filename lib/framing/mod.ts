/**
 * Framing: bytes into frames and back. Knows nothing of sockets or messages.
 *
 * @module
 */
export type * from "../transport/connection.ts";
export * from "./layouts/chunked.ts";
export * from "./layouts/cobs.ts";
export * from "../testing/check_framing.ts";
export * from "./layouts/content_length.ts";
export * from "./layouts/delimited.ts";
export * from "./errors.ts";
export * from "./layouts/fixed_length.ts";
export * from "./stream/frame_stream.ts";
export * from "./framing.ts";
export * from "./layouts/length_prefixed.ts";
export * from "./layouts/lines.ts";
export * from "./layouts/netstring.ts";
export * from "./layouts/prefixed.ts";
export * from "./presets.ts";
export * from "./layouts/slip.ts";
export * from "./layouts/split_rules.ts";
export * from "./stream/web_streams.ts";
export * from "./layouts/varint_prefixed.ts";
