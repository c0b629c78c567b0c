/**
 * Checks a JSON body before parsing, in one pass without recursion.
 *
 * Depth, counts and sizes must be within the limits, and no key may be
 * `__proto__`. The parser checks whether the body is well-formed.
 *
 * @module
 */
import { CodecError } from "./errors.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, UNDERSCORE = 0x5f;
const SCALAR = 0, BETWEEN = 1, OPEN = 2, CLOSE = 3, STRING = 4;

/** The kind of each byte outside strings. */
const KINDS = new Uint8Array(256);
for (const character of " \t\n\r,:") KINDS[character.charCodeAt(0)] = BETWEEN;
for (const character of "[{") KINDS[character.charCodeAt(0)] = OPEN;
for (const character of "]}") KINDS[character.charCodeAt(0)] = CLOSE;
KINDS[QUOTE] = STRING;

const PROTO = '"__proto__"';
/** Length of the longest spelling of `"__proto__"`, with every character escaped. */
const LONGEST_PROTO = 2 + 9 * 6;
/** Minimum length of a number that is infinite without having an exponent. */
const LONGEST_FINITE = 309;
const fromUtf8 = new TextDecoder();

/** Scanner that checks bodies against the limits. */
export class JsonScanner {
  readonly #limits: ResolvedCodecLimits;

  /** @param limits the limits of a message */
  constructor(limits: ResolvedCodecLimits) {
    this.#limits = limits;
  }

  /**
   * Checks one body.
   *
   * @throws {CodecError} if the body exceeds a limit, contains a number that
   * would become infinite, or contains the key `__proto__`
   */
  scan(bytes: Uint8Array): void {
    const { maxDepth, maxNodes, maxBytes } = this.#limits;
    let depth = 0, nodes = 0, text = 0;
    for (let at = 0; at < bytes.length; at++) {
      const kind = KINDS[bytes[at]!]!;
      if (kind === BETWEEN) continue;
      if (kind === CLOSE) {
        depth--;
        continue;
      }
      if (++nodes > maxNodes) throw this.#over("maxNodes", at, nodes);
      if (kind === STRING) {
        const end = endOfString(bytes, at);
        if ((text += end - at - 2) > maxBytes) {
          throw this.#over("maxBytes", at, text);
        }
        if (mayBeProto(bytes[at + 1]!) && isProto(bytes, at, end)) {
          throw protoKey(at);
        }
        at = end - 1;
      } else if (kind === OPEN) {
        if (++depth > maxDepth) throw this.#over("maxDepth", at, depth);
      } else {
        const end = endOfScalar(bytes, at);
        requireFinite(bytes, at, end);
        at = end - 1;
      }
    }
  }

  #over(
    limit: keyof ResolvedCodecLimits,
    offset: number,
    found: number,
  ): CodecError {
    const allowed = this.#limits[limit];
    return new CodecError(
      `Cannot decode as json: '${limit}' allows ${allowed}, found ${found} (at byte ${offset})`,
      { code: "too-large", offset, limit, allowed, found },
    );
  }
}

/** Returns the offset after the closing quote, or the body's end. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  return bytes.length;
}

/** Returns the offset after a number or a literal. */
function endOfScalar(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && KINDS[bytes[at]!] === SCALAR) at++;
  return at;
}

/** Rejects numbers that the parser would silently turn into `Infinity`. */
function requireFinite(bytes: Uint8Array, start: number, end: number): void {
  if (end - start < LONGEST_FINITE && !hasExponent(bytes, start, end)) return;
  const number = Number(fromUtf8.decode(bytes.subarray(start, end)));
  if (number !== Infinity && number !== -Infinity) return;
  throw new CodecError(
    `Cannot decode as json: a number is too large for JavaScript (at byte ${start})`,
    { code: "range", offset: start },
  );
}

function hasExponent(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((bytes[at]! | 0x20) === 0x65) return true; // e or E
  }
  return false;
}

/** Returns whether a string that begins with this byte could spell `__proto__`. */
function mayBeProto(first: number): boolean {
  return first === UNDERSCORE || first === BACKSLASH;
}

/** Returns whether a string is the key `__proto__`, escaped or not. */
function isProto(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < PROTO.length || length > LONGEST_PROTO) return false;
  let next = end;
  while (KINDS[bytes[next]!] === BETWEEN && bytes[next] !== COLON) next++;
  if (bytes[next] !== COLON) return false;
  const written = fromUtf8.decode(bytes.subarray(start, end));
  return written.replace(
    /\\u([0-9a-f]{4})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  ) === PROTO;
}

function protoKey(offset: number): CodecError {
  return new CodecError(
    `Cannot decode as json: the key '__proto__' is not allowed (at byte ${offset})`,
    { code: "key", offset },
  );
}
