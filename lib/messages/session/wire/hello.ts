/**
 * HELLO, the first frame in each direction (PROTOCOL.md, "HELLO"). It does not
 * depend on a codec:
 *
 * ```text
 *   0  "LWP1"              4  u8 major, u8 minor, u8 role (0 client, 1 server), u8 0
 *   8  u32 features       12  u32 maxFrameBody     16  u32 maxMessage   20  u32 maxCalls
 *  24  u32 streamWindow   28  u32 connectionWindow 32  u32 heartbeat, ms
 *  36  u32 protocol hash  40  u32 notifyWindow    44  u32 itemsWindow  48  u32 maxAssembly
 *  52  entries: u8 type, u16 length, value
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import { type Shape, SHAPES } from "./shape.ts";
import { decodeText, MalformedError } from "./malformed_error.ts";
import {
  MISMATCH_REASONS,
  type MismatchReason,
} from "./method_compatibility.ts";
import { AGENT } from "./agent.ts";
import { getU16, getU32, putU16, putU32 } from "./frame_header.ts";
import { Feature } from "./features.ts";
import { fromHex } from "../../support/hex.ts";
import { decodeId, decodeLocation } from "./identity.ts";
import { decodeOutcomes, encodeOutcomes, type Outcomes } from "./once_field.ts";
import {
  decodeRefusal,
  decodeResume,
  decodeResumed,
  decodeToken,
  encodeRefusal,
  encodeResume,
  encodeResumed,
  encodeToken,
  type ResumePoint,
  type ResumeRefusal,
  type ResumeRequest,
  type SessionToken,
} from "./resumption.ts";

/** Version of the wire protocol; peers with different major versions are incompatible. */
export const VERSION = { major: 1, minor: 0 } as const;

/** A method that a HELLO lists. */
export interface MethodInfo {
  /** Dotted name. */
  readonly name: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Hash of its schemas; 0 if it has only types. */
  readonly hash: number;
}

/** A caller's method that the callee does not serve as declared. */
export interface Mismatch {
  /** Index in the caller's list. */
  readonly method: number;
  /** Reason for the mismatch. */
  readonly reason: MismatchReason;
}

/** The content of a HELLO. "This side" is its sender. */
export interface Hello {
  /** End of the connection that sends the HELLO. */
  readonly role: "client" | "server";
  /** Features that this side offers; see {@linkcode Feature}. */
  readonly features: number;
  /** Largest frame body that this side accepts, in bytes. */
  readonly maxFrameBody: number;
  /** Largest message that this side accepts, in bytes. */
  readonly maxMessage: number;
  /** Number of calls in flight that this side accepts. */
  readonly maxCalls: number;
  /** Initial credit for the items of each call. */
  readonly streamWindow: number;
  /** Initial credit for all requests. */
  readonly connectionWindow: number;
  /** Initial credit for all notifications. */
  readonly notifyWindow: number;
  /** Initial credit for the items of all calls together. */
  readonly itemsWindow: number;
  /** Bytes of unfinished messages, other than items, to which the peer keeps. */
  readonly maxAssembly: number;
  /** Milliseconds of silence after which this side sends a PING. */
  readonly heartbeat: number;
  /** Hash of the protocol that this side speaks. */
  readonly protocolHash: number;
  /** Name of that protocol. */
  readonly protocol: string;
  /** Name and version of the library that this side uses. */
  readonly agent: string;
  /** Names of the codecs: those of a client in order of preference, or the server's choice. */
  readonly codecs: readonly string[];
  /** The peer's methods that this side may call; a REQUEST names one by its index. */
  readonly methods: readonly MethodInfo[];
  /** Methods in the client's list that do not match (server only). */
  readonly mismatches: readonly Mismatch[];
  /** Credentials, encoded with the first codec (client only). */
  readonly auth: Uint8Array | undefined;
  /** Id of the session, in hexadecimal (server only). */
  readonly session?: string | undefined;
  /** Id of the server's instance, in hexadecimal (server only). */
  readonly instance?: string | undefined;
  /** Address at which this instance can be reached (server only). */
  readonly location?: string | undefined;
  /** Whether broadcasts reach the client through another session (client only). */
  readonly secondary?: boolean | undefined;
  /** Where the server stores outcomes of calls with ONCE (server only). */
  readonly outcomes?: Outcomes | undefined;
  /**
   * Milliseconds over which clients connect again after a loss (server only).
   *
   * `undefined` if the server names none.
   */
  readonly spread: number | undefined;
  /** The session that the client wants to resume (client only). */
  readonly resume?: ResumeRequest | undefined;
  /** Secret with which this session can be resumed (server only). */
  readonly token?: SessionToken | undefined;
  /** The point at which the session goes on (server only). */
  readonly resumed?: ResumePoint | undefined;
  /** Why the session does not go on (server only). */
  readonly resumeRefused?: ResumeRefusal | undefined;
}

