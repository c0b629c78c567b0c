/**
 * Slow, obvious decoders to compare the real ones with. Each one has the whole
 * stream, examines it anew for every frame, and shares no code with the library.
 */

export type Bytes = readonly number[];

export interface Modelled {
  frames: Bytes[];
  skipped: number;
  error: string | undefined;
  /** Bytes after the last frame; `undefined` inside a skipped frame. */
  rest: Bytes | undefined;
  /** The bytes of a skipped frame whose end is unknown. */
  skipping?: Bytes;
}

/** Result of examining the start of the remaining stream. */
export type Step =
  | { frame: Bytes; length: number }
  | { error: string; skip?: number | "unknown" }
  | { nothing: number }
  | "wait";

/** Applies a step until the stream is used up. */
export function model(
  wire: Bytes,
  step: (left: Bytes) => Step,
  skips: boolean,
): Modelled {
  const out: Modelled = { frames: [], skipped: 0, error: undefined, rest: [] };
  for (let at = 0; at < wire.length;) {
    const left = wire.slice(at);
    const found = step(left);
    if (found === "wait") return { ...out, rest: left };
    if ("nothing" in found) at += found.nothing;
    else if ("frame" in found) {
      out.frames.push(found.frame);
      at += found.length;
    } else if (skips && found.skip !== undefined) {
      out.skipped++;
      if (found.skip === "unknown") {
        return { ...out, rest: undefined, skipping: left };
      }
      if (at + found.skip > wire.length) return { ...out, rest: undefined };
      at += found.skip;
    } else return { ...out, error: found.error, rest: left };
  }
  return out;
}

/** Frames and faults that the end of the stream decides. */
export interface ModelledEnd {
  frames: Bytes[];
  skipped: number;
  error: string | undefined;
}

/**
 * Examines the bytes left at the end of the stream: with `step` as before, and
 * with `last`, which knows that no byte follows, where `step` waits.
 */
export function modelEnd(
  left: Bytes,
  step: (left: Bytes) => Step,
  last: (left: Bytes) => Step,
  skips: boolean,
): ModelledEnd {
  const out: ModelledEnd = { frames: [], skipped: 0, error: undefined };
  while (left.length > 0) {
    let found = step(left);
    if (found === "wait") found = last(left);
    if (found === "wait") return { ...out, error: "truncated" };
    if ("frame" in found) {
      out.frames.push(found.frame);
      left = left.slice(found.length);
    } else if (skips && "skip" in found && found.skip !== undefined) {
      out.skipped++;
      // No byte follows, so the end of the frame is known now, if it has one.
      const end = found.skip === "unknown" ? last(left) : found;
      const to = typeof end === "object" && "skip" in end && end.skip;
      if (typeof to !== "number") return { ...out, error: "truncated" };
      left = left.slice(to);
    } else if ("error" in found) return { ...out, error: found.error };
  }
  return out;
}

const begins = (left: Bytes, prefix: Bytes): boolean =>
  prefix.every((byte, i) => left[i] === byte);

export interface LengthModel {
  width: number;
  little: boolean;
  offset: number;
  headerLength: number;
  adjustment: number;
  strip: number;
  magic: Bytes;
  trailer: Bytes;
  min: number;
  limit: number;
}

export function lengthStep(o: LengthModel): (left: Bytes) => Step {
  return (left) => {
    if (!begins(o.magic, left.slice(0, o.magic.length))) {
      return { error: "bad-magic" };
    }
    const fieldEnd = o.offset + o.width;
    if (left.length < fieldEnd) return "wait";
    const field = left.slice(o.offset, fieldEnd);
    if (o.little) field.reverse();
    const value = field.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const total = value + BigInt(fieldEnd + o.adjustment);
    if (total < fieldEnd + o.trailer.length) return { error: "bad-length" };
    const payload = total - BigInt(o.strip + o.trailer.length);
    const skip = total < 2n ** 53n ? { skip: Number(total) } : {};
    if (payload > o.limit) return { error: "too-large", ...skip };
    if (payload < o.min) return { error: "too-short", ...skip };
    const length = Number(total);
    if (left.length < length) return "wait";
    const end = length - o.trailer.length;
    if (!begins(left.slice(end), o.trailer)) return { error: "bad-terminator" };
    return { frame: left.slice(o.strip, end), length };
  };
}

