/**
 * Framings of known protocols: PostgreSQL, MySQL, MQTT, gRPC, DNS and more.
 *
 * Each function returns a `Framing` for `frames()` and documents its layout,
 * its source, and any limit that differs from the default. Presets that remove the
 * length, except `mysql()`, have the option `keepHeader`, for programs that pass
 * frames on. The plain length prefixes, such as `u32be` and `varint`, are in `./framing`.
 *
 * @example Decode the packets of an MQTT client
 * ```ts
 * import { mqtt } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const ping = new Uint8Array([0xc0]); // PINGREQ
 * const decoder = mqtt().decoder();
 * decoder.push(mqtt().encoder().encode(ping));
 * assertEquals(decoder.next(), ping);
 * ```
 *
 * Read next: [Presets](/lib/framing/README.md#presets) lists all of them.
 *
 * @module
 */
import { chunked } from "./layouts/chunked.ts";
import {
  contentLength,
  type ContentLengthOptions,
} from "./layouts/content_length.ts";
import type { Framing } from "./framing.ts";
import {
  PLAIN_OPTIONS,
  PRESET_OPTIONS,
  type PresetOptions,
} from "./length_presets.ts";
import {
  lengthPrefixed,
  type LengthPrefixedOptions,
  lengthPrefixedUpTo,
} from "./layouts/length_prefixed.ts";
import { fullPartContinues } from "./layouts/split_rules.ts";
import {
  varintPrefixed,
  type VarintPrefixedOptions,
} from "./layouts/varint_prefixed.ts";
import { checkOptions } from "../support/check_options.ts";

export { decodeModifiedUtf8, encodeModifiedUtf8 } from "./modified_utf8.ts";
export { linePrefix } from "./layouts/line_prefix.ts";

/** Largest value of a signed length field of four bytes. */
const MAX_INT32 = 0x7fffffff;

