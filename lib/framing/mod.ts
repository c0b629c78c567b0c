/**
 * Framing: bytes into frames and back. Knows nothing of sockets or messages.
 *
 * @module
 */
export type * from "../transport/connection.ts";
export * from "./errors.ts";
export * from "./frame_stream.ts";
export * from "./framing.ts";
export * from "./length_prefixed.ts";
export * from "./presets.ts";
