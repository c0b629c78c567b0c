/**
 * Frames of a capture, made by hand.
 *
 * @module
 */
import { putHeader } from "../../../lib/messages/session/wire/frame_header.ts";
import type { Direction } from "../../../lib/cli/capture/captured_frame.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { withSessionBytes } from "./session_bytes.ts";

/** Returns a frame without its length. */
export function frameOf(
  kind: number,
  id: number,
  body: readonly number[] = [],
  flags = 0,
): Uint8Array {
  const frame = new Uint8Array(8 + body.length);
  putHeader(frame, 0, kind, flags, id);
  frame.set(body, 8);
  return frame;
}

/** The HELLO frames of both ends of a session, without their lengths. */
export async function hellos(): Promise<Record<Direction, Uint8Array>> {
  const { client, server } = await withSessionBytes();
  const first = (bytes: Uint8Array) => {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    return bytes.slice(4, 4 + length);
  };
  return { in: first(client), out: first(server) };
}

/** Returns a decoder that knows both HELLO frames. */
export async function decoderOfSession(): Promise<SessionDecoder> {
  const decoder = new SessionDecoder(1);
  const { in: client, out: server } = await hellos();
  decoder.describe("in", client, client.length + 4, 0);
  decoder.describe("out", server, server.length + 4, 0);
  return decoder;
}