const MAGIC = [0x4c, 0x57, 0x50, 0x31]; // "LWP1"
/** Size in bytes of the fixed members. */
export const FIXED = 52;
/** Maximum size of a HELLO in bytes. */
export const MAX_HELLO: number = 64 * 1024;
/** Size in bytes of an entry's header: the type and the length. */
const ENTRY_HEADER = 3;
const Entry = {
  PROTOCOL: 0x01,
  CODEC: 0x02,
  METHODS: 0x03,
  AUTH: 0x04,
  MISMATCHES: 0x05,
  AGENT: 0x06,
  SESSION: 0x07,
  INSTANCE: 0x08,
  LOCATION: 0x09,
  TOKEN: 0x0a,
  RESUME: 0x0b,
  RESUMED: 0x0c,
  RESUME_REFUSED: 0x0d,
  SPREAD: 0x0e,
  OUTCOMES: 0x10,
  SECONDARY: 0x11,
} as const;

const encoder = /* @__PURE__ */ new TextEncoder();
const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);
const NO_MISMATCHES: readonly Mismatch[] = [];
const NOTHING: ExpectedHello = { protocol: "", codecs: [], methods: [] };

/**
 * Encodes the body of a HELLO.
 *
 * @throws {RangeError} if an entry exceeds 65,535 bytes
 */
export function encodeHello(hello: Hello): Uint8Array {
  const fixed = new Uint8Array(FIXED);
  fixed.set(MAGIC);
  fixed[4] = VERSION.major;
  fixed[5] = VERSION.minor;
  fixed[6] = hello.role === "client" ? 0 : 1;
  putU32(fixed, 8, hello.features);
  putU32(fixed, 12, hello.maxFrameBody);
  putU32(fixed, 16, hello.maxMessage);
  putU32(fixed, 20, hello.maxCalls);
  putU32(fixed, 24, hello.streamWindow);
  putU32(fixed, 28, hello.connectionWindow);
  putU32(fixed, 32, hello.heartbeat);
  putU32(fixed, 36, hello.protocolHash);
  putU32(fixed, 40, hello.notifyWindow);
  putU32(fixed, 44, hello.itemsWindow);
  putU32(fixed, 48, hello.maxAssembly);
  const parts: Uint8Array[] = [fixed, commonEntries(hello)];
  const { auth, mismatches, agent, outcomes, spread } = hello;
  if (auth !== undefined) parts.push(entry(Entry.AUTH, auth));
  if (mismatches.length > 0) {
    parts.push(entry(Entry.MISMATCHES, encodeMismatches(mismatches)));
  }
  if (agent !== "") parts.push(entry(Entry.AGENT, encoder.encode(agent)));
  if (outcomes !== undefined) {
    parts.push(entry(Entry.OUTCOMES, encodeOutcomes(outcomes)));
  }
  if (spread !== undefined) parts.push(entry(Entry.SPREAD, encodeU32(spread)));
  addIdentity(parts, hello);
  addResumption(parts, hello);
  return concat(parts);
}

/** Entries that are the same in each HELLO of a side. */
interface CommonEntries {
  readonly protocol: string;
  readonly codecs: string;
  readonly bytes: Uint8Array;
}