export function varintStep(
  o: {
    maxPrefix: number;
    canonical: boolean;
    offset: number;
    keep: boolean;
    limit: number;
  },
): (left: Bytes) => Step {
  return (left) => {
    const prefix = left.slice(o.offset, o.offset + o.maxPrefix);
    const last = prefix.findIndex((byte) => byte < 128);
    if (last < 0) {
      return prefix.length < o.maxPrefix ? "wait" : { error: "bad-prefix" };
    }
    const digits = prefix.slice(0, last + 1);
    if (o.canonical && last > 0 && digits[last] === 0) {
      return { error: "bad-prefix" };
    }
    const value = digits.reduceRight((s, d) => s * 128n + BigInt(d % 128), 0n);
    const header = o.offset + last + 1;
    const total = Number(value) + header;
    const skip = value + BigInt(header) < 2n ** 53n ? { skip: total } : {};
    const payload = o.keep ? total : Number(value);
    if (payload > o.limit) return { error: "too-large", ...skip };
    if (left.length < total) return "wait";
    return { frame: left.slice(o.keep ? 0 : header, total), length: total };
  };
}

export function fixedStep(length: number): (left: Bytes) => Step {
  return (left) =>
    left.length < length ? "wait" : { frame: left.slice(0, length), length };
}

/**
 * Returns the first delimiter, or the offset at which one may have begun, unless
 * no byte follows.
 */
function findDelimiter(
  left: Bytes,
  delimiters: readonly Bytes[],
  last = false,
): { at: number; length: number } | { waits: number } | undefined {
  for (let at = 0; at < left.length; at++) {
    for (const delimiter of delimiters) {
      const here = left.slice(at, at + delimiter.length);
      if (!begins(delimiter, here)) continue;
      const { length } = delimiter;
      if (here.length === length) return { at, length };
      if (!last) return { waits: at };
    }
  }
  return undefined;
}

export function delimitedStep(
  o: { delimiters: readonly Bytes[]; keep: boolean; limit: number },
): (left: Bytes) => Step {
  return (left) => {
    const found = findDelimiter(left, o.delimiters);
    const at = found === undefined
      ? left.length
      : "at" in found
      ? found.at
      : found.waits;
    const end = found && "at" in found ? found.at + found.length : undefined;
    if (at > o.limit) return { error: "too-large", skip: end ?? "unknown" };
    if (end === undefined) return "wait";
    return { frame: left.slice(0, o.keep ? end : at), length: end };
  };
}

/** Examines the last bytes of a stream, which may end a frame without a delimiter. */
export function delimitedLastStep(
  o: {
    delimiters: readonly Bytes[];
    keep: boolean;
    limit: number;
    endDelimits: boolean;
  },
): (left: Bytes) => Step {
  return (left) => {
    const found = findDelimiter(left, o.delimiters, true);
    if (found === undefined && !o.endDelimits) return "wait";
    const { at, length } = found && "at" in found
      ? found
      : { at: left.length, length: 0 };
    if (at > o.limit) return { error: "too-large", skip: at + length };
    return {
      frame: left.slice(0, o.keep ? at + length : at),
      length: at + length,
    };
  };
}

const text = (bytes: Bytes): string => String.fromCharCode(...bytes);

export function netstringStep(limit: number): (left: Bytes) => Step {
  return (left) => {
    const head = text(left.slice(0, 20));
    const prefix = /^(0|[1-9][0-9]{0,15}):/.exec(head);
    if (prefix === null) {
      return /^(0|[1-9][0-9]{0,15})?$/.test(head)
        ? "wait"
        : { error: "bad-prefix" };
    }
    const value = Number(prefix[1]);
    const header = prefix[0].length;
    const length = header + value + 1;
    if (value > limit) {
      const skip = Number.isSafeInteger(length) ? { skip: length } : {};
      return { error: "too-large", ...skip };
    }
    if (left.length < length) return "wait";
    if (left[length - 1] !== 0x2c) return { error: "bad-terminator" };
    return { frame: left.slice(header, length - 1), length };
  };
}

