/**
 * The filter language of captures: terms that a frame must fulfill.
 *
 * `method:orders.* dir:in code:deadline size>4k id:7 kind:item !topic:news`
 *
 * @module
 */
import { didYouMean } from "../../support/did_you_mean.ts";
import { usage } from "../errors.ts";
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
  const patterns = values.split(",").map(patternOf);
  return (frame) => {
    const value = field(frame);
    return value !== undefined && patterns.some((each) => each.test(value));
  };
}

/** Returns the pattern of a text in which `*` is any text. */
function patternOf(text: string): RegExp {
  const parts = text.split("*").map((part) =>
    part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
  );
  return new RegExp(`^${parts.join(".*")}$`, "i");
}
