/**
 * Durations, sizes, counts and shares in arguments, and their printed form.
 *
 * @module
 */
import { usage } from "./errors.ts";

const MS: Readonly<Record<string, number>> = {
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
};

const NUMBER = /^(\d+(?:\.\d+)?)\s*([a-z%]*)$/i;

/** Longest delay of a JavaScript timer, in ms. */
const MAX_MS = 2 ** 31 - 1;

/**
 * Returns a duration in milliseconds.
 *
 * @param flag name of the flag, for the error message
 * @throws {CliError} if the text is not a duration above 0
 */
export function parseDuration(flag: string, text: string): number {
  const [, number = "", unit = ""] = NUMBER.exec(text) ?? [];
  const ms = Number(number) * (MS[unit.toLowerCase()] ?? NaN);
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw usage(
    `Cannot use ${
      JSON.stringify(text)
    } as --${flag}: expected a duration above 0 and up to 24 days`,
    "write a number and a unit: 500ms, 10s, 2m, 1h",
  );
}

/** Like {@linkcode parseDuration}, for a flag that may be omitted. */
export function optionalDuration(
  flag: string,
  text: string | undefined,
): number | undefined {
  return text === undefined ? undefined : parseDuration(flag, text);
}

/**
 * Returns a size in bytes.
 *
 * @throws {CliError} if the text is not a size
 */
export function parseSize(flag: string, text: string): number {
  const [, number = "", unit = ""] = NUMBER.exec(text) ?? [];
  const bytes = Number(number) * (BYTES[unit.toLowerCase()] ?? NaN);
  if (number !== "" && Number.isSafeInteger(Math.round(bytes))) {
    return Math.round(bytes);
  }
  throw usage(
    `Cannot use ${JSON.stringify(text)} as ${flag}: expected a size`,
    "write a number of bytes, or a number and a unit: 4k, 16MB, 1g",
  );
}

/**
 * Returns an integer from a minimum.
 *
 * @throws {CliError} if the text is not an integer in the range
 */
export function parseCount(flag: string, text: string, min = 1): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(count) && count >= min) return count;
  throw usage(
    `Cannot use ${
      JSON.stringify(text)
    } as --${flag}: expected an integer of at least ${min}`,
  );
}

/**
 * Returns a number above 0, such as a rate.
 *
 * @throws {CliError} if the text is anything else
 */
export function parseNumber(flag: string, text: string): number {
  const number = NUMBER.test(text) ? Number(text) : NaN;
  if (number > 0) return number;
  throw usage(
    `Cannot use ${
      JSON.stringify(text)
    } as --${flag}: expected a number above 0`,
  );
}

/**
 * Returns a share from 0 to 1; the text may be a percentage.
 *
 * @throws {CliError} if the text is anything else
 */
export function parseShare(flag: string, text: string): number {
  const [, number = "", unit = ""] = NUMBER.exec(text) ?? [];
  const share = Number(number) / (unit === "%" ? 100 : 1);
  if (number !== "" && (unit === "%" || unit === "") && share <= 1) {
    return share;
  }
  throw usage(
    `Cannot use ${
      JSON.stringify(text)
    } as --${flag}: expected a share such as 0.1% or 0.001`,
  );
}

/** Returns a duration for people, such as `"1.25 ms"`. */
export function formatMs(ms: number): string {
  if (ms >= 100_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  if (ms >= 10) return `${ms.toFixed(1)} ms`;
  return ms >= 0.1 ? `${ms.toFixed(2)} ms` : `${(ms * 1000).toFixed(1)} µs`;
}

/** Returns a size for people, such as `"1.5 MiB"`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return bytes < 1024 ** 3
    ? `${(bytes / 1024 ** 2).toFixed(1)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

/** Returns a count for people, such as `"12,345"`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** Returns a count and a noun, such as `"1 frame"`. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
