/**
 * Credentials and files that arguments name.
 *
 * @module
 */
import { usage } from "./errors.ts";
import { type Io, readAll, readText } from "./io.ts";
import { parseValue } from "./values.ts";

/**
 * Returns credentials, from `@file`, `env:NAME` or `-`.
 *
 * Every user of a machine can read the arguments of its processes, so
 * credentials are never arguments. Text that is not JSON is used as it is,
 * without the line feed at its end.
 *
 * @throws {CliError} if the credentials are an argument, or cannot be read
 */
export async function readCredentials(
  given: string,
  io: Io,
): Promise<unknown> {
  const text = await secretText(given, io);
  try {
    return parseValue(text, "the credentials");
  } catch {
    return text.replace(/\r?\n$/, "");
  }
}

async function secretText(given: string, io: Io): Promise<string> {
  if (given === "-") return await readText(io.stdin);
  if (given.startsWith("@")) return await readFileText(given.slice(1), io);
  if (given.startsWith("env:")) {
    const name = given.slice(4);
    const value = io.env(name);
    if (value !== undefined) return value;
    throw usage(`The environment variable ${JSON.stringify(name)} is not set`);
  }
  throw usage(
    "Cannot take credentials from an argument: other users of this machine can read it",
    "write --credentials @file, env:NAME or - (standard input)",
  );
}

/**
 * Returns the text of a file.
 *
 * @throws {CliError} if the file cannot be read
 */
export async function readFileText(path: string, io: Io): Promise<string> {
  try {
    return await readText(io.readFile(path));
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/**
 * Returns the bytes of a file.
 *
 * @throws {CliError} if the file cannot be read
 */
export async function readFileBytes(
  path: string,
  io: Io,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readAll(io.readFile(path));
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/** Returns an error about a file that an argument names. */
export function fileError(
  verb: "read" | "write",
  path: string,
  error: unknown,
): Error {
  const { name = "", message = String(error) } = error instanceof Error
    ? error
    : {};
  return usage(
    `Cannot ${verb} ${JSON.stringify(path)}: ${message}`,
    name === "NotCapable"
      ? `run the command with --allow-${verb}=${path}`
      : undefined,
  );
}
