/**
 * Checks options of framings; throws `RangeError` or `TypeError`.
 *
 * @module
 */

/** Default of `maxFrameLength` in bytes. */
export const DEFAULT_MAX_FRAME_LENGTH = 4 * 1024 * 1024;

/** Checks that a custom rule has its functions. */
export function checkFunctions<T extends object>(
  what: string,
  rule: T,
  names: readonly (keyof T & string)[],
): void {
  for (const name of names) {
    if (typeof rule?.[name] === "function") continue;
    throw new TypeError(
      `Cannot make a framing as ${what} has no function '${name}': current value is ${typeof rule
        ?.[name]}`,
    );
  }
}

/** Checks that an option is an integer within a range. */
export function checkInteger(
  name: string,
  value: number,
  [least, most]: readonly [number, number] = [0, Number.MAX_SAFE_INTEGER],
): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot make a framing as '${name}' must be an integer from ${least} to ${most}: current value is ${value}`,
    );
  }
  return value;
}

/**
 * Returns `maxFrameLength` if the layout can carry it. `Infinity` means the
 * longest frame that the layout can carry.
 */
export function checkLimit(
  value: number,
  [least, most]: readonly [number, number],
): number {
  if (value === Infinity) return most;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot set 'maxFrameLength' as this layout can carry ${least} to ${most} bytes (or Infinity, for no lower limit): current value is ${value}`,
    );
  }
  return value;
}

/**
 * Returns the requested limit, or the default. A requested limit is checked;
 * the default is clamped to the range that the layout can carry.
 */
export function resolveLimit(
  requested: number | undefined,
  range: readonly [least: number, most: number],
): number {
  if (requested !== undefined) return checkLimit(requested, range);
  return Math.max(range[0], Math.min(DEFAULT_MAX_FRAME_LENGTH, range[1]));
}

/** Checks that an option is one of several names. */
export function checkOneOf<T extends string>(
  name: string,
  value: T,
  allowed: readonly T[],
): T {
  if (!allowed.includes(value)) {
    throw new TypeError(
      `Cannot make a framing as '${name}' must be one of ${
        allowed.join(", ")
      }: current value is ${value}`,
    );
  }
  return value;
}
