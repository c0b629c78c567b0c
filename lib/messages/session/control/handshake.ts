/**
 * The handshake: sends this side's HELLO, checks the peer's HELLO, and keeps
 * early frames until the server has accepted the client.
 *
 * @module
 */
import { printable } from "../../support/printable.ts";
import type { MessageCodec } from "../../codec/message_codec.ts";
import { AGENT } from "../wire/agent.ts";
import type { SessionErrorCode } from "../../errors/call_error.ts";
import { truncateMessage } from "../wire/goaway.ts";
import {
  decodeHello,
  encodeHello,
  type Hello,
  helloAdvice,
  helloVersion,
  MAX_HELLO,
  VERSION,
} from "../wire/hello.ts";
import { Feature } from "../wire/features.ts";
import { INITIAL_PEER_LIMITS } from "../wire/limits.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { SessionResumption } from "../resume/session_resumption.ts";
import {
  findMismatches,
  type MethodTables,
  servedInOrder,
} from "./method_matching.ts";
import { credentialsTooLarge } from "./credentials.ts";
import { type EarlyFrame, EarlyFrames } from "./early_frames.ts";
import { HEADER, Kind } from "../wire/frame_header.ts";

/**
 * Maximum size of the frames that a server keeps during authentication. It
 * covers the initial credit, and as much again for overhead.
 */
export const MAX_EARLY_BYTES: number = 2 * INITIAL_PEER_LIMITS.connectionWindow;

/** The configuration of a handshake. */
export interface HandshakeConfig {
  /** This side's role in the connection. */
  readonly role: "client" | "server";
  /** Codecs that this side supports; a client prefers the first. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** The methods that each side may call. */
  readonly methods: MethodTables;
  /**
   * Whether this side checks the peer's credentials. If not, they are never
   * decoded.
   */
  readonly checksCredentials: boolean;
  /** Features that this side offers; see `Feature`. @default {0} */
  readonly features?: number | undefined;
  /**
   * Milliseconds over which clients connect again after a loss (server only).
   */
  readonly spread?: number | undefined;
  /** How the session is resumed; `undefined` if it is not. */
  readonly resume?: SessionResumption | undefined;
}

/** Entries of HELLO for the features in use. */
export type HelloEntries = Pick<
  Hello,
  | "session"
  | "instance"
  | "location"
  | "secondary"
  | "outcomes"
  | "resume"
  | "token"
  | "resumed"
  | "resumeRefused"
>;

/** The reason for refusing the peer's HELLO. */
export class HandshakeRefusal {
  readonly code: SessionErrorCode;
  readonly message: string;

