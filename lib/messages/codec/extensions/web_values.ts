/**
 * Extensions for `URL`, errors and `RegExp`.
 *
 * @module
 */
import { type CodecExtension, ValueExtension } from "./extension.ts";

/** Bytes of a `URL` beside its text; about 200 are held. */
const URL_BYTES = 300;
/**
 * Maximum number of characters of a host with its port: the longest name in DNS,
 * and `:65535`. Time for the Unicode characters of a label is in proportion to the
 * square of their number.
 */
const MAX_HOST = 259;
/** The host and port of a URL without spaces; opaque hosts are exempt. */
const HOST =
  /^(?:(?:https?|wss?|ftp):[/\\]*|file:[/\\]{2})(?:[^/\\?#]*@)?([^/\\?#]*)/i;
/** White space and control characters; those in a URL are no part of its host. */
const SPACES = /[\0-\x20]+/g;
/**
 * Bytes of an error; about 400 are held. More is charged, because creating one
 * takes long.
 */
const ERROR_BYTES = 1_500;
/** Bytes of a `RegExp`; about 160 are held until it is used. */
const REGEXP_BYTES = 600;

/**
 * Extension for `URL`, named `url`. The payload is the text of the URL.
 *
 * URLs with a host of more than 259 characters are rejected: no name in DNS is
 * longer, and parsing them takes long.
 *
 * @category Values
 */
export const urls: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "url",
  prototypes: [/* @__PURE__ */ urlPrototype()],
  encode(value) {
    const href = hrefOf(value as URL);
    requireShortHost(href);
    return href;
  },
  decode(payload) {
    const text = textOf(payload);
    requireShortHost(text);
    try {
      return new URL(text);
    } catch { // its message quotes the text
      throw new TypeError("the payload is not a URL");
    }
  },
  held: (payload) => URL_BYTES + (isText(payload) ? 2 * payload.length : 0),
});

/** The built-in classes of errors, by name. */
const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};
/** Own properties that an error may have. */
const ERROR_KEYS = ["message", "name", "cause", "stack"];
const PAYLOAD_KEYS = ["type", "message", "name", "cause"];

/**
 * Extension for errors of the built-in classes, named `error`. Use it for errors
 * that are values, such as those in a report; handlers throw declared errors.
 *
 * The class, `message`, `name` and `cause` are sent, and `stack` is not: it would
 * reveal details of the program. Errors with other properties, and those of
 * other classes, are rejected; create an extension for such a class.
 *
 * @category Values
 */
export const errors: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "error",
  prototypes: /* @__PURE__ */ errorPrototypes(),
  encode(value) {
    const error = value as Error; // has the prototype of an error
    const extra = Object.keys(error).find((key) => !ERROR_KEYS.includes(key));
    if (extra !== undefined) {
      throw new TypeError(
        `an error with the property '${extra}' is not carried`,
      );
    }
    const type = classOf(error);
    return {
      type,
      message: String(error.message),
      ...(error.name === type ? {} : { name: String(error.name) }),
      ...(Object.hasOwn(error, "cause") ? { cause: error.cause } : {}),
    };
  },
  decode(payload) {
    if (!isRecord(payload)) throw new TypeError("the payload is not an object");
    for (const key in payload) {
      if (!PAYLOAD_KEYS.includes(key)) {
        throw new TypeError("the payload has a key of no meaning");
      }
    }
    const { type, message, name } = payload;
    const Class = isText(type) && Object.hasOwn(ERRORS, type)
      ? ERRORS[type]
      : undefined;
    if (
      Class === undefined || !isText(message) ||
      name !== undefined && !isText(name)
    ) throw new TypeError("the payload is not a built-in error");
    const error = Object.hasOwn(payload, "cause")
      ? new Class(message, { cause: payload["cause"] })
      : new Class(message);
    if (name !== undefined) {
      Object.defineProperty(error, "name", {
        value: name,
        writable: true,
        configurable: true,
      });
    }
    // Frames of the codec would mislead readers of a log, and hold much.
    error.stack = `${name ?? type}: ${message}`;
    return error;
  },
  held: () => ERROR_BYTES,
});

/**
 * Extension for `RegExp`, named `regexp`. The payload is an array of the source and
 * the flags. `lastIndex` is not sent.
 *
 * Matching text with a pattern of a peer can take any time. Use this extension
 * only if you trust the peer.
 *
 * @category Values
 */
export const regexps: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "regexp",
  prototypes: [/* @__PURE__ */ regexpPrototype()],
  encode(value) {
    const { source, flags } = value as RegExp; // has the prototype of RegExp
    return [source, flags];
  },
  decode(payload) {
    const [source, flags] = Array.isArray(payload) ? payload : [];
    try {
      return new RegExp(textOf(source), textOf(flags));
    } catch { // its message quotes the pattern
      throw new TypeError("the payload is not a valid pattern with flags");
    }
  },
  held: () => REGEXP_BYTES,
});

function urlPrototype(): object {
  return URL.prototype;
}

function regexpPrototype(): object {
  return RegExp.prototype;
}

function errorPrototypes(): object[] {
  return Object.values(ERRORS).map(({ prototype }) => prototype);
}

/** Returns the text of a URL, which its own properties cannot change. */
function hrefOf(url: URL): string {
  return URL.prototype.toString.call(url);
}

/** @throws {TypeError} if parsing the host of a URL would take long */
function requireShortHost(text: string): void {
  const host = HOST.exec(text.replace(SPACES, ""))?.[1] ?? "";
  if (host.length > MAX_HOST) throw new TypeError("the host is too long");
}

function classOf(error: Error): string {
  const prototype = Object.getPrototypeOf(error);
  const found = Object.entries(ERRORS).find(([, Class]) =>
    Class.prototype === prototype
  );
  return found![0]; // the extension carries only these classes
}

function isRecord(payload: unknown): payload is Record<string, unknown> {
  return typeof payload === "object" && payload !== null &&
    !Array.isArray(payload);
}

function isText(payload: unknown): payload is string {
  return typeof payload === "string";
}

function textOf(payload: unknown): string {
  if (isText(payload)) return payload;
  throw new TypeError("the payload is not text");
}