/** The entries that were encoded last, for each list of methods. */
const commonBytes = new WeakMap<readonly MethodInfo[], CommonEntries>();

/** Returns the entries PROTOCOL, CODEC and METHODS. */
function commonEntries({ protocol, codecs, methods }: Hello): Uint8Array {
  const names = codecs.join(",");
  const last = commonBytes.get(methods);
  if (last?.protocol === protocol && last.codecs === names) return last.bytes;
  const bytes = concat([
    entry(Entry.PROTOCOL, encoder.encode(protocol)),
    entry(Entry.CODEC, encoder.encode(names)),
    entry(Entry.METHODS, encodeMethods(methods)),
  ]);
  commonBytes.set(methods, { protocol, codecs: names, bytes });
  return bytes;
}

function addIdentity(parts: Uint8Array[], hello: Hello): void {
  const { session, instance, location, secondary } = hello;
  if (session !== undefined) {
    parts.push(entry(Entry.SESSION, fromHex(session)));
  }
  if (instance !== undefined) {
    parts.push(entry(Entry.INSTANCE, fromHex(instance)));
  }
  if (location !== undefined) {
    parts.push(entry(Entry.LOCATION, encoder.encode(location)));
  }
  if (secondary) parts.push(entry(Entry.SECONDARY, NO_BYTES));
}

function addResumption(parts: Uint8Array[], hello: Hello): void {
  const { resume, token, resumed, resumeRefused } = hello;
  if (token !== undefined) parts.push(entry(Entry.TOKEN, encodeToken(token)));
  if (resume !== undefined) {
    parts.push(entry(Entry.RESUME, encodeResume(resume)));
  }
  if (resumed !== undefined) {
    parts.push(entry(Entry.RESUMED, encodeResumed(resumed)));
  }
  if (resumeRefused !== undefined) {
    parts.push(entry(Entry.RESUME_REFUSED, encodeRefusal(resumeRefused)));
  }
}

/** Returns the advice for a HELLO that is too long. */
export function helloAdvice({ auth, methods }: Hello): string {
  return (auth?.length ?? 0) > encodeMethods(methods).length
    ? "use smaller credentials"
    : "use fewer or shorter method names";
}

function entry(type: number, value: Uint8Array): Uint8Array {
  if (value.length > 0xffff) {
    throw new RangeError(
      `Cannot put ${value.length} bytes into entry ${type} of the handshake: it holds at most 65535 bytes; use ${
        type === Entry.AUTH
          ? "smaller credentials"
          : "fewer or shorter method names"
      }`,
    );
  }
  const bytes = new Uint8Array(ENTRY_HEADER + value.length);
  bytes[0] = type;
  putU16(bytes, 1, value.length);
  bytes.set(value, ENTRY_HEADER);
  return bytes;
}

function encodeU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

/** Encoded lists of methods; sessions of a protocol send the same one. */
const encodedLists = new WeakMap<readonly MethodInfo[], Uint8Array>();

/** Returns the content of METHODS; the list must not change afterwards. */
function encodeMethods(methods: readonly MethodInfo[]): Uint8Array {
  let encoded = encodedLists.get(methods);
  if (encoded === undefined) {
    encoded = encodeList(methods);
    encodedLists.set(methods, encoded);
  }
  return encoded;
}

function encodeList(methods: readonly MethodInfo[]): Uint8Array {
  return concat(methods.map(({ name, shape, hash }) => {
    const text = encoder.encode(name);
    const bytes = new Uint8Array(6 + text.length);
    bytes[0] = SHAPES.indexOf(shape);
    putU32(bytes, 1, hash);
    bytes[5] = text.length;
    bytes.set(text, 6);
    return bytes;
  }));
}

function encodeMismatches(mismatches: readonly Mismatch[]): Uint8Array {
  const bytes = new Uint8Array(mismatches.length * 3);
  mismatches.forEach(({ method, reason }, index) => {
    putU16(bytes, index * 3, method);
    bytes[index * 3 + 2] = MISMATCH_REASONS.indexOf(reason);
  });
  return bytes;
}

