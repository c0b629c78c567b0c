/** The default of `maxFrameLength`, in bytes. */
export const DEFAULT_MAX_FRAME_LENGTH = 4 * 1024 * 1024;

/** Checks an option that counts something. */
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

/** Checks `maxFrameLength` against what the layout can carry. */
export function checkLimit(
  value: number,
  [least, most]: readonly [number, number],
): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot set 'maxFrameLength' as this layout can carry ${least} to ${most} bytes: current value is ${value}`,
    );
  }
  return value;
}

/** The limit asked for, checked; or the default, clipped to what the layout can carry. */
export function resolveLimit(
  asked: number | undefined,
  range: readonly [least: number, most: number],
): number {
  if (asked !== undefined) return checkLimit(asked, range);
  return Math.max(range[0], Math.min(DEFAULT_MAX_FRAME_LENGTH, range[1]));
}

/** Checks an option that names one of several ways. */
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
