/**
 * Options of the ejection of addresses.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";

/**
 * Conditions and times of ejections.
 *
 * An address that is ejected receives no calls for a while.
 *
 * Calls count as failed if they end with `internal`, `unavailable`, `overloaded`
 * or `deadline`. Other errors are replies of a server that works, and calls that
 * the caller cancels, or that end with their session, do not count.
 *
 * @category Policies
 */
export interface EjectionOptions {
  /** Number of failures in a row after which an address is ejected. @default {5} */
  consecutiveFailures?: number | undefined;
  /**
   * Share of failures that ejects an address, above 0 to 1.
   *
   * It is the share of the calls in an interval.
   *
   * @default {0.85}
   */
  failureRatio?: number | undefined;
  /** Least number of calls in an interval for `failureRatio`. @default {50} */
  minCalls?: number | undefined;
  /**
   * Milliseconds of an interval, which begins with a failure.
   *
   * Each one that an address has served shortens its next ejection by `baseTime`.
   *
   * @default {10000}
   */
  interval?: number | undefined;
  /**
   * Milliseconds of the first ejection; each further one takes longer by them.
   *
   * @default {30000}
   */
  baseTime?: number | undefined;
  /** Most milliseconds of an ejection. @default {300000; baseTime if it is longer} */
  maxTime?: number | undefined;
  /**
   * Greatest share of ejected addresses, from 0 to 1.
   *
   * If more than this share of the addresses with a session is ejected, because
   * others have lost theirs, all receive calls (panic).
   *
   * @default {0.5}
   */
  maxShare?: number | undefined;
}

/** The options with their defaults. */
export type ResolvedEjection = {
  readonly [Name in keyof EjectionOptions]-?: number;
};

const NAMES: OptionNames<EjectionOptions> = {
  consecutiveFailures: true,
  failureRatio: true,
  minCalls: true,
  interval: true,
  baseTime: true,
  maxTime: true,
  maxShare: true,
};

/** Longest time of a timer, in ms. */
const MAX_TIME = 0x7fff_ffff;

/**
 * Validates the options and fills in the defaults.
 *
 * @param where the function that has the option `eject`
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 */
export function resolveEjection(
  where: string,
  given: EjectionOptions | false,
): ResolvedEjection {
  if (given === false) return resolveEjection(where, { maxShare: 0 });
  checkOptions(`the option eject of ${where}`, given, NAMES);
  const {
    consecutiveFailures = 5,
    failureRatio = 0.85,
    minCalls = 50,
    interval = 10_000,
    baseTime = 30_000,
    maxTime = Math.max(300_000, baseTime),
    maxShare = 0.5,
  } = given;
  const check = (
    name: keyof EjectionOptions,
    value: number,
    least: number,
    most: number,
  ) => {
    if (typeof value === "number" && value >= least && value <= most) return;
    throw new RangeError(
      `Cannot balance as 'eject.${name}' must be from ${least} to ${most}: current value is ${value}`,
    );
  };
  check("consecutiveFailures", consecutiveFailures, 1, Infinity);
  check("failureRatio", failureRatio, Number.MIN_VALUE, 1);
  check("minCalls", minCalls, 1, Infinity);
  check("interval", interval, 1, MAX_TIME);
  check("baseTime", baseTime, 1, MAX_TIME);
  check("maxTime", maxTime, baseTime, MAX_TIME);
  check("maxShare", maxShare, 0, 1);
  return {
    consecutiveFailures,
    failureRatio,
    minCalls,
    interval,
    baseTime,
    maxTime,
    maxShare,
  };
}