/**
 * Frames gRPC messages; each frame includes its header.
 *
 * ```text
 * ┌───────────────┬───────────────┬─────────┐
 * │ compressed u8 │ length u32 BE │ message │
 * └───────────────┴───────────────┴─────────┘
 * ```
 *
 * `next()` returns the whole frame: `frame[0]` is the flag, and the message
 * begins at offset 5. `encode()` takes such a frame and fills in its length.
 * The limit is 4 MiB for the message, as in gRPC, plus 5 bytes for the header.
 * Source: gRPC over HTTP/2, "Length-Prefixed-Message".
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function grpcMessage(options: PresetOptions = {}): Framing {
  const given = checkOptions("grpcMessage()", options, PRESET_OPTIONS);
  const { maxFrameLength = 4 * 1024 * 1024 + 5 } = options;
  return lengthPrefixed({
    ...given,
    maxFrameLength,
    offset: 1,
    keepHeader: true,
  });
}

/**
 * Frames a PostgreSQL client's first message, which has no type byte.
 *
 * ```text
 * ┌──────────────────────────────┬─────────────┬────────────┐
 * │ length u32 BE, counts itself │ code u32 BE │ parameters │
 * └──────────────────────────────┴─────────────┴────────────┘
 * ```
 *
 * `next()` returns the code (protocol version, SSLRequest, …) and the
 * parameters. The limit is 10,000 bytes, the same as the server's. Source:
 * PostgreSQL, "Message Formats", StartupMessage; `MAX_STARTUP_PACKET_LENGTH`.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function postgresStartup(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("postgresStartup()", options, PLAIN_OPTIONS);
  const header = options.keepHeader ? 4 : 0;
  const { maxFrameLength = 10_000 + header } = options;
  return lengthPrefixed({
    ...given,
    maxFrameLength,
    minFrameLength: 4 + header,
    counts: "wholeFrame",
  });
}

/**
 * Frames PostgreSQL messages; each frame includes its header.
 *
 * ```text
 * ┌─────────┬──────────────────────────────┬──────┐
 * │ type u8 │ length u32 BE, counts itself │ body │
 * └─────────┴──────────────────────────────┴──────┘
 * ```
 *
 * `next()` returns the whole frame: `frame[0]` is the type, and the body begins
 * at offset 5. `encode()` takes such a frame and fills in its length. A length
 * below 4 is rejected. Source: PostgreSQL, "Message Formats".
 *
 * @example Encode a message; the encoder fills in its length
 * ```ts
 * import { postgres } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const sync = new Uint8Array([0x53, 0, 0, 0, 0]); // 'S'
 * const wire = postgres().encoder().encode(sync);
 * assertEquals(wire, new Uint8Array([0x53, 0, 0, 0, 4]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function postgres(options: PresetOptions = {}): Framing {
  const given = checkOptions("postgres()", options, PRESET_OPTIONS);
  return lengthPrefixed({
    ...given,
    offset: 1,
    adjustment: -4,
    keepHeader: true,
  });
}

/**
 * Frames MySQL messages, each in one or several packets.
 *
 * ```text
 * ┌───────────────┬─────────────┬─────────┐
 * │ length u24 LE │ sequence u8 │ payload │
 * └───────────────┴─────────────┴─────────┘
 * ```
 *
 * `next()` returns the sequence number of the first packet, followed by the
 * whole payload; `encode()` takes the same form. A packet of 2^24-1 bytes is
 * continued by another one with the next sequence number, so a payload whose
 * length is a multiple of 2^24-1 ends with an empty packet. The limit is 16 MiB
 * for the payload, the same as the client's (`max_allowed_packet`), plus one
 * byte for the sequence number. Source: MySQL Internals, "MySQL Packets".
 *
 * @example Encode a message
 * ```ts
 * import { mysql } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const ping = new Uint8Array([0, 0x0e]); // sequence 0, COM_PING
 * const wire = mysql().encoder().encode(ping);
 * assertEquals(wire, new Uint8Array([1, 0, 0, 0, 0x0e]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function mysql(options: PresetOptions = {}): Framing {
  const given = checkOptions("mysql()", options, PRESET_OPTIONS);
  const { maxFrameLength = 16 * 1024 * 1024 + 1, onTooLarge = "close" } =
    options;
  const full = 0xffffff + 1;
  // To skip a message, the decoder must still accept its parts.
  const part = onTooLarge === "skip" ? full : Math.min(full, maxFrameLength);
  const packet = lengthPrefixed({
    width: 3,
    endian: "little",
    headerLength: 4,
    strip: 3,
    maxFrameLength: Math.max(1, part),
  });
  const rule = fullPartContinues({ sequence: true });
  return chunked(packet, rule, { ...given, maxFrameLength });
}

/**
 * Frames MQTT control packets, without their lengths.
 *
 * ```text
 * ┌───────────────────┬─────────────────────────┬────────────────────┐
 * │ type and flags u8 │ remaining length varint │ rest of the packet │
 * └───────────────────┴─────────────────────────┴────────────────────┘
 * ```
 *
 * `next()` returns the type and flags followed by the rest of the packet, and
 * `encode()` takes the same form. The remaining length has at most four bytes.
 * Source: MQTT 5.0, 2.1.4 and 1.5.5.
 *
 * @example Encode a packet; the encoder inserts its length
 * ```ts
 * import { mqtt } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const ack = new Uint8Array([0x40, 0, 7]); // PUBACK of packet 7
 * const wire = mqtt().encoder().encode(ack);
 * assertEquals(wire, new Uint8Array([0x40, 2, 0, 7]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function mqtt(
  options: PresetOptions & Pick<VarintPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("mqtt()", options, PLAIN_OPTIONS);
  return varintPrefixed({
    ...given,
    offset: 1,
    maxPrefixLength: 4,
  });
}

/**
 * Frames DNS messages over TCP or TLS.
 *
 * ```text
 * ┌───────────────┬─────────────┐
 * │ length u16 BE │ DNS message │
 * └───────────────┴─────────────┘
 * ```
 *
 * A message is at least 12 bytes long, the size of its header. Source: RFC
 * 1035, 4.2.2; RFC 7766.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function dnsTcp(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("dnsTcp()", options, PLAIN_OPTIONS);
  const minFrameLength = 12 + (options.keepHeader ? 2 : 0);
  return lengthPrefixed({ ...given, width: 2, minFrameLength });
}

/**
 * Frames MongoDB messages; each frame includes its header.
 *
 * ```text
 * ┌───────────────────────────┬───────────┬────────────┬────────┬──────┐
 * │ length i32 LE, counts all │ requestID │ responseTo │ opCode │ body │
 * └───────────────────────────┴───────────┴────────────┴────────┴──────┘
 * ```
 *
 * `next()` returns the whole message; `encode()` takes such a frame and fills
 * in its length. The header has 16 bytes. The limit is 48,000,000 bytes, the
 * same as the server's (`maxMessageSizeBytes`). Source: MongoDB Wire Protocol.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function mongodb(options: PresetOptions = {}): Framing {
  const given = checkOptions("mongodb()", options, PRESET_OPTIONS);
  const { maxFrameLength = 48_000_000 } = options;
  return lengthPrefixedUpTo(MAX_INT32, {
    ...given,
    endian: "little",
    counts: "wholeFrame",
    keepHeader: true,
    minFrameLength: 16,
    maxFrameLength,
  });
}

/**
 * Frames AMQP 0-9-1 frames, including the header but not the end octet.
 *
 * ```text
 * ┌─────────┬────────────────┬─────────────┬─────────┬────┐
 * │ type u8 │ channel u16 BE │ size u32 BE │ payload │ CE │
 * └─────────┴────────────────┴─────────────┴─────────┴────┘
 * ```
 *
 * `next()` returns the type, channel, size and payload; the payload begins at
 * offset 7. `encode()` takes the same form, fills in the size and appends the
 * end octet. Source: AMQP 0-9-1, 2.3.5.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function amqp(options: PresetOptions = {}): Framing {
  const given = checkOptions("amqp()", options, PRESET_OPTIONS);
  return lengthPrefixed({
    ...given,
    offset: 3,
    keepHeader: true,
    trailer: new Uint8Array([0xce]),
  });
}

/**
 * Frames strings as `writeUTF` of Java's `DataOutputStream` does.
 *
 * ```text
 * ┌───────────────┬────────────────┐
 * │ length u16 BE │ modified UTF-8 │
 * └───────────────┴────────────────┘
 * ```
 *
 * The payload is the bytes of the string in modified UTF-8: U+0000 is C0 80, and
 * a character above U+FFFF is two surrogates of three bytes each; see
 * {@linkcode encodeModifiedUtf8} and {@linkcode decodeModifiedUtf8}. Source:
 * `java.io.DataInput`.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function javaWriteUTF(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("javaWriteUTF()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 2 });
}

/**
 * Frames messages to and from an SSH agent.
 *
 * ```text
 * ┌───────────────┬─────────┬──────────┐
 * │ length u32 BE │ type u8 │ contents │
 * └───────────────┴─────────┴──────────┘
 * ```
 *
 * `next()` returns the type and the contents. The limit is 256 KiB, as in
 * OpenSSH, and a message contains at least its type byte. Source:
 * draft-ietf-sshm-ssh-agent, 3.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 */
export function sshAgent(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("sshAgent()", options, PLAIN_OPTIONS);
  const header = options.keepHeader ? 4 : 0;
  const { maxFrameLength = 256 * 1024 + header } = options;
  const minFrameLength = 1 + header;
  return lengthPrefixed({ ...given, maxFrameLength, minFrameLength });
}

/**
 * Frames messages of the Language Server and Debug Adapter Protocols.
 *
 * ```text
 * ┌──────────────────────────────┬───────┬──────┐
 * │ Content-Length: digits CR LF │ CR LF │ JSON │
 * └──────────────────────────────┴───────┴──────┘
 * ```
 *
 * Source: Language Server Protocol 3.17, "Base Protocol".
 *
 * @example Encode a message
 * ```ts
 * import { lsp } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = lsp().encoder().encode(new TextEncoder().encode("{}"));
 * assertEquals(new TextDecoder().decode(wire), "Content-Length: 2\r\n\r\n{}");
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function lsp(options: ContentLengthOptions = {}): Framing {
  return contentLength(options);
}
