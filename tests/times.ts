/**
 * How often random tests repeat: once by default, more often in `deno task seeds`.
 *
 * @module
 */

/** Factor for the number of seeds, from the environment variable `TIMES`. */
export const TIMES = Number(Deno.env.get("TIMES") ?? 1);
