/**
 * Framings under the names people know them by.
 *
 * @module
 */
import { chunked } from "./layouts/chunked.ts";
import {
  contentLength,
  type ContentLengthOptions,
} from "./layouts/content_length.ts";
import type { Framing } from "./framing.ts";
import { lengthPrefixed } from "./layouts/length_prefixed.ts";
import { fullPartContinues } from "./layouts/split_rules.ts";
import { varintPrefixed } from "./layouts/varint_prefixed.ts";
import { checkInteger, checkOneOf } from "./decode/option_checks.ts";

/** Options of the presets. */
export interface PresetOptions {
  /**
   * The most bytes in a frame, both ways: what `next()` gives and `encode()`
   * takes.
   *
   * @default {4194304} unless the preset says otherwise; less where the length
   * field cannot say it
   */
  maxFrameLength?: number;
  /**
   * What to do with a frame that is too long: throw, or count it and go on.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

/** Most that a signed length of four bytes can say. */
const MAX_INT32 = 0x7fffffff;

/** The peers of these protocols read the length as a signed number. */
function checkSigned(maxFrameLength: number): number {
  return checkInteger("maxFrameLength", maxFrameLength, [0, MAX_INT32]);
}

/**
 * A length of 2 bytes, big-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u16 BE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u16be().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u16be(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 2 });
}

/**
 * A length of 2 bytes, little-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u16 LE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u16le } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u16le().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([2, 0, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u16le(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 2, endian: "little" });
}

/**
 * A length of 3 bytes, big-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u24 BE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u24be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u24be().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u24be(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 3 });
}

/**
 * A length of 3 bytes, little-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u24 LE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u24le } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u24le().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([2, 0, 0, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u24le(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 3, endian: "little" });
}

/**
 * A length of 4 bytes, big-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u32 BE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u32be().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u32be(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 4 });
}

/**
 * A length of 4 bytes, little-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u32 LE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { u32le } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u32le().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([2, 0, 0, 0, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u32le(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 4, endian: "little" });
}

/**
 * A length of 8 bytes, big-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u64 BE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * Lengths from 2^53 are refused.
 *
 * @example Frames there and back
 * ```ts
 * import { u64be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u64be().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 0, 0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u64be(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 8 });
}

/**
 * A length of 8 bytes, little-endian, and the payload.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length u64 LE │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * Lengths from 2^53 are refused.
 *
 * @example Frames there and back
 * ```ts
 * import { u64le } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u64le().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u64le(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 8, endian: "little" });
}

/**
 * A varint length and the payload, as delimited Protocol Buffers have it.
 *
 * ```text
 * ┌───────────────┬─────────┐
 * │ length varint │ payload │
 * └───────────────┴─────────┘
 * ```
 *
 * Source: `writeDelimitedTo` of Protocol Buffers; libp2p.
 *
 * @example Frames there and back
 * ```ts
 * import { varint } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = varint().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function varint(options: PresetOptions = {}): Framing {
  return varintPrefixed(options);
}

/**
 * A gRPC message, header and all.
 *
 * ```text
 * ┌───────────────┬───────────────┬─────────┐
 * │ compressed u8 │ length u32 BE │ message │
 * └───────────────┴───────────────┴─────────┘
 * ```
 *
 * `next()` gives the whole frame: `frame[0]` is the flag, the message begins at 5.
 * `encode()` takes the same and writes the length. The limit is 4 MiB for the
 * message, as in gRPC, and 5 bytes. Source: gRPC over HTTP/2,
 * "Length-Prefixed-Message".
 *
 * @example Frames there and back
 * ```ts
 * import { grpcMessage } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = grpcMessage().encoder();
 * const wire = encoder.encode(new Uint8Array([0, 0, 0, 0, 0, 7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function grpcMessage(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 4 * 1024 * 1024 + 5 } = options;
  return lengthPrefixed({ ...options, maxFrameLength, offset: 1, strip: 0 });
}

/**
 * The first message of a PostgreSQL client, which has no type byte.
 *
 * ```text
 * ┌──────────────────────────────┬─────────────┬────────────┐
 * │ length u32 BE, counts itself │ code u32 BE │ parameters │
 * └──────────────────────────────┴─────────────┴────────────┘
 * ```
 *
 * `next()` gives the code (protocol version, SSLRequest, …) and what follows.
 * The limit is 10,000 bytes, as in the server. Source: PostgreSQL, "Message
 * Formats", StartupMessage; `MAX_STARTUP_PACKET_LENGTH`.
 *
 * @example Frames there and back
 * ```ts
 * import { postgresStartup } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const sslRequest = new Uint8Array([4, 210, 22, 47]);
 * const wire = postgresStartup().encoder().encode(sslRequest);
 * assertEquals(wire, new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function postgresStartup(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 10_000 } = options;
  return lengthPrefixed({
    ...options,
    maxFrameLength,
    minFrameLength: 4,
    counts: "wholeFrame",
  });
}

/**
 * A PostgreSQL message with its type, header and all.
 *
 * ```text
 * ┌─────────┬──────────────────────────────┬──────┐
 * │ type u8 │ length u32 BE, counts itself │ body │
 * └─────────┴──────────────────────────────┴──────┘
 * ```
 *
 * `next()` gives the whole frame: `frame[0]` is the type, the body begins at 5.
 * `encode()` takes the same and writes the length. A length below 4 is refused.
 * Source: PostgreSQL, "Message Formats".
 *
 * @example Frames there and back
 * ```ts
 * import { postgres } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const sync = new Uint8Array([0x53, 0, 0, 0, 0]); // 'S'
 * const wire = postgres().encoder().encode(sync);
 * assertEquals(wire, new Uint8Array([0x53, 0, 0, 0, 4]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function postgres(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, offset: 1, adjustment: -4, strip: 0 });
}

/**
 * MySQL packets, joined to messages.
 *
 * ```text
 * ┌───────────────┬─────────────┬─────────┐
 * │ length u24 LE │ sequence u8 │ payload │
 * └───────────────┴─────────────┴─────────┘
 * ```
 *
 * `next()` gives the sequence number of the first packet and the whole payload
 * behind it, `encode()` takes the same. A packet of 2^24-1 bytes has another one
 * behind it, with the next number; a multiple of that is closed by an empty one.
 * The limit is 16 MiB for the payload, as in the client (`max_allowed_packet`),
 * and one byte. Source: MySQL Internals, "MySQL Packets".
 *
 * @example Frames there and back
 * ```ts
 * import { mysql } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const ping = new Uint8Array([0, 0x0e]); // sequence 0, COM_PING
 * const wire = mysql().encoder().encode(ping);
 * assertEquals(wire, new Uint8Array([1, 0, 0, 0, 0x0e]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function mysql(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 16 * 1024 * 1024 + 1, onTooLong = "close" } =
    options;
  const full = 0xffffff + 1;
  // Parts of a message that is skipped must be taken in to be skipped.
  const part = onTooLong === "skip" ? full : Math.min(full, maxFrameLength);
  const packet = lengthPrefixed({
    width: 3,
    endian: "little",
    headerLength: 4,
    strip: 3,
    maxFrameLength: Math.max(1, part),
  });
  const rule = fullPartContinues({ sequence: true });
  return chunked(packet, rule, { ...options, maxFrameLength });
}

/**
 * An MQTT control packet, header and all.
 *
 * ```text
 * ┌───────────────────┬─────────────────────────┬────────────────────┐
 * │ type and flags u8 │ remaining length varint │ rest of the packet │
 * └───────────────────┴─────────────────────────┴────────────────────┘
 * ```
 *
 * `next()` gives the whole packet and `encode()` takes one; the remaining length
 * has four bytes at most. Source: MQTT 5.0, 2.1.4 and 1.5.5.
 *
 * @example Frames there and back
 * ```ts
 * import { mqtt } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const ping = new Uint8Array([0xc0, 0]); // PINGREQ
 * const decoder = mqtt().decoder();
 * decoder.push(mqtt().encoder().encode(ping));
 * assertEquals(decoder.next(), ping);
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function mqtt(options: PresetOptions = {}): Framing {
  return varintPrefixed({
    ...options,
    offset: 1,
    maxPrefixLength: 4,
    keepHeader: true,
  });
}

/**
 * A DNS message over TCP or TLS.
 *
 * ```text
 * ┌───────────────┬─────────────┐
 * │ length u16 BE │ DNS message │
 * └───────────────┴─────────────┘
 * ```
 *
 * A message is no shorter than its header of 12 bytes. Source: RFC 1035, 4.2.2;
 * RFC 7766.
 *
 * @example Frames there and back
 * ```ts
 * import { dnsTcp } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const message = new Uint8Array(12);
 * const wire = dnsTcp().encoder().encode(message);
 * assertEquals(wire.subarray(0, 2), new Uint8Array([0, 12]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function dnsTcp(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 2, minFrameLength: 12 });
}

/**
 * A Kafka request or response.
 *
 * ```text
 * ┌─────────────┬─────────────────────┐
 * │ size i32 BE │ request or response │
 * └─────────────┴─────────────────────┘
 * ```
 *
 * The size is signed: 2^31 and more is refused. Source: Apache Kafka protocol
 * guide, "Protocol Primitive Types".
 *
 * @example Frames there and back
 * ```ts
 * import { kafka } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = kafka().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function kafka(options: PresetOptions = {}): Framing {
  if (options.maxFrameLength !== undefined) checkSigned(options.maxFrameLength);
  return lengthPrefixed(options);
}

/**
 * A MongoDB message, header and all.
 *
 * ```text
 * ┌───────────────────────────┬───────────┬────────────┬────────┬──────┐
 * │ length i32 LE, counts all │ requestID │ responseTo │ opCode │ body │
 * └───────────────────────────┴───────────┴────────────┴────────┴──────┘
 * ```
 *
 * `next()` gives the whole message and `encode()` takes one and writes the
 * length; the header has 16 bytes. The limit is 48,000,000 bytes, as in the
 * server (`maxMessageSizeBytes`). Source: MongoDB Wire Protocol.
 *
 * @example Frames there and back
 * ```ts
 * import { mongodb } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = mongodb().encoder().encode(new Uint8Array(21));
 * assertEquals(wire[0], 21);
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function mongodb(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 48_000_000 } = options;
  return lengthPrefixed({
    ...options,
    endian: "little",
    counts: "wholeFrame",
    strip: 0,
    minFrameLength: 16,
    maxFrameLength: checkSigned(maxFrameLength),
  });
}

/**
 * What Erlang's `{packet, 1 | 2 | 4}` writes and reads.
 *
 * ```text
 * ┌───────────────────────────┬─────────┐
 * │ length 1, 2 or 4 bytes BE │ payload │
 * └───────────────────────────┴─────────┘
 * ```
 *
 * Source: Erlang/OTP, `inet:setopts/2`.
 *
 * @example Frames there and back
 * ```ts
 * import { erlangPacket } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = erlangPacket(2).encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function erlangPacket(
  width: 1 | 2 | 4,
  options: PresetOptions = {},
): Framing {
  checkOneOf("width", String(width), ["1", "2", "4"]);
  return lengthPrefixed({ ...options, width });
}

/**
 * The framed transport of Apache Thrift.
 *
 * ```text
 * ┌─────────────┬─────────┐
 * │ size i32 BE │ message │
 * └─────────────┴─────────┘
 * ```
 *
 * The limit is 16,384,000 bytes, as in Thrift (`DEFAULT_MAX_LENGTH`). Source:
 * Apache Thrift, "Thrift Framed Transport".
 *
 * @example Frames there and back
 * ```ts
 * import { thriftFramed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = thriftFramed().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function thriftFramed(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 16_384_000 } = options;
  return lengthPrefixed({
    ...options,
    maxFrameLength: checkSigned(maxFrameLength),
  });
}

/**
 * A frame of AMQP 0-9-1, without the octet that ends it.
 *
 * ```text
 * ┌─────────┬────────────────┬─────────────┬─────────┬────┐
 * │ type u8 │ channel u16 BE │ size u32 BE │ payload │ CE │
 * └─────────┴────────────────┴─────────────┴─────────┴────┘
 * ```
 *
 * `next()` gives type, channel, size and payload, which begins at 7; `encode()`
 * takes the same and writes the size and the end. Source: AMQP 0-9-1, 2.3.5.
 *
 * @example Frames there and back
 * ```ts
 * import { amqp } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const heartbeat = new Uint8Array([8, 0, 0, 0, 0, 0, 0]);
 * const wire = amqp().encoder().encode(heartbeat);
 * assertEquals(wire, new Uint8Array([8, 0, 0, 0, 0, 0, 0, 0xce]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function amqp(options: PresetOptions = {}): Framing {
  return lengthPrefixed({
    ...options,
    offset: 3,
    strip: 0,
    trailer: new Uint8Array([0xce]),
  });
}

/**
 * What `writeInt(bytes.length)` and `write(bytes)` of Java's `DataOutputStream`
 * make, and `readInt` and `readFully` read.
 *
 * ```text
 * ┌───────────────┬───────┐
 * │ length i32 BE │ bytes │
 * └───────────────┴───────┘
 * ```
 *
 * Source: `java.io.DataOutput`.
 *
 * @example Frames there and back
 * ```ts
 * import { javaWriteInt } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = javaWriteInt().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 2, 7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function javaWriteInt(options: PresetOptions = {}): Framing {
  if (options.maxFrameLength !== undefined) checkSigned(options.maxFrameLength);
  return lengthPrefixed(options);
}

/**
 * What `writeUTF` of Java's `DataOutputStream` makes, as bytes.
 *
 * ```text
 * ┌───────────────┬────────────────┐
 * │ length u16 BE │ modified UTF-8 │
 * └───────────────┴────────────────┘
 * ```
 *
 * The bytes are modified UTF-8: U+0000 is C0 80, and characters above U+FFFF are
 * two surrogates of three bytes. Source: `java.io.DataInput`.
 *
 * @example Frames there and back
 * ```ts
 * import { javaWriteUTF } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = javaWriteUTF().encoder().encode(new TextEncoder().encode("hi"));
 * assertEquals(wire, new Uint8Array([0, 2, 0x68, 0x69]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function javaWriteUTF(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 2 });
}

/**
 * A message to or from an SSH agent.
 *
 * ```text
 * ┌───────────────┬─────────┬──────────┐
 * │ length u32 BE │ type u8 │ contents │
 * └───────────────┴─────────┴──────────┘
 * ```
 *
 * The limit is 256 KiB, as in OpenSSH; a message has a type at least. Source:
 * draft-ietf-sshm-ssh-agent, 3.
 *
 * @example Frames there and back
 * ```ts
 * import { sshAgent } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const identities = new Uint8Array([11]); // SSH_AGENTC_REQUEST_IDENTITIES
 * const wire = sshAgent().encoder().encode(identities);
 * assertEquals(wire, new Uint8Array([0, 0, 0, 1, 11]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function sshAgent(options: PresetOptions = {}): Framing {
  const { maxFrameLength = 256 * 1024 } = options;
  return lengthPrefixed({ ...options, maxFrameLength, minFrameLength: 1 });
}

/**
 * A message of the Language Server Protocol or the Debug Adapter Protocol.
 *
 * ```text
 * ┌──────────────────────────────┬───────┬──────┐
 * │ Content-Length: digits CR LF │ CR LF │ JSON │
 * └──────────────────────────────┴───────┴──────┘
 * ```
 *
 * Source: Language Server Protocol 3.17, "Base Protocol".
 *
 * @example Frames there and back
 * ```ts
 * import { lsp } from "@lengthwise/lengthwise/framing";
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
