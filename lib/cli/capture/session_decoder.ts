/**
 * Decodes a copy of the bytes of a session, in both directions.
 *
 * @module
 */
import { FrameError } from "../../framing/errors.ts";
import type { FrameDecoder } from "../../framing/framing.ts";
import { u32be } from "../../framing/length_presets.ts";
import {
  CALL_ERROR_CODES,
  SESSION_ERROR_CODES,
} from "../../messages/errors/call_error.ts";
import {
  Flag,
  getU16,
  HEADER,
  Kind,
  putU32,
  readId,
} from "../../messages/session/wire/frame_header.ts";
import {
  decodeHello,
  type Hello,
  type MethodInfo,
} from "../../messages/session/wire/hello.ts";
import { kindName } from "../frame_kinds.ts";
import type { CapturedFrame, Direction } from "./captured_frame.ts";
import { redacted } from "./redaction.ts";

/** Longest frame that is decoded; a longer one counts as damage. */
const MAX_FRAME = 16 * 1024 * 1024;

/** Size in bytes of the length before a frame. */
export const LENGTH = 4;

/** Most methods of a HELLO, as the protocol allows. */
const MAX_METHODS = 65_535;

/** Most calls whose methods are remembered; the oldest are dropped first. */
const MAX_CALLS = 10_000;

/** The state of one direction. */
interface Half {
  readonly decoder: FrameDecoder;
  /** Methods that this direction's sender calls. */
  methods: readonly MethodInfo[];
  /** Methods of the calls that this direction's sender has made. */
  readonly calls: Map<number, MethodInfo>;
  /** Method of an unfinished NOTIFY. */
  notified: MethodInfo | undefined;
  damaged: boolean;
}

/** Decodes the frames of one connection. */
export class SessionDecoder {
  readonly #connection: number;
  readonly #halves: Readonly<Record<Direction, Half>> = {
    in: newHalf(),
    out: newHalf(),
  };
  /** Codec that the server has chosen; `""` before its HELLO. */
  codec = "";

  /** @param connection number of the connection */
  constructor(connection: number) {
    this.#connection = connection;
  }

  /**
   * Takes bytes and returns the frames that they complete.
   *
   * @param onDamage called if the bytes are not frames; the direction is then
   * no longer decoded
   */
  push(
    dir: Direction,
    bytes: Uint8Array,
    time: number,
    onDamage: (error: FrameError) => void,
  ): CapturedFrame[] {
    const half = this.#halves[dir];
    if (half.damaged) return [];
    half.decoder.push(bytes.slice()); // the caller reuses its buffer
    const frames: CapturedFrame[] = [];
    try {
      for (let frame; (frame = half.decoder.next()) !== undefined;) {
        frames.push(this.describe(dir, frame, frame.length + LENGTH, time));
      }
    } catch (error) {
      half.damaged = true;
      if (!(error instanceof FrameError)) throw error;
      onDamage(error);
    }
    return frames;
  }

  /**
   * Describes a frame.
   *
   * @param frame the header and the body; the body may be truncated
   * @param size bytes of the whole frame, with its length
   */
  describe(
    dir: Direction,
    frame: Uint8Array,
    size: number,
    time: number,
  ): CapturedFrame {
    const bytes = new Uint8Array(LENGTH + frame.length);
    putU32(bytes, 0, size - LENGTH);
    bytes.set(redacted(frame), LENGTH);
    const kind = frame[0] ?? 0;
    const isWhole = frame.length >= HEADER;
    const method = isWhole ? this.#methodOf(dir, frame) : undefined;
    return {
      connection: this.#connection,
      dir,
      time,
      kind: frame.length === 0 ? "empty" : kindName(kind),
      more: ((frame[1] ?? 0) & Flag.MORE) !== 0,
      id: isWhole ? readId(frame) : 0,
      size,
      method: method?.name,
      shape: method?.shape,
      code: codeOf(frame),
      note: kind === Kind.HELLO ? this.#greet(dir, frame) : undefined,
      codec: this.codec,
      bytes,
    };
  }

  /** Takes the methods and the codec of a HELLO. */
  #greet(dir: Direction, frame: Uint8Array): string {
    let hello: Hello;
    try {
      hello = decodeHello(frame.subarray(HEADER), MAX_METHODS);
    } catch (error) {
      return `malformed HELLO: ${error instanceof Error ? error.message : ""}`;
    }
    const { role, protocol, agent, codecs, methods } = hello;
    this.#halves[dir].methods = methods;
    if (role === "server") this.codec = codecs[0] ?? "";
    return `${role}, protocol ${protocol}, ${
      agent || "unknown agent"
    }, codecs ${codecs.join(", ")}, ${methods.length} methods`;
  }

  #methodOf(dir: Direction, frame: Uint8Array): MethodInfo | undefined {
    const own = this.#halves[dir];
    const peer = this.#halves[dir === "in" ? "out" : "in"];
    const id = readId(frame);
    switch (frame[0]) {
      case Kind.REQUEST: {
        const known = own.calls.get(id);
        return known ?? remember(own, id, numbered(own, frame));
      }
      case Kind.NOTIFY: {
        const method = own.notified ?? numbered(own, frame);
        own.notified = (frame[1]! & Flag.MORE) === 0 ? undefined : method; // it has a header
        return method;
      }
      case Kind.RESULT:
      case Kind.ERROR: {
        const method = peer.calls.get(id);
        if ((frame[1]! & Flag.MORE) === 0) peer.calls.delete(id); // as above
        return method;
      }
      case Kind.END:
      case Kind.CANCEL:
        return own.calls.get(id);
      case Kind.ITEM:
      case Kind.CREDIT:
        return own.calls.get(id) ?? peer.calls.get(id);
    }
    return undefined;
  }
}

function newHalf(): Half {
  return {
    decoder: u32be({ maxFrameLength: MAX_FRAME }).decoder(),
    methods: [],
    calls: new Map(),
    notified: undefined,
    damaged: false,
  };
}

/** Returns the method whose number begins the body of a frame. */
function numbered(
  { methods }: Half,
  frame: Uint8Array,
): MethodInfo | undefined {
  return frame.length < HEADER + 2 ? undefined : methods[getU16(frame, HEADER)];
}

function remember(
  { calls }: Half,
  id: number,
  method: MethodInfo | undefined,
): MethodInfo | undefined {
  if (method === undefined) return undefined;
  calls.set(id, method);
  if (calls.size > MAX_CALLS) {
    for (const oldest of calls.keys()) {
      calls.delete(oldest);
      break;
    }
  }
  return method;
}

/** Returns the code of an ERROR or GOAWAY. */
function codeOf(frame: Uint8Array): string | undefined {
  const code = frame[HEADER];
  if (code === undefined) return undefined;
  if (frame[0] === Kind.ERROR) return CALL_ERROR_CODES[code] ?? `code ${code}`;
  if (frame[0] === Kind.GOAWAY) {
    return SESSION_ERROR_CODES[code] ?? `code ${code}`;
  }
  return undefined;
}
