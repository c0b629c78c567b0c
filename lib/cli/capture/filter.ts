/**
 * The filter language of captures: terms that a frame must fulfill.
 *
 * `method:orders.* dir:in code:deadline size>4k id:7 kind:item !topic:news`
 *
 * @module
 */
import {
  CALL_ERROR_CODES,
  SESSION_ERROR_CODES,
} from "../../messages/errors/call_error.ts";
import { didYouMean } from "../../support/did_you_mean.ts";
import { usage } from "../errors.ts";
import { KIND_NAMES } from "../frame_kinds.ts";
import { parseSize } from "../quantities.ts";
import type { CapturedFrame } from "./captured_frame.ts";

/** Returns whether a frame is wanted. */
export type Filter = (frame: CapturedFrame) => boolean;

/** Text of a frame that a term compares; `undefined` matches nothing. */
const FIELDS: Readonly<
  Record<string, (frame: CapturedFrame) => string | undefined>
> = {
  method: ({ method }) => method,
  topic: ({ method, kind }) => kind === "NOTIFY" ? method : undefined,
  dir: ({ dir }) => dir,
  kind: ({ kind }) => kind,
  code: ({ code }) => code,
  id: ({ id }) => String(id),
  connection: ({ connection }) => String(connection),
};

/** All texts of the fields that have few. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  dir: ["in", "out"],
  kind: KIND_NAMES,
  code: [...new Set([...CALL_ERROR_CODES, ...SESSION_ERROR_CODES])],
};

/** Other texts of fields: kinds and codes of later versions, and numbers. */
const OTHER_VALUES: Readonly<Record<string, RegExp>> = {
  kind: /^(empty|0x[\da-f*]+)$/i,
  code: /^code[*\d]+$/i, // spaces end a term: code*200
  id: /^[\d*]+$/,
  connection: /^[\d*]+$/,
};

const NAMES: readonly string[] = [...Object.keys(FIELDS), "size"];

/** Description of the language, for the help of commands. */
export const FILTER_HELP =
  `A filter consists of terms that all must be fulfilled: method:orders.* (with *
for any text), topic:news (a notification), dir:in or dir:out (from the client
or the server), kind:item, code:deadline, id:7, connection:2, size>4k, size<100.
A comma separates alternatives, as in kind:item,result, and ! negates a term.`;

/**
 * Returns the filter that a text describes.
 *
 * @throws {CliError} with the code `usage` if a term is not valid
 */
export function parseFilter(text: string): Filter {
  const terms = text.split(/\s+/).filter((term) => term !== "").map(parseTerm);
  return (frame) => terms.every((term) => term(frame));
}

function parseTerm(text: string): Filter {
  if (text.startsWith("!")) {
    const term = parseTerm(text.slice(1));
    return (frame) => !term(frame);
  }
  const size = /^size([<>])(.+)$/i.exec(text);
  if (size !== null) {
    const limit = parseSize("a size in the filter", size[2]!); // both groups match
    return size[1] === ">"
      ? (frame) => frame.size > limit
      : (frame) => frame.size < limit;
  }
  const [, name = "", values = ""] = /^([a-z]+):(.+)$/i.exec(text) ?? [];
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (field === undefined) {
    throw usage(
      `Cannot read ${JSON.stringify(text)} as a term of a filter${
        didYouMean(name, NAMES)
      }`,
      "terms are method:name, topic:name, dir:in, kind:item, code:deadline, id:7, connection:1, size>4k and size<100",
    );
  }
  const alternatives = values.split(",");
  for (const each of alternatives) checkValue(name, each);
  const patterns = alternatives.map(patternOf);
  return (frame) => {
    const value = field(frame);
    return value !== undefined && patterns.some((each) => each.test(value));
  };
}

/** @throws {CliError} if no frame has such a text in the field */
function checkValue(field: string, text: string): void {
  const values = Object.hasOwn(VALUES, field) ? VALUES[field] : undefined;
  const other = Object.hasOwn(OTHER_VALUES, field)
    ? OTHER_VALUES[field]
    : undefined;
  if (values === undefined && other === undefined) return;
  const pattern = patternOf(text);
  if (values?.some((value) => pattern.test(value))) return;
  if (other?.test(text)) return;
  throw usage(
    `No frame has the ${field} ${JSON.stringify(text)}${
      didYouMean(text, values ?? [])
    }`,
    values === undefined
      ? `expected a number, as in ${field}:7`
      : `expected ${values.join(", ")}`,
  );
}

/** Returns the pattern of a text in which `*` is any text. */
function patternOf(text: string): RegExp {
  const parts = text.split("*").map((part) =>
    part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
  );
  return new RegExp(`^${parts.join(".*")}$`, "i");
}
