/**
 * A WebSocket server that sends each message back (RFC 6455).
 *
 * @module
 */
import { delimited, frames, prefixed } from "@lengthwise/lengthwise/framing";
import type { Framing } from "@lengthwise/lengthwise/framing";
import type { Connection } from "@lengthwise/lengthwise/transport";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MASKED = 128;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Returns the length of a header, which its second byte decides. */
function headerLength([, second = 0]: Uint8Array): number {
  const short = second & 127;
  const wide = short < 126 ? 0 : short === 126 ? 2 : 8;
  return 2 + wide + (second < MASKED ? 0 : 4);
}

/** Returns the framing: opcode, length of the payload in one of 3 forms, mask. */
export const webSocket = (options: { maxFrameLength?: number } = {}): Framing =>
  prefixed({
    maxLength: 14,
    read(bytes) {
      const header = headerLength(bytes);
      if (bytes.length < header) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const short = bytes[1]! & 127;
      if (short < 126) return [header, short];
      if (short === 126) return [header, view.getUint16(2)];
      return [header, Number(view.getBigUint64(2))];
    },
  }, { ...options, keepHeader: true });

/** Returns the header of a frame without a mask. */
function header(first: number, length: number): Uint8Array {
  if (length < 126) return Uint8Array.of(first, length);
  if (length < 65_536) return Uint8Array.of(first, 126, length >> 8, length);
  const bytes = Uint8Array.of(first, 127, 0, 0, 0, 0, 0, 0, 0, 0);
  new DataView(bytes.buffer).setBigUint64(2, BigInt(length));
  return bytes;
}

/** Rejects frames that no client may send. */
function checkFrame([first = 0, second = 0]: Uint8Array): void {
  if (second < MASKED) throw new Error("The frame has no mask");
  const opcode = first & 127; // with the bits of extensions
  const isControl = opcode >= CLOSE && opcode <= PONG;
  // A control frame is short, and is the last one of its message.
  const fits = first >= 128 && second <= MASKED + 125;
  if (isControl ? !fits : opcode > 2) throw new Error("The frame is not valid");
}

/** Accepts a client and sends its messages back until it closes. */
export async function echo(connection: Connection): Promise<void> {
  await using http = frames(connection, delimited("\r\n\r\n"));
  const request = new TextDecoder().decode(await http.read() ?? undefined);
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1];
  if (key === undefined) return await http.send("HTTP/1.1 400 Bad Request");
  const bytes = new TextEncoder().encode(key + GUID);
  const digest = await crypto.subtle.digest("SHA-1", bytes);
  const accept = new Uint8Array(digest).toBase64();
  await http.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`,
  );
  await using socket = frames((await http.detach()).stream, webSocket());
  for await (const frame of socket) {
    const start = headerLength(frame);
    const mask = frame.subarray(start - 4, start);
    checkFrame(frame);
    const payload = frame.subarray(start).map((byte, i) => byte ^ mask[i % 4]!);
    const opcode = frame[0]! & 15;
    if (opcode === PONG) continue;
    const first = opcode === PING ? frame[0]! + 1 : frame[0]!;
    await socket.send(header(first, payload.length), payload);
    if (opcode === CLOSE) return await socket.closeWrite();
  }
}
