/**
 * Reasons for rejecting a value, and the errors that report them.
 *
 * @module
 */
import { describePlace } from "./describe_value.ts";
import {
  CodecError,
  type CodecErrorCode,
  type CodecErrorOptions,
} from "./errors.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

/** The reason for rejecting a value. Each enclosing level prepends its key to the path. */
export interface ValueRefusal {
  readonly code: CodecErrorCode;
  readonly what: string;
  readonly limit?: keyof ResolvedCodecLimits;
  readonly found?: number;
  readonly path: (string | number)[];
}

/** Returns the refusal of a value that the format cannot represent. */
export function refuse(
  what: string,
  code: CodecErrorCode = "unsupported",
): ValueRefusal {
  return { code, what, path: [] };
}

/** Returns the refusal of a value that exceeds a limit. */
export function over(
  limit: keyof ResolvedCodecLimits,
  found: number,
): ValueRefusal {
  return { code: "too-large", what: limit, limit, found, path: [] };
}

/** Prepends a key of the enclosing value to the path. */
export function within(
  key: string | number,
  refusal: ValueRefusal,
): ValueRefusal {
  refusal.path.unshift(key);
  return refusal;
}

/** Returns the refusal of an object whose own and enumerable keys differ. */
export function hiddenKey(object: object): ValueRefusal {
  const hidden = Object.getOwnPropertyNames(object).find((key) =>
    !Object.prototype.propertyIsEnumerable.call(object, key)
  );
  if (hidden !== undefined) {
    return refuse(`the non-enumerable property '${hidden}'`);
  }
  for (const key in object) {
    if (!Object.hasOwn(object, key)) {
      return refuse(`the inherited property '${key}'`);
    }
  }
  return refuse("an object that changes while it is read");
}

/** Creates the error for a rejected value. */
export function toCodecError(
  refusal: ValueRefusal,
  codec: string,
  limits: ResolvedCodecLimits,
  root: unknown,
): CodecError {
  const { code, what, limit, found, path } = refusal;
  if (limit === undefined) {
    return new CodecError(
      `Cannot encode ${what}${describePlace(path)} as ${codec}`,
      { code, path },
    );
  }
  const cycle = limit === "maxDepth" ? findCycle(root, path) : undefined;
  if (cycle !== undefined) {
    return new CodecError(
      `Cannot encode a cycle as ${codec}: an object contains itself${
        describePlace(cycle)
      }`,
      { code: "cycle", path: cycle },
    );
  }
  const allowed = limits[limit];
  return exceeded(
    `encode as ${codec}`,
    { limit, allowed, found, path },
    describePlace(path),
  );
}

/**
 * Creates the error for a message that exceeds a limit.
 *
 * @param act what cannot be done, such as `encode as json`
 * @param details the limit, what was found, and where
 * @param place where, as text
 */
export function exceeded(
  act: string,
  details: Omit<CodecErrorOptions, "code">,
  place = "",
): CodecError {
  const { limit, allowed, found } = details;
  return new CodecError(
    `Cannot ${act}: '${limit}' allows ${allowed}, found ${found}${place}`,
    { ...details, code: "too-large" },
  );
}

/** Returns the shortest prefix of a path that reaches an object again. */
function findCycle(
  root: unknown,
  path: readonly (string | number)[],
): (string | number)[] | undefined {
  const seen = new Set<unknown>([root]);
  let value = root;
  for (const [index, key] of path.entries()) {
    value = (value as Record<string | number, unknown>)[key]; // each step was an object
    if (seen.has(value)) return path.slice(0, index + 1);
    seen.add(value);
  }
  return undefined;
}