/**
 * Returns the version of a HELLO. Its offset is the same in every version.
 *
 * @throws {MalformedError} if the body does not begin as a HELLO does
 */
export function helloVersion(
  body: Uint8Array,
): { major: number; minor: number } {
  if (body.length < 6 || MAGIC.some((byte, at) => body[at] !== byte)) {
    throw new MalformedError(
      'the first frame does not begin with "LWP1": the peer speaks another protocol',
    );
  }
  return { major: body[4]!, minor: body[5]! }; // in range: length >= 6
}

/**
 * Parts that peers with the same protocol send in a HELLO.
 *
 * Equal parts of a HELLO are replaced by these, so that a thousand sessions
 * hold them once. They never come from a peer.
 */
export interface ExpectedHello {
  /** Name of this side's protocol. */
  readonly protocol: string;
  /** Names of this side's codecs. */
  readonly codecs: readonly string[];
  /** The methods that this side serves. */
  readonly methods: readonly MethodInfo[];
}

/**
 * Decodes the body of a HELLO.
 *
 * @param body the bytes after the frame header
 * @param maxMethods highest number of methods to accept
 * @param features features that this side offers; entries of others are skipped
 * @param expected parts that need no copy if the HELLO has the same
 * @throws {MalformedError} if the body is malformed or exceeds a limit
 */
export function decodeHello(
  body: Uint8Array,
  maxMethods: number,
  features = 0,
  expected: ExpectedHello = NOTHING,
): Hello {
  helloVersion(body);
  if (body.length < FIXED) throw new MalformedError("HELLO is truncated");
  const role = roleOf(body[6]!); // in range: length >= FIXED
  const entries = readEntries(body);
  // Ignore entries that this role does not send.
  const from = (sender: Hello["role"], entry: number) =>
    role === sender ? entries.get(entry) : undefined;
  const outcomes = from("server", Entry.OUTCOMES);
  const session = decodeId(from("server", Entry.SESSION));
  const instance = decodeId(from("server", Entry.INSTANCE));
  return {
    role,
    features: getU32(body, 8),
    maxFrameBody: checkRange(getU32(body, 12), 16 * 1024, "maxFrameBody"),
    maxMessage: checkRange(getU32(body, 16), 64 * 1024, "maxMessage"),
    maxCalls: checkRange(getU32(body, 20), 32, "maxCalls"),
    streamWindow: checkRange(getU32(body, 24), 1024, "streamWindow"),
    connectionWindow: checkRange(
      getU32(body, 28),
      64 * 1024,
      "connectionWindow",
    ),
    notifyWindow: checkRange(getU32(body, 40), 16 * 1024, "notifyWindow"),
    itemsWindow: checkRange(getU32(body, 44), 64 * 1024, "itemsWindow"),
    maxAssembly: checkRange(getU32(body, 48), 64 * 1024, "maxAssembly"),
    heartbeat: getU32(body, 32),
    protocolHash: getU32(body, 36),
    protocol: shared(
      decodeText(entries.get(Entry.PROTOCOL) ?? NO_BYTES),
      expected.protocol,
    ),
    codecs: decodeCodecs(entries.get(Entry.CODEC), expected.codecs),
    agent: shared(decodeText(entries.get(Entry.AGENT) ?? NO_BYTES), AGENT),
    methods: isExpected(entries.get(Entry.METHODS), maxMethods, expected)
      ? expected.methods
      : decodeMethods(entries.get(Entry.METHODS), maxMethods),
    mismatches: decodeMismatches(
      from("server", Entry.MISMATCHES),
      maxMethods,
    ),
    auth: from("client", Entry.AUTH)?.slice(),
    ...(session !== undefined && { session }),
    ...(instance !== undefined && { instance }),
    ...(from("client", Entry.SECONDARY) && { secondary: true }),
    ...(outcomes && { outcomes: decodeOutcomes(outcomes) }),
    spread: decodeU32(from("server", Entry.SPREAD)),
    ...decodeResumptionEntries(from, getU32(body, 8) & features),
  };
}

