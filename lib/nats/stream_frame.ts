/**
 * The messages of byte streams over NATS. Pure.
 *
 * ```text
 *  dial:     u8 version │ 16 bytes nonce │ u32 window │ u32 largest message
 *  frame:    u8 kind │ u48 number │ payload
 *  open:     u8 version │ u32 window │ u32 largest message │ UTF-8 subject
 *  refused:  u8 reason
 *  data:     bytes of the stream
 *  credit:   u32 bytes that the recipient may send in addition
 *  reset:    u8 reason
 *  end, ping, close: empty
 * ```
 *
 * Numbers are big-endian. The frames of each direction are numbered from 1, so
 * that a frame that was lost, doubled or swapped is noticed. `open` is the first
 * frame of the listener.
 *
 * @module
 */
import { fromHex, toHex } from "../messages/support/hex.ts";

/** Version of the messages. */
export const STREAM_VERSION = 1;

/** Bytes before the payload of a frame. */
export const FRAME_HEADER = 7;

/** The first frame of a listener: it has accepted the client. */
export const OPEN = 0;
/** The listener does not accept the client. */
export const REFUSED = 1;
/** Bytes of the stream. */
export const DATA = 2;
/** The sender sends no more bytes. */
export const END = 3;
/** The recipient may send more bytes. */
export const CREDIT = 4;
/** The sender still has the connection. */
export const PING = 5;
/** The sender has closed both directions, after all its bytes. */
export const CLOSE = 6;
/** The connection is cut. */
export const RESET = 7;

/** The listener speaks another version. */
export const REFUSED_VERSION = 1;
/** The listener has as many connections as its windows allow. */
export const REFUSED_FULL = 2;

/** Frames were lost, doubled or swapped. */
export const RESET_LOST = 1;
/** The peer broke the rules of the frames. */
export const RESET_PROTOCOL = 2;
/** The sender does not have the connection, or has no more. */
export const RESET_GONE = 3;

/** A frame. */
export interface StreamFrame {
  /** One of the kinds above. */
  readonly kind: number;
  /** Number of the frame in its direction, from 1. */
  readonly number: number;
  /** A view of the message. */
  readonly payload: Uint8Array;
}

/** A client's request for a connection. */
export interface Dial {
  /** Version of the client. */
  readonly version: number;
  /** Random bytes of all attempts to open one connection, as hexadecimal digits. */
  readonly nonce: string;
  /** Bytes that the listener may send at first. */
  readonly window: number;
  /** Bytes of the largest message that the client's NATS server carries. */
  readonly largest: number;
}

/** The listener's reply to a client. */
export interface Opening {
  /** Version of the listener. */
  readonly version: number;
  /** Bytes that the client may send at first. */
  readonly window: number;
  /** Bytes of the largest message that the listener's NATS server carries. */
  readonly largest: number;
  /** Subject of the frames for the listener. */
  readonly subject: string;
}

const NONE: Uint8Array = new Uint8Array(0);

/** Encodes a frame; the payload is copied. */
export function encodeFrame(
  kind: number,
  number: number,
  payload: Uint8Array = NONE,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  view.setUint16(1, Math.floor(number / 2 ** 32));
  view.setUint32(3, number % 2 ** 32);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

/** Decodes a frame, or returns `undefined` if the bytes are too short. */
export function decodeFrame(bytes: Uint8Array): StreamFrame | undefined {
  if (bytes.length < FRAME_HEADER) return undefined;
  const view = viewOf(bytes);
  return {
    kind: view.getUint8(0),
    number: view.getUint16(1) * 2 ** 32 + view.getUint32(3),
    payload: bytes.subarray(FRAME_HEADER),
  };
}

/** Encodes a number of 32 bits. */
export function encodeUint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Decodes the payload of a credit frame, or returns `undefined`. */
export function decodeUint32(payload: Uint8Array): number | undefined {
  return payload.length < 4 ? undefined : viewOf(payload).getUint32(0);
}

const DIAL = 25;

/** Encodes a request for a connection. */
export function encodeDial(dial: Dial): Uint8Array {
  const bytes = new Uint8Array(DIAL);
  const view = new DataView(bytes.buffer);
  bytes[0] = dial.version;
  bytes.set(fromHex(dial.nonce), 1);
  view.setUint32(17, dial.window);
  view.setUint32(21, dial.largest);
  return bytes;
}

/** Decodes a request for a connection, or returns `undefined`. */
export function decodeDial(bytes: Uint8Array): Dial | undefined {
  if (bytes.length < DIAL) return undefined;
  const view = viewOf(bytes);
  const nonce = toHex(bytes.subarray(1, 17));
  const [window, largest] = [view.getUint32(17), view.getUint32(21)];
  return { version: view.getUint8(0), nonce, window, largest };
}

const OPENING = 9;

/** Encodes the payload of an open frame. */
export function encodeOpening(opening: Opening): Uint8Array {
  const subject = new TextEncoder().encode(opening.subject);
  const bytes = new Uint8Array(OPENING + subject.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = opening.version;
  view.setUint32(1, opening.window);
  view.setUint32(5, opening.largest);
  bytes.set(subject, OPENING);
  return bytes;
}

/** Decodes the payload of an open frame, or returns `undefined`. */
export function decodeOpening(payload: Uint8Array): Opening | undefined {
  if (payload.length <= OPENING) return undefined;
  const view = viewOf(payload);
  return {
    version: view.getUint8(0),
    window: view.getUint32(1),
    largest: view.getUint32(5),
    subject: new TextDecoder().decode(payload.subarray(OPENING)),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
