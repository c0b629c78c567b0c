/**
 * Why a value cannot be encoded, and the error that says so by name and path.
 *
 * @module
 */
import { describePlace } from "./describe.ts";
import { CodecError, type CodecErrorKind } from "./errors.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

/** Why a value is refused; the path is put together on the way out. */
export interface ValueRefusal {
  readonly kind: CodecErrorKind;
  readonly what: string;
  readonly limit?: keyof ResolvedCodecLimits;
  readonly found?: number;
  readonly path: (string | number)[];
}

/** A value that the format does not carry. */
export function refuse(
  what: string,
  kind: CodecErrorKind = "unsupported",
): ValueRefusal {
  return { kind, what, path: [] };
}

/** A value that is over a limit. */
export function over(
  limit: keyof ResolvedCodecLimits,
  found: number,
): ValueRefusal {
  return { kind: "limit", what: limit, limit, found, path: [] };
}

/** The same, seen from one level above. */
export function within(
  key: string | number,
  refusal: ValueRefusal,
): ValueRefusal {
  refusal.path.unshift(key);
  return refusal;
}

/** Own keys and enumerable ones differ: names the key that makes the difference. */
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

/** The error of a value that was refused. */
export function toCodecError(
  refusal: ValueRefusal,
  codec: string,
  limits: ResolvedCodecLimits,
  root: unknown,
): CodecError {
  const { kind, what, limit, found, path } = refusal;
  if (limit === undefined) {
    return new CodecError(
      `Cannot encode ${what}${describePlace(path)} as ${codec}`,
      { kind, path },
    );
  }
  const cycle = limit === "maxDepth" ? findCycle(root, path) : undefined;
  if (cycle !== undefined) {
    return new CodecError(
      `Cannot encode a cycle as ${codec}: an object contains itself${
        describePlace(cycle)
      }`,
      { kind: "cycle", path: cycle },
    );
  }
  const allowed = limits[limit];
  return new CodecError(
    `Cannot encode as ${codec}: '${limit}' allows ${allowed}, found ${found}${
      describePlace(path)
    }`,
    { kind, path, limit, allowed, found },
  );
}

/** Follows the path that was too deep; returns the shortest path to an object inside itself. */
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
