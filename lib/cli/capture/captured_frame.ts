/**
 * Frames of a session as a capture shows them.
 *
 * @module
 */
import type { Shape } from "../../messages/session/wire/shape.ts";

/** Direction of a frame, as the server sees it. */
export type Direction = "in" | "out";

/** One frame of a session. */
export interface CapturedFrame {
  /** Number of the connection, from 1. */
  readonly connection: number;
  /** `"in"` from the client, `"out"` from the server. */
  readonly dir: Direction;
  /** Time in ms since 1970. */
  readonly time: number;
  /** Name of the kind, such as `"REQUEST"`. */
  readonly kind: string;
  /** Whether more frames of the message follow. */
  readonly more: boolean;
  /** Id of the call. */
  readonly id: number;
  /** Bytes of the frame, with its length and header. */
  readonly size: number;
  /** Dotted name of the method; `undefined` if it is unknown. */
  readonly method: string | undefined;
  /** Shape of the method; `undefined` if it is unknown. */
  readonly shape: Shape | undefined;
  /** Code of an ERROR or GOAWAY. */
  readonly code: string | undefined;
  /** Text about a HELLO. */
  readonly note: string | undefined;
  /** Codec of the session; `""` before the HELLO of the server. */
  readonly codec: string;
  /** The frame with its length and header; secrets are zeros. */
  readonly bytes: Uint8Array;
}
