/**
 * The handshake: what this side says of itself, what the peer may be, and the
 * frames that wait until a server has let a client in.
 *
 * @module
 */
import type { MessageCodec } from "../../codec/message_codec.ts";
import type { SessionErrorCode } from "../../errors/call_error.ts";
import { truncateMessage } from "../wire/goaway.ts";
import {
  decodeHello,
  encodeHello,
  ENTRY_HEADER,
  type Hello,
  helloVersion,
  MAX_HELLO,
  VERSION,
} from "../wire/hello.ts";
import { INITIAL_PEER_LIMITS } from "../wire/limits.ts";
import type { SharedState } from "../flow/shared_state.ts";
import {
  describeMethods,
  differences,
  type MethodTables,
} from "./method_matching.ts";
import {
  type DescribedMethod,
  MAX_SCHEMA_ENTRY,
} from "../wire/schema_entry.ts";
import { FRAME_CHARGE, HEADER, Kind } from "../wire/frame_header.ts";

/** Bytes of frames that a server keeps while it authenticates: the initial credit, and as much again for overhead. */
const MAX_EARLY_BYTES = 2 * INITIAL_PEER_LIMITS.connectionWindow;

/** What a handshake is about. */
export interface HandshakeParts {
  /** Which side dialled. */
  readonly role: "client" | "server";
  /** Codecs that this side speaks; the client offers the first. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** The methods of both sides. */
  readonly methods: MethodTables;
}

/** A frame that waits, and when it came: deadlines count from there. */
export interface EarlyFrame {
  readonly frame: Uint8Array;
  readonly cameAt: number;
}

/** Why the peer's HELLO does not do. */
export class HandshakeRefusal {
  readonly code: SessionErrorCode;
  readonly message: string;

  constructor(code: SessionErrorCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** The members of a HELLO that depend on the other side. */
type Answer = Pick<Hello, "auth" | "mismatches" | "described">;

/** The handshake of one side. */
export class Handshake {
  #early: EarlyFrame[] = [];
  #earlyBytes = 0;
  readonly #shared: SharedState;
  readonly #parts: HandshakeParts;

  /**
   * @param link shared by the session's parts
   * @param parts what it is about
   */
  constructor(shared: SharedState, parts: HandshakeParts) {
    this.#shared = shared;
    this.#parts = parts;
  }

  /**
   * Sends the client's HELLO.
   *
   * @throws {CodecError} for credentials that have no encoding
   * @throws {RangeError} for more than fits into a handshake
   */
  greet(credentials: unknown): void {
    const auth = credentials === undefined
      ? undefined
      : this.#shared.writer.codec.encode(credentials).slice();
    this.#send({ auth, mismatches: [], described: [] });
  }

  /**
   * Sends the server's HELLO.
   *
   * @throws {RangeError} for more than fits into a handshake
   */
  answer(hello: Hello): void {
    const mismatches = differences(hello.methods, this.#parts.methods);
    const described = this.#describe(hello, mismatches);
    this.#send({ auth: undefined, mismatches, described });
  }

  /** Nothing where both sides claim to speak the same: then they need no words about it. */
  #describe(hello: Hello, mismatches: Hello["mismatches"]): DescribedMethod[] {
    const { methods } = this.#parts;
    if (hello.protocolHash === methods.hash) return [];
    const bare = this.#encode({ auth: undefined, mismatches, described: [] });
    const left = this.#shared.limits.maxHello - bare.length - ENTRY_HEADER;
    const room = Math.min(left, MAX_SCHEMA_ENTRY);
    return describeMethods(hello, mismatches, methods, room);
  }

  #encode(answer: Answer): Uint8Array {
    const { limits, writer } = this.#shared;
    const { role, methods } = this.#parts;
    return encodeHello({
      role,
      features: 0,
      maxFrameBody: limits.maxFrameBody,
      maxMessage: limits.maxMessage,
      maxCalls: limits.maxCalls,
      streamWindow: limits.streamWindow,
      connectionWindow: limits.connectionWindow,
      heartbeat: limits.heartbeat,
      protocolHash: methods.hash,
      protocol: methods.name,
      codec: writer.codec.name,
      methods: methods.calls,
      ...answer,
    });
  }

  #send(answer: Answer): void {
    const { limits, writer } = this.#shared;
    const body = this.#encode(answer);
    if (body.length > limits.maxHello) {
      throw new RangeError(
        `Cannot send a handshake of ${body.length} bytes: the limit is ${limits.maxHello}; use fewer or shorter method names, or smaller credentials`,
      );
    }
    writer.frame(Kind.HELLO, 0, 0, body);
  }

  /**
   * Reads the peer's HELLO. From then on the peer's own limits hold, not those
   * of before the handshake.
   *
   * @throws {MalformedError}
   */
  read(frame: Uint8Array): Hello | HandshakeRefusal {
    const { limits, writer } = this.#shared;
    const body = frame.subarray(HEADER);
    const { role } = this.#parts;
    // What a server answers depends on what it found, and is no stranger's.
    const most = role === "client" ? MAX_HELLO : limits.maxHello;
    if (body.length > most) {
      return new HandshakeRefusal(
        "too-large",
        `HELLO is ${body.length} bytes, the limit is ${most}`,
      );
    }
    const { major } = helloVersion(body);
    if (major !== VERSION.major) {
      return new HandshakeRefusal(
        "version",
        `version ${major} is not spoken here; version ${VERSION.major} is`,
      );
    }
    const hello = decodeHello(body, limits.maxMethods);
    if (hello.role === role) {
      return new HandshakeRefusal("protocol", `both sides are the ${role}`);
    }
    const codec = this.#chooseCodec(hello.codec);
    if (codec instanceof HandshakeRefusal) return codec;
    writer.codec = codec;
    writer.maxFrameBody = Math.min(hello.maxFrameBody, limits.maxFrameBody);
    writer.maxMessage = hello.maxMessage;
    this.#shared.peerMaxCalls = hello.maxCalls;
    this.#shared.peerStreamWindow = hello.streamWindow;
    return hello;
  }

  #chooseCodec(wanted: string): MessageCodec | HandshakeRefusal {
    const { role, codecs } = this.#parts;
    // What the client has sent is encoded with the one that it offered.
    const spoken = role === "client" ? [this.#shared.writer.codec] : codecs;
    return spoken.find(({ name }) => name === wanted) ?? new HandshakeRefusal(
      "codec",
      `codec "${truncateMessage(wanted)}" is not spoken here; ${
        spoken.map(({ name }) => name).join(", ")
      } is`,
    );
  }

  /** Keeps a frame that came behind HELLO, or says that it is too much. */
  keep(frame: Uint8Array): boolean {
    this.#earlyBytes += frame.length + FRAME_CHARGE;
    if (this.#earlyBytes > MAX_EARLY_BYTES) return false;
    this.#early.push({ frame: frame.slice(), cameAt: this.#shared.now });
    return true;
  }

  /** The frames that were kept, once. */
  takeEarly(): EarlyFrame[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }
}