  constructor(code: SessionErrorCode, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** One side of the handshake. */
export class Handshake {
  /** Created on first use: few clients send frames before the server's HELLO. */
  #early: EarlyFrames | undefined = undefined;

  readonly #shared: SharedState;
  readonly #config: HandshakeConfig;

  /**
   * @param shared state that the session's parts share
   * @param config role, codecs and methods
   */
  constructor(shared: SharedState, config: HandshakeConfig) {
    this.#shared = shared;
    this.#config = config;
  }

  /**
   * Sends the client's HELLO.
   *
   * @param entries the session to resume, if there is one
   * @throws {CodecError} if the codec cannot encode the credentials
   * @throws {RangeError} if the HELLO exceeds the limit `maxHello`
   */
  sendClientHello(credentials: unknown, entries?: HelloEntries): void {
    const auth = credentials === undefined
      ? undefined
      : this.#shared.writer.codec.encode(credentials).slice();
    this.#send({ auth, mismatches: [] }, entries);
  }

  /**
   * Sends the server's HELLO.
   *
   * @param hello the client's HELLO
   * @param entries where outcomes are stored, and how the session is resumed
   * @throws {RangeError} if the HELLO exceeds the limit `maxHello`
   */
  sendServerHello({ methods }: Hello, entries?: HelloEntries): void {
    const mismatches = findMismatches(methods, this.#config.methods);
    this.#send({ auth: undefined, mismatches }, entries);
  }

  /** Features that this side offers. */
  get #features(): number {
    const { features = 0, resume } = this.#config;
    return resume === undefined ? features : features | Feature.RESUME;
  }

  #send(
    parts: Pick<Hello, "auth" | "mismatches">,
    entries: HelloEntries = {},
  ): void {
    const { limits, writer } = this.#shared;
    const { role, methods, codecs, spread } = this.#config;
    const hello: Hello = {
      role,
      features: this.#features,
      maxFrameBody: limits.maxFrameBody,
      maxMessage: limits.maxMessage,
      maxCalls: limits.maxCalls,
      streamWindow: limits.streamWindow,
      connectionWindow: limits.connectionWindow,
      notifyWindow: limits.notifyWindow,
      itemsWindow: limits.itemsWindow,
      maxAssembly: Math.floor(limits.maxAssembly / 2), // the other half is for items
      heartbeat: limits.heartbeat,
      protocolHash: methods.hash,
      protocol: methods.name,
      agent: AGENT,
      codecs: role === "client" ? namesOf(codecs) : [writer.codec.name],
      methods: methods.calls,
      ...parts,
      ...entries,
      spread,
    };
    const body = encodeHello(hello);
    if (body.length > limits.maxHello) {
      throw new RangeError(
        `Cannot send a handshake of ${body.length} bytes: the limit is ${limits.maxHello}; ${
          helloAdvice(hello)
        }`,
      );
    }
    writer.frame(Kind.HELLO, 0, 0, body);
  }

  /**
   * Checks the peer's HELLO and applies the limits that it states. They replace
   * the initial limits.
   *
   * @returns the HELLO, or the reason for refusing it
   * @throws {MalformedError}
   */
  receiveHello(frame: Uint8Array): Hello | HandshakeRefusal {
    const { limits, writer } = this.#shared;
    const body = frame.subarray(HEADER);
    const { role } = this.#config;
    // A server's HELLO lists mismatches, so its length depends on the client's
    // HELLO. A client therefore allows the protocol's maximum.
    const most = role === "client" ? MAX_HELLO : limits.maxHello;
    if (body.length > most) {
      return new HandshakeRefusal(
        "too-large",
        `HELLO has ${body.length} bytes; at most ${most} are accepted`,
      );
    }
    const { major } = helloVersion(body);
    if (major !== VERSION.major) {
      return new HandshakeRefusal(
        "version",
        `protocol version ${major} is not supported; expected version ${VERSION.major}`,
      );
    }
    const { methods, codecs } = this.#config;
    const hello = decodeHello(body, limits.maxMethods, this.#features, {
      protocol: methods.name,
      codecs: namesOf(codecs),
      methods: servedInOrder(methods).infos,
    });
    if (hello.role === role) {
      return new HandshakeRefusal(
        "protocol",
        `both sides have the role "${role}"; expected a client and a server`,
      );
    }
    const { auth } = hello;
    if (auth !== undefined && auth.length > limits.maxCredentials) {
      return new HandshakeRefusal(
        "too-large",
        credentialsTooLarge(auth, limits),
      );
    }
    const codec = this.#chooseCodec(hello);
    if (codec instanceof HandshakeRefusal) return codec;
    writer.codec = codec;
    this.#shared.features = hello.features &
      this.#features;
    writer.peerLimits = hello.maxFrameBody <= limits.maxFrameBody
      ? hello
      : { ...hello, maxFrameBody: limits.maxFrameBody };
    return hello;
  }

  /**
   * Returns the first of the peer's codecs that this side supports. Credentials
   * are encoded with the client's first codec, so a HELLO that contains them
   * allows no other.
   */
  #chooseCodec(
    { codecs: offered, auth }: Hello,
  ): MessageCodec | HandshakeRefusal {
    const { codecs } = this.#config;
    const usable = auth === undefined ? offered : offered.slice(0, 1);
    for (const wanted of usable) {
      const codec = codecs.find(({ name }) => name === wanted);
      if (codec !== undefined) return codec;
    }
    return new HandshakeRefusal(
      "codec",
      `codec "${
        truncateMessage(usable.map(printable).join(","))
      }" is not supported; expected ${
        codecs.map(({ name }) => `"${name}"`).join(" or ")
      }`,
    );
  }

  /** Heap bytes of the frames that were kept. */
  get heldEarly(): number {
    return this.#early?.held ?? 0;
  }

  /** Keeps a frame for later; returns `false` beyond the limit. */
  keepEarly(frame: Uint8Array): boolean {
    this.#early ??= new EarlyFrames(MAX_EARLY_BYTES);
    return this.#early.put(frame, this.#shared.now);
  }

  /** Returns and removes the kept frames. */
  takeEarly(): EarlyFrame[] {
    const frames = this.#early?.takeAll() ?? [];
    this.#early = undefined;
    return frames;
  }
}

/** Names of lists of codecs, which many sessions have in common. */
const codecNames = new WeakMap<readonly MessageCodec[], readonly string[]>();

function namesOf(codecs: readonly MessageCodec[]): readonly string[] {
  let names = codecNames.get(codecs);
  if (names === undefined) {
    names = codecs.map(({ name }) => name);
    codecNames.set(codecs, names);
  }
  return names;
}
