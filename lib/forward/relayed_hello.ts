/**
 * The HELLOs that a gateway relays (PROTOCOL.md, "HELLO").
 *
 * It lowers the largest frame that an end announces to what it can relay, and
 * adds itself to the gateways that a client's HELLO has passed.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { MalformedError } from "../messages/session/wire/malformed_error.ts";
import { Feature } from "../messages/session/wire/features.ts";
import {
  getU16,
  getU32,
  HEADER,
  Kind,
  putU16,
  putU32,
} from "../messages/session/wire/frame_header.ts";
import {
  decodeHello,
  FIXED,
  type Hello,
  helloVersion,
  MAX_HELLO,
  VERSION,
} from "../messages/session/wire/hello.ts";
import { toHex } from "../messages/support/hex.ts";

/** Entry of a client's HELLO: ids of the gateways that it has passed. */
const VIA = 0x12;
/** Entry of a client's HELLO: the session that it wants to resume. */
const RESUME = 0x0b;
/** Bytes of the type and the length of an entry. */
const ENTRY_HEAD = 3;
/** Bytes of a gateway's id. */
const ID = 16;
/** Most gateways between a client and its server. */
export const MAX_GATEWAYS = 8;
/** Offset of `maxFrameBody` in a frame. */
const MAX_FRAME_BODY: number = HEADER + 12;
/** More methods than a HELLO has room for: only its receiver limits them. */
const ANY_NUMBER = 0x1_0000;

/** Why a HELLO is not relayed. */
export interface Refusal {
  /** Code of the GOAWAY. */
  readonly code: "protocol" | "version" | "too-large" | "internal";
  /** The reason, for humans. */
  readonly message: string;
}

/** A HELLO that is relayed. */
export interface RelayedHello {
  /** The frame to send. */
  readonly frame: Uint8Array;
  /** Its content. */
  readonly hello: Hello;
}

/**
 * Reads the first frame of a client.
 *
 * @param frame the frame, which is changed
 * @param gateway id of this gateway, in bytes
 * @param maxFrameBody largest body that the gateway relays
 * @param knows returns whether the gateway knows the session with a token; it
 * cannot relay the rest of others, so the server opens a new one
 */
export function clientHello(
  frame: Uint8Array,
  gateway: Uint8Array,
  maxFrameBody: number,
  knows: (token: Uint8Array) => boolean,
): RelayedHello | Refusal {
  if (frame[0] !== Kind.HELLO) {
    return { code: "protocol", message: "the first frame is not a HELLO" };
  }
  const body = frame.subarray(HEADER);
  if (body.length > MAX_HELLO) {
    return { code: "too-large", message: "HELLO is too large" };
  }
  try {
    const { major } = helloVersion(body);
    if (major !== VERSION.major) {
      const message =
        `the gateway relays version ${VERSION.major}, not ${major}`;
      return { code: "version", message };
    }
    const hello = decodeHello(body, ANY_NUMBER, Feature.RESUME);
    if (hello.role !== "client") {
      return { code: "protocol", message: "both ends are servers" };
    }
    lowerFrameBody(frame, maxFrameBody);
    const via = viaOf(frame);
    if (isLoop(via, gateway)) {
      const message = "the gateway forwards to itself";
      return { code: "internal", message };
    }
    if (via.length >= MAX_GATEWAYS * ID) {
      const message =
        `more than ${MAX_GATEWAYS} gateways forward to each other`;
      return { code: "internal", message };
    }
    const { resume } = hello;
    const resumes = resume !== undefined && knows(resume.token);
    const relayed = withVia(frame, concat([via, gateway]), resumes);
    return relayed.length > HEADER + MAX_HELLO
      ? { code: "too-large", message: "HELLO is too large" }
      : { frame: relayed, hello: resumes ? hello : withoutResume(hello) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { code: "protocol", message: error.message };
  }
}

/**
 * Reads the HELLO of a server.
 *
 * @param frame the frame, which is changed
 * @returns its content; `undefined` if it is malformed, which its receiver finds
 */
export function serverHello(
  frame: Uint8Array,
  maxFrameBody: number,
): Hello | undefined {
  try {
    const body = frame.subarray(HEADER);
    const hello = decodeHello(body, ANY_NUMBER, Feature.RESUME);
    lowerFrameBody(frame, maxFrameBody);
    return hello;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function lowerFrameBody(frame: Uint8Array, most: number): void {
  putU32(
    frame,
    MAX_FRAME_BODY,
    Math.min(most, getU32(frame, MAX_FRAME_BODY)),
  );
}

function withoutResume(hello: Hello): Hello {
  return { ...hello, resume: undefined };
}

/** Returns the ids of the gateways, one after the other. */
function viaOf(frame: Uint8Array): Uint8Array {
  let via = new Uint8Array(0);
  for (const [type, start, end] of entriesOf(frame)) {
    if (type === VIA) via = frame.slice(start + ENTRY_HEAD, end);
  }
  return via;
}

/** Returns the frame with other ids of gateways, with or without RESUME. */
function withVia(
  frame: Uint8Array,
  via: Uint8Array,
  resumes: boolean,
): Uint8Array {
  const entry = new Uint8Array(ENTRY_HEAD + via.length);
  entry[0] = VIA;
  putU16(entry, 1, via.length);
  entry.set(via, ENTRY_HEAD);
  const others = [...entriesOf(frame)]
    .filter(([type]) => type !== VIA && (resumes || type !== RESUME))
    .map(([, start, end]) => frame.subarray(start, end));
  return concat([frame.subarray(0, HEADER + FIXED), ...others, entry]);
}

/** Returns the entries of a well-formed HELLO: their types and offsets. */
function* entriesOf(
  frame: Uint8Array,
): Generator<[type: number, start: number, end: number]> {
  for (let start = HEADER + FIXED; start < frame.length;) {
    const end = start + ENTRY_HEAD + getU16(frame, start + 1);
    yield [frame[start]!, start, end]; // in range: start < length
    start = end;
  }
}

function isLoop(via: Uint8Array, gateway: Uint8Array): boolean {
  const ids = via.length / ID;
  const own = toHex(gateway);
  return Array.from(
    { length: Math.ceil(ids) },
    (_, index) => toHex(via.subarray(index * ID, (index + 1) * ID)),
  ).includes(own);
}
