/**
 * Exit codes and messages of errors.
 *
 * @module
 */
import { printableLines } from "../messages/support/printable.ts";
import { jsonLine, styled } from "./display.ts";
import { CliError, EXIT } from "./errors.ts";
import { type Io, writeText } from "./io.ts";
import {
  CALL_ERROR_CODES,
  CallError,
  SessionError,
} from "../messages/errors/call_error.ts";
import { CodecError } from "../messages/codec/errors.ts";
import { toJson } from "./values.ts";

/** Returns whether the reader of an output has gone. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error &&
    (error.name === "BrokenPipe" || "code" in error && error.code === "EPIPE");
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) {
    switch (error.code) {
      case "usage":
        return EXIT.usage;
      case "unreached":
        return EXIT.unreached;
      case "no":
        return EXIT.no;
    }
  }
  if (error instanceof CallError) {
    return EXIT.call + CALL_ERROR_CODES.indexOf(error.code);
  }
  if (error instanceof SessionError) {
    return EXIT.call + CALL_ERROR_CODES.indexOf("disconnected");
  }
  // The input of a call cannot be encoded.
  return error instanceof CodecError ? EXIT.usage : EXIT.fault;
}

/** Prints an error and returns its exit code. */
export async function reportFailure(error: unknown, io: Io): Promise<number> {
  const color = io.stderr.isTTY && io.color;
  const lines = [
    `${styled("error:", "red", color)} ${printableLines(messageOf(error))}`,
    ...detailsOf(error).map(([label, text]) =>
      `${styled(`${label}:`, "bold", color)} ${printableLines(text)}`
    ),
  ];
  await writeText(io.stderr, `${lines.join("\n")}\n`);
  return exitCodeOf(error);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CallError) {
    const { code, declared, message, incident } = error;
    const name = code === "declared" ? `declared error ${declared}` : code;
    const id = incident === "" ? "" : ` (incident ${incident})`;
    return `${name}: ${message}${id}`;
  }
  const known = error instanceof CliError || error instanceof CodecError ||
    error instanceof SessionError;
  return known || error.name === "NotCapable"
    ? error.message
    : error.stack ?? `${error.name}: ${error.message}`;
}

/** Returns further lines about an error, each with its label. */
function detailsOf(error: unknown): [label: string, text: string][] {
  if (error instanceof CliError) {
    return error.hint === undefined ? [] : [["hint", error.hint]];
  }
  if (!(error instanceof CallError)) return [];
  const { data, retry, retryAfter, processed } = error;
  const details: [string, string][] = [];
  if (data !== undefined) details.push(["data", jsonLine(toJson(data))]);
  if (retry !== "never") {
    const after = retryAfter > 0 ? ` after ${retryAfter} ms` : "";
    details.push(["hint", `the call may be repeated${after}`]);
  } else if (processed === "maybe") {
    details.push(["hint", "the handler may have run"]);
  }
  return details;
}
