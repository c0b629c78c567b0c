/**
 * Runs the checks of a compliance suite.
 *
 * @module
 */
import { messageOf } from "../support/message_of.ts";

/**
 * Runs all checks, one after another.
 *
 * @param subject the name of the subject in the error, such as `"codec"`
 * @param checks the checks, by name
 * @param run runs one check
 * @throws {AggregateError} if a check fails
 */
export async function runChecks<Check>(
  subject: string,
  checks: Readonly<Record<string, Check>>,
  run: (name: string, check: Check) => unknown,
): Promise<void> {
  const errors: Error[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await run(name, check);
    } catch (cause) {
      const reason = messageOf(cause);
      errors.push(new Error(`${name}: ${reason}`, { cause }));
    }
  }
  if (errors.length === 0) return;
  throw new AggregateError(
    errors,
    `The ${subject} failed ${errors.length} of ${
      Object.keys(checks).length
    } checks: ${errors.map((error) => error.message).join("; ")}`,
  );
}
