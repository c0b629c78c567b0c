/**
 * Framing: bytes into frames and back. Knows nothing of sockets or messages.
 *
 * @module
 */
export type * from "../transport/connection.ts";
export * from "./chunked.ts";
export * from "./cobs.ts";
export * from "./compliance.ts";
export * from "./content_length.ts";
export * from "./delimited.ts";
export * from "./errors.ts";
export * from "./fixed_length.ts";
export * from "./frame_stream.ts";
export * from "./framing.ts";
export * from "./length_prefixed.ts";
export * from "./lines.ts";
export * from "./netstring.ts";
export * from "./prefixed.ts";
export * from "./presets.ts";
export * from "./slip.ts";
export * from "./split_rules.ts";
export * from "./streams.ts";
export * from "./varint_prefixed.ts";