/** Decodes the entries of the feature `resume`, if both ends offer it. */
function decodeResumptionEntries(
  from: (sender: Hello["role"], entry: number) => Uint8Array | undefined,
  features: number,
): Pick<
  Hello,
  "location" | "resume" | "token" | "resumed" | "resumeRefused"
> {
  if ((features & Feature.RESUME) === 0) return {};
  return {
    location: decodeLocation(from("server", Entry.LOCATION)),
    resume: decodeResume(from("client", Entry.RESUME)),
    token: decodeToken(from("server", Entry.TOKEN)),
    resumed: decodeResumed(from("server", Entry.RESUMED)),
    resumeRefused: decodeRefusal(from("server", Entry.RESUME_REFUSED)),
  };
}

function roleOf(byte: number): Hello["role"] {
  if (byte === 0) return "client";
  if (byte === 1) return "server";
  throw new MalformedError(`HELLO has role ${byte}; expected 0 or 1`);
}

/**
 * Checks a limit. A value below the range would be useless; one above it could
 * not be granted as credit.
 */
function checkRange(value: number, least: number, name: string): number {
  if (value >= least && value < 2 ** 31) return value;
  throw new MalformedError(
    `HELLO has ${name} ${value}; expected ${least} to ${2 ** 31 - 1}`,
  );
}

function readEntries(body: Uint8Array): Map<number, Uint8Array> {
  const entries = new Map<number, Uint8Array>();
  let at = FIXED;
  while (at < body.length) {
    const start = at + ENTRY_HEADER;
    if (start > body.length) {
      throw new MalformedError("HELLO is truncated");
    }
    const end = start + getU16(body, at + 1);
    if (end > body.length) throw new MalformedError("HELLO is truncated");
    entries.set(body[at]!, body.subarray(start, end)); // in range: start <= length
    at = end;
  }
  return entries;
}

/** Returns a number that is for information: another length counts as absent. */
function decodeU32(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? getU32(bytes, 0) : undefined;
}

/** Returns the known one of two equal strings: the other can be collected. */
function shared(text: string, known: string): string {
  return text === known ? known : text;
}

function decodeCodecs(
  bytes: Uint8Array = NO_BYTES,
  known: readonly string[],
): readonly string[] {
  const text = decodeText(bytes);
  return text === known.join(",") ? known : text.split(",");
}

/** Whether METHODS is the expected list, within the limit. */
function isExpected(
  bytes: Uint8Array = NO_BYTES,
  limit: number,
  { methods }: ExpectedHello,
): boolean {
  return methods.length <= limit && equals(bytes, encodeMethods(methods));
}

function decodeMethods(
  bytes: Uint8Array = NO_BYTES,
  limit: number,
): MethodInfo[] {
  const methods: MethodInfo[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 6 + (bytes[at + 5] ?? 0);
    if (end > bytes.length) {
      throw new MalformedError("the method list is truncated");
    }
    const shape = SHAPES[bytes[at]!]; // in range: end <= length
    if (shape === undefined) {
      throw new MalformedError(`${bytes[at]} is not a valid method shape`);
    }
    if (methods.length === limit) {
      throw new MalformedError(`more than ${limit} methods are listed`);
    }
    methods.push({
      shape,
      hash: getU32(bytes, at + 1),
      name: decodeText(bytes.subarray(at + 6, end)),
    });
    at = end;
  }
  return methods;
}

function decodeMismatches(
  bytes: Uint8Array = NO_BYTES,
  limit: number,
): readonly Mismatch[] {
  if (bytes.length === 0) return NO_MISMATCHES;
  if (bytes.length % 3 !== 0) {
    throw new MalformedError("the list of mismatches is truncated");
  }
  if (bytes.length / 3 > limit) {
    throw new MalformedError(`more than ${limit} mismatches are listed`);
  }
  return Array.from({ length: bytes.length / 3 }, (_, index) => ({
    method: getU16(bytes, index * 3),
    reason: MISMATCH_REASONS[bytes[index * 3 + 2]!] ?? "missing", // in range; an unknown reason, from a later version, counts as "missing"
  }));
}
