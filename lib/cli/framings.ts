/**
 * Framings by the names that arguments use.
 *
 * @module
 */
import type { Framing } from "../framing/framing.ts";
import * as lengths from "../framing/length_presets.ts";
import * as presets from "../framing/presets.ts";
import { cobs } from "../framing/layouts/cobs.ts";
import { contentLength } from "../framing/layouts/content_length.ts";
import { delimited } from "../framing/layouts/delimited.ts";
import { fixedLength } from "../framing/layouts/fixed_length.ts";
import { lengthPrefixed } from "../framing/layouts/length_prefixed.ts";
import { lines } from "../framing/layouts/lines.ts";
import { netstring } from "../framing/layouts/netstring.ts";
import { slip } from "../framing/layouts/slip.ts";
import { varintPrefixed } from "../framing/layouts/varint_prefixed.ts";
import { didYouMean } from "../support/did_you_mean.ts";
import { usage } from "./errors.ts";
import { parseCount } from "./quantities.ts";

/** Options that every framing below takes. */
interface Limit {
  /** Maximum payload length in bytes. */
  readonly maxFrameLength: number;
}

/** Maximum payload length by default, unless a framing carries less. */
const DEFAULT_LENGTH = 4 * 1024 * 1024;

/** Framings without parameters, by name. */
const FRAMINGS: Readonly<Record<string, (limit: Limit) => Framing>> = {
  lengthwise: lengths.u32be,
  u16be: lengths.u16be,
  u16le: lengths.u16le,
  u24be: lengths.u24be,
  u24le: lengths.u24le,
  u32be: lengths.u32be,
  u32le: lengths.u32le,
  u64be: lengths.u64be,
  u64le: lengths.u64le,
  varint: lengths.varint,
  lines: (limit) => lines({ ...limit, finalLine: true }),
  netstring,
  contentLength,
  cobs,
  slip,
  amqp: presets.amqp,
  dnsTcp: presets.dnsTcp,
  grpcMessage: presets.grpcMessage,
  javaWriteUTF: presets.javaWriteUTF,
  lsp: presets.lsp,
  mongodb: presets.mongodb,
  mqtt: presets.mqtt,
  mysql: presets.mysql,
  postgres: presets.postgres,
  postgresStartup: presets.postgresStartup,
  sshAgent: presets.sshAgent,
};

/** Layouts whose options can be set, by name; each checks its options. */
const LAYOUTS: Readonly<Record<string, (options: Limit) => Framing>> = {
  lengthPrefixed,
  varintPrefixed,
  lines: FRAMINGS.lines!, // a member above
  contentLength,
};

/** Names of all framings, for the help. */
export const FRAMING_NAMES: readonly string[] = [
  ...Object.keys(FRAMINGS),
  "fixedLength:N",
  "delimited:HEX",
  "lengthPrefixed:OPTIONS",
  "varintPrefixed:OPTIONS",
];

/**
 * Returns a framing by its name.
 *
 * @param maxFrameLength maximum payload length in bytes; 4 MiB by default, or
 * the most that the framing carries
 * @throws {CliError} if there is no such framing, or it does not allow the limit
 */
export function framingOf(text: string, maxFrameLength?: number): Framing {
  if (maxFrameLength !== undefined) return limited(text, { maxFrameLength });
  const most = limited(text, { maxFrameLength: Infinity }).maxFrameLength;
  return limited(text, { maxFrameLength: Math.min(most, DEFAULT_LENGTH) });
}

function limited(text: string, limit: Limit): Framing {
  const [name = "", parameter] = text.split(":", 2);
  try {
    if (name === "fixedLength") {
      return fixedLength(parseCount("framing fixedLength", parameter ?? ""));
    }
    if (name === "delimited") {
      return delimited(hexBytes("a delimiter", parameter ?? ""), limit);
    }
    if (Object.hasOwn(LAYOUTS, name)) {
      return LAYOUTS[name]!({ ...optionsOf(parameter ?? ""), ...limit }); // its own member
    }
    if (Object.hasOwn(FRAMINGS, text)) return FRAMINGS[text]!(limit); // its own member
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) {
      throw usage(error.message);
    }
    throw error;
  }
  throw usage(
    `Unknown framing ${JSON.stringify(text)}${didYouMean(name, FRAMING_NAMES)}`,
    `the framings are ${FRAMING_NAMES.join(", ")}`,
  );
}

/** Returns options written as `name=value,name=value`; a name alone is `true`. */
function optionsOf(text: string): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const part of text.split(",").filter((part) => part !== "")) {
    const [name = "", value = "true"] = part.split("=", 2);
    options[name] = optionValue(name, value);
  }
  return options;
}

/** Options whose values are words, which the layouts check. */
const WORDS = ["endian", "counts", "newline", "onTooLarge"];

function optionValue(name: string, value: string): unknown {
  if (name === "maxFrameLength") {
    throw usage("The longest frame is not an option", "use --max-length");
  }
  if (name === "magic" || name === "trailer") return hexBytes(name, value);
  if (value === "true" || value === "false") return value === "true";
  if (/^-?\d+$/.test(value)) return Number(value);
  if (WORDS.includes(name)) return value;
  throw usage(
    `Cannot use ${JSON.stringify(value)} as ${name} of a framing`,
    "options are a list such as width=2,offset=4,keepHeader",
  );
}

function hexBytes(use: string, digits: string): Uint8Array {
  if (/^([0-9a-f]{2})+$/i.test(digits)) return Uint8Array.fromHex(digits);
  throw usage(
    `Cannot use ${JSON.stringify(digits)} as ${use}`,
    "write its bytes as hexadecimal digits, such as 0d0a",
  );
}
