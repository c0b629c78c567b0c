/**
 * A progress bar on a terminal.
 *
 * @module
 */
import { type Io, writeText } from "./io.ts";

/** Width of the bar itself, in columns. */
const MAX_BAR = 30;

/** Time between two updates, in ms. */
const INTERVAL = 200;

/**
 * Draws a progress bar on standard error until the signal is aborted.
 *
 * Nothing is drawn if standard error is not a terminal.
 *
 * @param share returns the part that is done, from 0 to 1
 * @param text returns the text after the bar
 */
export async function drawProgress(
  io: Io,
  share: () => number,
  text: () => string,
  signal: AbortSignal,
): Promise<void> {
  if (!io.stderr.isTTY) return;
  while (!signal.aborted) {
    await writeText(
      io.stderr,
      `\r${progressLine(share(), text(), io.stderr.columns)}\x1b[K`,
    );
    await io.wait(INTERVAL, signal);
  }
  await writeText(io.stderr, "\r\x1b[K");
}

/** Returns a bar and a text that fit into a terminal. */
export function progressLine(
  share: number,
  text: string,
  columns: number,
): string {
  const part = Math.min(1, Math.max(0, share));
  const width = Math.max(4, Math.min(MAX_BAR, columns - 40));
  const full = Math.round(part * width);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  return `[${"#".repeat(full)}${"-".repeat(width - full)}]${percent} ${text}`
    .slice(0, Math.max(0, columns - 1));
}
