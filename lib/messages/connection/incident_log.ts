/**
 * The default log of incidents. Errors may contain text of a peer, so the log
 * escapes it, indents its lines, and limits how much is printed.
 *
 * @module
 */
import { printableLines } from "../support/printable.ts";
import { TokenBucket } from "../session/time/token_bucket.ts";

/** Incidents printed per second. */
const PER_SECOND = 5;

/** Incidents printed at once after a quiet time. */
const BURST = 20;

/** Maximum length of one incident's text, in UTF-16 code units. */
const MAX_LENGTH = 8192;

/** Maximum number of causes printed for one error. */
const MAX_CAUSES = 4;

/** An incident, as `onError` receives it. */
interface LoggedIncident {
  readonly id: string;
  readonly method: string;
  readonly error: unknown;
}

/** Prints incidents with `console.error`. */
export class IncidentLog {
  readonly #rate: TokenBucket = new TokenBucket(PER_SECOND, BURST);
  #omitted = 0;

  /**
   * Prints an incident, or counts it if too many were printed.
   *
   * @param now the current time, ms
   */
  print({ id, method, error }: LoggedIncident, now: number): void {
    if (!this.#rate.take(now)) {
      this.#omitted++;
      return;
    }
    const where = method === "" ? "" : ` in ${method}`;
    const omitted = this.#omitted === 0
      ? ""
      : `(${this.#omitted} incidents before this one were not printed)\n`;
    this.#omitted = 0;
    const text = indented(textOf(error));
    // deno-lint-ignore no-console -- the default reporter; `onError` replaces it
    console.error(`${omitted}Incident ${id}${where}: ${text}`);
  }
}

/** Returns text without control characters, whose lines cannot pass for others. */
function indented(text: string): string {
  const short = text.length <= MAX_LENGTH
    ? text
    : `${text.slice(0, MAX_LENGTH)}…`;
  return printableLines(short).replaceAll("\n", "\n    ");
}

function textOf(error: unknown): string {
  const texts: string[] = [];
  let next: unknown = error;
  for (let n = 0; n <= MAX_CAUSES && next !== undefined; n++) {
    texts.push(stackOf(next));
    next = next instanceof Error ? next.cause : undefined;
  }
  return texts.join("\nCaused by: ");
}

function stackOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const { stack } = error;
    // `stack` can be overwritten with a value of any type.
    return typeof stack === "string" && stack !== ""
      ? stack
      : `${error.name}: ${error.message}`;
  } catch {
    return "a thrown value that has no text"; // a getter or toString() threw
  }
}
