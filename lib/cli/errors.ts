/**
 * The error class and the exit codes of the command line.
 *
 * @module
 */
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";

/** Exit codes; a failed call has 64 plus the wire number of its code. */
export const EXIT = {
  ok: 0,
  fault: 1,
  usage: 2,
  unreached: 3,
  no: 4,
  call: 64,
  interrupted: 130,
} as const;

/**
 * The reason why a command failed.
 *
 * | code | exit code | meaning |
 * | --- | --: | --- |
 * | `"usage"` | 2 | an argument is missing, unknown or invalid |
 * | `"unreached"` | 3 | the server was not reached, or refused the client |
 * | `"no"` | 4 | the command has a result, and it is negative |
 */
export type CliErrorCode = "usage" | "unreached" | "no";

const CODES: readonly CliErrorCode[] = ["usage", "unreached", "no"];

/** Details of a {@linkcode CliError}. */
export interface CliErrorOptions extends ErrorOptions {
  /** The reason for the failure. */
  code: CliErrorCode;
  /** Advice, printed on a line of its own. */
  hint?: string | undefined;
}

const OPTIONS: OptionNames<CliErrorOptions> = {
  code: true,
  hint: true,
  cause: true,
};

/** A failure of a command that the user can act on. */
export class CliError extends Error {
  /** Always `"CliError"`. */
  override readonly name = "CliError";
  /** The reason for the failure. */
  readonly code: CliErrorCode;
  /** Advice, if there is any. */
  readonly hint: string | undefined;

  /**
   * Creates an error with an exit code.
   *
   * @param message what failed, and what is expected
   * @param options the code, advice and the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: CliErrorOptions) {
    checkOptions("CliError()", options, OPTIONS);
    checkChoice("CliError()", "code", options.code, CODES);
    super(message, options);
    this.code = options.code;
    this.hint = options.hint;
  }
}

/** Returns an error about the arguments of a command. */
export function usage(message: string, hint?: string): CliError {
  return new CliError(message, { code: "usage", hint });
}
