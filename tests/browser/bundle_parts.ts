/**
 * Prints how many bytes of a client for browsers each folder of the library takes,
 * and some parts that are spread over folders.
 *
 * The second figure is what the client would lose after gzip without these bytes.
 * Folders have much in common, so these figures are less than the whole.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.ts";

const PROGRAM = `
import { createClient, protocol, unary } from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
const Site = protocol({ name: "site", server: { hello: unary<string, string>() } });
const client = createClient(Site, "wss://site.example/", { codecs: [json()] });
document.title = await client.remote.hello("page");`;

const DIGITS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Parts that are spread over folders, and their files. */
const PARTS: Readonly<Record<string, RegExp>> = {
  "frames over a byte stream": /framing\/stream\//,
  "streams and uploads":
    /messages\/streams\/|\/(received_items|outgoing_items|item_frame|item_account|item_budget|sent_items|stream_progress|resendable_items|window_raises)\.ts/,
  "sending calls again":
    /\/(resender|resendable_items|retry_budget|resend_rules|continued_stream|waiting_calls)\.ts/,
  "interceptors": /\/(intercepted_call|sent_items|stream_progress)\.ts/,
  "refusing calls": /\/(refused_calls|request_reader)\.ts/,
  "bounds on memory": /\/(memory_budget|held_memory)\.ts/,
  "errors of sockets": /transport\/error_mapping\.ts/,
  "recorder": /\/(frame_log|violation_log|recording|error_recordings)\.ts/,
  "hash of the protocol":
    /\/(sha256|canonical_json|protocol_hash|json_schema|method_schemas)\.ts/,
  "client.stats": /\/(session_stats|session_figures|session_totals)\.ts/,
  "positions": /\/(continued_stream|gaps|positions)\.ts/,
  "renewing credentials": /\/credential_refresh\.ts/,
};
/** Texts of errors: long strings with spaces. */
const TEXT = /`(?:[^`\\$]|\\.|\$\{[^}]*\})*`|"(?:[^"\\]|\\.)*"/g;

/** A piece of the bundle that comes from one file. */
interface Piece {
  readonly text: string;
  readonly source: string;
}

/** Returns the numbers of a segment of a source map (ECMA-426, "Base64 VLQ"). */
function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const char of segment) {
    const digit = DIGITS.indexOf(char);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >> 1 : -(value >> 1));
    value = shift = 0;
  }
  return numbers;
}

/** Returns the pieces of a bundle, by its source map. */
function piecesOf(bundled: string): Piece[] {
  const [code = "", map = ""] = bundled.split(
    /\n\/\/# sourceMappingURL=data:application\/json;base64,/,
  );
  const { sources, mappings } = JSON.parse(atob(map.trim()));
  const pieces: Piece[] = [];
  let source = 0;
  const lines = code.split("\n");
  for (const [index, line] of String(mappings).split(";").entries()) {
    const text = lines[index] ?? "";
    let column = 0;
    let from = 0;
    let name = "";
    for (const segment of line.split(",")) {
      const [columns = 0, sourceChange = 0] = numbersOf(segment);
      column += columns;
      pieces.push({ text: text.slice(from, column), source: name });
      from = column;
      source += sourceChange;
      name = String(sources[source]);
    }
    pieces.push({ text: text.slice(from) + "\n", source: name });
  }
  return pieces;
}

/** Returns the folder of a source, without parts above the library. */
function folderOf(source: string): string {
  const [, path] = /(?:^|\/)lib\/(.*)\/[^/]*$/.exec(source) ?? [];
  return path ?? "other";
}

function compressed(pieces: readonly Piece[]): number {
  const text = pieces.map(({ text }) => text).join("");
  return gzipSync(text, { level: 9 }).length;
}

function print(name: string, minified: number, gzipped: number): void {
  const figures = [minified, gzipped].map((bytes) => `${bytes}`.padStart(9));
  console.log(`${figures.join("")}  ${name}`);
}

const program = await Deno.makeTempFile({
  dir: "tests/browser",
  suffix: ".ts",
});
try {
  await Deno.writeTextFile(program, PROGRAM);
  const options = ["--minify", "--sourcemap=inline"];
  const pieces = piecesOf(await bundle(program, ...options));
  const whole = compressed(pieces);
  const sizes = new Map<string, number>();
  for (const { source, text } of pieces) {
    const folder = folderOf(source);
    sizes.set(folder, (sizes.get(folder) ?? 0) + text.length);
  }
  console.log("minified     gzip");
  const sorted = [...sizes].sort(([, one], [, other]) => other - one);
  for (const [folder, size] of sorted) {
    const others = pieces.filter(({ source }) => folderOf(source) !== folder);
    print(folder, size, whole - compressed(others));
  }
  console.log();
  for (const [part, files] of Object.entries(PARTS)) {
    const own = pieces.filter(({ source }) => files.test(source));
    const others = pieces.filter(({ source }) => !files.test(source));
    const size = own.reduce((sum, { text }) => sum + text.length, 0);
    print(part, size, whole - compressed(others));
  }
  const all = pieces.map(({ text }) => text).join("");
  const short = all.replace(
    TEXT,
    (text) => text.length > 24 && text.includes(" ") ? '""' : text,
  );
  const rest = compressed([{ text: short, source: "" }]);
  print("texts of errors", all.length - short.length, whole - rest);
  console.log();
  print("all", sorted.reduce((sum, [, size]) => sum + size, 0), whole);
} finally {
  await Deno.remove(program);
}