export function contentLengthStep(
  o: { maxHeader: number; limit: number },
): (left: Bytes) => Step {
  const blank = [13, 10, 13, 10];
  return (left) => {
    const found = findDelimiter(left, [blank]);
    const at = found === undefined
      ? left.length
      : "at" in found
      ? found.at
      : found.waits;
    if (at + 4 > o.maxHeader) return { error: "bad-header" };
    if (found === undefined || !("at" in found)) return "wait";
    let value: number | undefined;
    for (const line of text(left.slice(0, at)).split("\r\n")) {
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(0, colon));
      const content = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
      if (name === "" || /[^!#$%&'*+.^_`|~0-9A-Za-z-]/.test(name)) {
        return { error: "bad-header" };
      }
      if (/[\r\n\0]/.test(content)) return { error: "bad-header" };
      if (name.toLowerCase() !== "content-length") continue;
      const digits = content.length > 0 && content.length <= 16 &&
        [...content].every((c) => "0123456789".includes(c));
      if (!digits || value !== undefined) return { error: "bad-header" };
      value = Number(content);
    }
    if (value === undefined) return { error: "bad-header" };
    const length = at + 4 + value;
    if (value > o.limit) {
      const skip = Number.isSafeInteger(length) ? { skip: length } : {};
      return { error: "too-large", ...skip };
    }
    if (left.length < length) return "wait";
    return { frame: left.slice(at + 4, length), length };
  };
}

/** Returns the step for stuffed or escaped frames that end with one byte. */
function terminatedStep(
  terminator: number,
  maxEncoded: number,
  limit: number,
  decode: (encoded: Bytes) => Bytes | undefined,
): (left: Bytes) => Step {
  return (left) => {
    const at = left.indexOf(terminator);
    if (at === 0) return { nothing: 1 };
    if ((at < 0 ? left.length : at) > maxEncoded) {
      return { error: "too-large", skip: at < 0 ? "unknown" : at + 1 };
    }
    if (at < 0) return "wait";
    const frame = decode(left.slice(0, at));
    if (frame === undefined) return { error: "bad-encoding", skip: at + 1 };
    if (frame.length > limit) return { error: "too-large", skip: at + 1 };
    return { frame, length: at + 1 };
  };
}

export function cobsStep(limit: number): (left: Bytes) => Step {
  const maxEncoded = limit + Math.floor(limit / 254) + 2;
  return terminatedStep(0, maxEncoded, limit, (encoded) => {
    const out: number[] = [];
    for (let rest = encoded; rest.length > 0;) {
      const code = rest[0]!;
      if (code > rest.length) return undefined;
      out.push(...rest.slice(1, code));
      rest = rest.slice(code);
      if (code < 255 && rest.length > 0) out.push(0);
    }
    return out;
  });
}

export function slipStep(limit: number): (left: Bytes) => Step {
  return terminatedStep(0xc0, 2 * limit, limit, (encoded) => {
    if (/\xdb(?![\xdc\xdd])/.test(text(encoded))) return undefined;
    return [
      ...text(encoded).replaceAll("\xdb\xdc", "\xc0")
        .replaceAll("\xdb\xdd", "\xdb"),
    ].map((c) => c.charCodeAt(0));
  });
}

/** Joins parts by drpc's rule: a byte of flags, whose bit 0 is "done". */
export function joinDone(
  inner: Modelled,
  o: { limit: number; maxParts: number },
  skips: boolean,
): Modelled {
  const out: Modelled = { ...inner, frames: [], skipped: 0 };
  let parts: Bytes[] = [];
  let skipping = false;
  for (const part of inner.frames) {
    if (part.length === 0) return { ...out, error: "bad-header" };
    const last = (part[0]! & 1) === 1;
    parts.push(part.slice(1));
    const message = parts.flat();
    const fault = message.length > o.limit
      ? "too-large"
      : parts.length > o.maxParts
      ? "too-many-parts"
      : undefined;
    if (fault !== undefined && !skipping) {
      if (!skips) return { ...out, error: fault };
      out.skipped++;
      skipping = true;
    }
    if (!last) continue;
    if (!skipping) out.frames.push(message);
    parts = [];
    skipping = false;
  }
  if (parts.length > 0) out.rest = undefined;
  return out;
}
