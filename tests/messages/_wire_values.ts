/**
 * Values between the form in which the vectors write them and JavaScript's.
 *
 * @module
 */

/** The value that a vector means. */
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

/** How a vector writes a value. */
export function jsonOf(value: unknown): unknown {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Uint8Array) return runOf(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, jsonOf(each)]),
  );
}

/** The vectors' binary data repeat one byte. */
function runOf(bytes: Uint8Array): unknown {
  const [first = 0] = bytes;
  return bytes.every((byte) => byte === first)
    ? { $bytes: [first.toString(16).padStart(2, "0"), bytes.length] }
    : { $other: Array.from(bytes) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
