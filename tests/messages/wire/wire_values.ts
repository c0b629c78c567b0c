/**
 * Converts values between the form in the vectors and JavaScript.
 *
 * @module
 */
import {
  CallError,
  type CallErrorCode,
  type Processed,
  type Retry,
  type SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import {
  type Fields,
  type Metadata,
  metadataField,
  NO_FIELDS,
} from "../../../lib/messages/session/wire/fields.ts";
import type { Details } from "../../vectors/conversations/script.ts";

/** Returns the value that a vector describes. */
export function valueOf(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(valueOf);
  if (!isRecord(json)) return json;
  if ("$undefined" in json) return undefined;
  const bytes = json["$bytes"];
  if (Array.isArray(bytes)) {
    return new Uint8Array(Number(bytes[1])).fill(parseInt(bytes[0], 16));
  }
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, valueOf(value)]),
  );
}

/** Returns the form of a value in the vectors. */
export function jsonOf(value: unknown): unknown {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Uint8Array) return runOf(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, jsonOf(each)]),
  );
}

/** Describes binary data; in the vectors it repeats one byte. */
function runOf(bytes: Uint8Array): unknown {
  const [first = 0] = bytes;
  return bytes.every((byte) => byte === first)
    ? { $bytes: [first.toString(16).padStart(2, "0"), bytes.length] }
    : { $other: Array.from(bytes) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Returns the metadata, if any. */
export function metadataOf({ metadata }: Readonly<Fields>): Details {
  return Object.keys(metadata).length === 0
    ? {}
    : { metadata: { ...metadata } };
}

/** Returns the encoded metadata field of a step. */
export function metadataBytes({ metadata }: Details): Uint8Array {
  return metadata === undefined
    ? NO_FIELDS
    : metadataField(metadata as Metadata, 8192); // as the vectors have it
}

/** Returns the error with which a step ends a call. */
export function callError(step: Details): CallError {
  return new CallError(String(step["text"]), {
    code: step["code"] as CallErrorCode,
    processed: (step["processed"] ?? "maybe") as Processed,
    retry: (step["retry"] ?? "never") as Retry,
    retryAfter: Number(step["retryAfter"] ?? 0),
    declared: String(step["declared"] ?? ""),
    incident: String(step["incident"] ?? ""),
    ...("data" in step ? { data: valueOf(step["data"]) } : {}),
  });
}

/** Returns the form of a failure in the vectors, without its text. */
export function failureOf(error: CallError): Details {
  const { code, processed, retry, retryAfter, declared, incident, data } =
    error;
  return {
    code,
    processed,
    retry,
    ...(retryAfter === 0 ? {} : { retryAfter }),
    ...(declared === "" ? {} : { declared }),
    ...(incident === "" ? {} : { incident }),
    ...(data === undefined ? {} : { data: jsonOf(data) }),
  };
}

/** Returns the form of the end of a session in the vectors. */
export function endOf(error: SessionError | undefined): Details {
  return error === undefined ? { code: "closed" } : {
    ...{ code: error.code, remote: error.remote },
    ...(error.retryAfter === 0 ? {} : { retryAfter: error.retryAfter }),
  };
}
