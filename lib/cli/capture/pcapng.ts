/**
 * Reads and writes captures as pcapng, which Wireshark and its tools read.
 *
 * Each connection is an interface of link type USER0 (147), and each frame is a
 * packet that begins with its length. A truncated packet has its original
 * length, and flags contain its direction.
 *
 * Source: draft-ietf-opsawg-pcapng.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { CliError } from "../errors.ts";
import type { Direction } from "./captured_frame.ts";

/** Link type for private use. */
const LINKTYPE_USER0 = 147;

const Block = {
  SECTION: 0x0a0d0d0a,
  INTERFACE: 0x00000001,
  PACKET: 0x00000006,
} as const;

const Option = {
  END: 0,
  COMMENT: 1,
  IF_NAME: 2,
  USER_APPLICATION: 4,
  PACKET_FLAGS: 2,
  TIME_RESOLUTION: 9,
} as const;

const BYTE_ORDER = 0x1a2b3c4d;

/** Bits of epb_flags: inbound or outbound, as the server sees it. */
const DIRECTIONS: Readonly<Record<Direction, number>> = { in: 1, out: 2 };

/** Largest block that is read, in bytes. */
const MAX_BLOCK = 64 * 1024 * 1024;

const encoder = new TextEncoder();

/** Returns the beginning of a file. */
export function sectionHeader(application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER, true);
  view.setUint16(4, 1, true); // version 1.0
  view.setBigInt64(8, -1n, true); // the length of the section is unknown
  return block(Block.SECTION, [
    body,
    option(Option.USER_APPLICATION, encoder.encode(application)),
    END_OF_OPTIONS,
  ]);
}

/** Returns the block of a connection; packets refer to it by its position. */
export function interfaceBlock(name: string): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setUint16(0, LINKTYPE_USER0, true);
  return block(Block.INTERFACE, [
    body,
    option(Option.IF_NAME, encoder.encode(name)),
    END_OF_OPTIONS,
  ]);
}

/** A packet of a capture. */
export interface Packet {
  /** Position of the connection's block in the file, from 0. */
  readonly interface: number;
  /** Direction, as the server sees it. */
  readonly dir: Direction;
  /** Time in ms since 1970. */
  readonly time: number;
  /** Bytes of the packet; fewer than `size` if it was truncated. */
  readonly bytes: Uint8Array;
  /** Original number of bytes. */
  readonly size: number;
  /** Text about the packet. */
  readonly comment?: string | undefined;
}

/** Returns the block of a packet. */
export function packetBlock(packet: Packet): Uint8Array {
  const { dir, time, bytes, size, comment } = packet;
  const body = new Uint8Array(20);
  const view = new DataView(body.buffer);
  const microseconds = BigInt(Math.round(time * 1000));
  view.setUint32(0, packet.interface, true);
  view.setUint32(4, Number(microseconds >> 32n), true);
  view.setUint32(8, Number(microseconds & 0xffffffffn), true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, size, true);
  const flags = new Uint8Array(4);
  new DataView(flags.buffer).setUint32(0, DIRECTIONS[dir], true);
  return block(Block.PACKET, [
    body,
    padded(bytes),
    ...(comment === undefined
      ? []
      : [option(Option.COMMENT, encoder.encode(comment))]),
    option(Option.PACKET_FLAGS, flags),
    END_OF_OPTIONS,
  ]);
}

const END_OF_OPTIONS = new Uint8Array(4);

function option(code: number, value: Uint8Array): Uint8Array {
  const short = value.subarray(0, 0xffff);
  const head = new Uint8Array(4);
  const view = new DataView(head.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, short.length, true);
  return concat([head, padded(short)]);
}

function padded(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  all.set(bytes);
  return all;
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = concat([...parts]);
  const all = new Uint8Array(body.length + 12);
  const view = new DataView(all.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, all.length, true);
  all.set(body, 8);
  view.setUint32(all.length - 4, all.length, true);
  return all;
}

/** Returns whether bytes begin a pcapng file. */
export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x0a && bytes[1] === 0x0d &&
    bytes[2] === 0x0d && bytes[3] === 0x0a;
}

/**
 * First bytes of captures in the older format: magic number and version.
 *
 * Both byte orders, with times in microseconds and in nanoseconds.
 */
const PCAP = [
  "a1b2c3d400020004",
  "d4c3b2a102000400",
  "a1b23c4d00020004",
  "4d3cb2a102000400",
];

/** Returns whether a file is a capture in the format of tcpdump. */
export function isPcap(bytes: Uint8Array): boolean {
  return PCAP.includes(bytes.subarray(0, 8).toHex());
}

/** Returns an error about a file with the packets of a network. */
export function packetCapture(why: string): CliError {
  return new CliError(`The file contains network packets: ${why}`, {
    code: "no",
    hint:
      "extract the bytes of a connection with tshark; lib/framing/CLIENT.md shows how",
  });
}

/** A part of a file. */
export type Entry =
  | { readonly interface: string }
  | { readonly packet: Packet };

/**
 * Yields the connections and packets of a file, in either byte order.
 *
 * @throws {CliError} with the code `no` if the file is damaged, or has packets
 * of another link type
 */
export function* readPcapng(file: Uint8Array): Generator<Entry> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let little = true;
  const resolutions: number[] = [];
  let first = 0; // of the section; a file may be several files, joined
  for (let at = 0; at < file.length;) {
    if (at + 12 > file.length) throw damaged(at, "a block is truncated");
    if (isPcapng(file.subarray(at))) {
      little = view.getUint32(at + 8, true) === BYTE_ORDER;
      first = resolutions.length;
    } else if (at === 0) {
      throw damaged(at, "it is not a pcapng file, as tap --write makes them");
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || length > MAX_BLOCK) {
      throw damaged(at, `a block has the length ${length}`);
    }
    if (at + length > file.length) throw damaged(at, "a block is truncated");
    const body = new DataView(
      view.buffer,
      view.byteOffset + at + 8,
      length - 12,
    );
    if (type === Block.INTERFACE) {
      const linkType = body.byteLength >= 8 ? body.getUint16(0, little) : -1;
      if (linkType !== LINKTYPE_USER0) {
        if (linkType === -1) throw damaged(at, "an interface is truncated");
        throw packetCapture(`its link type is ${linkType}, not 147 (USER0)`);
      }
      const options = readOptions(body, 8, little);
      resolutions.push(unitsPerMs(options.get(Option.TIME_RESOLUTION)));
      yield { interface: text(options.get(Option.IF_NAME)) };
    } else if (type === Block.PACKET) {
      yield { packet: readPacket(body, little, { resolutions, first }, at) };
    }
    at += length;
  }
}

function readPacket(
  body: DataView,
  little: boolean,
  { resolutions, first }: {
    readonly resolutions: readonly number[];
    readonly first: number;
  },
  at: number,
): Packet {
  if (body.byteLength < 20) throw damaged(at, "a packet is truncated");
  const number = first + body.getUint32(0, little);
  const units = resolutions[number];
  const captured = body.getUint32(12, little);
  if (units === undefined || 20 + captured > body.byteLength) {
    throw damaged(at, "a packet is not valid");
  }
  const start = body.byteOffset + 20;
  const options = readOptions(body, 20 + Math.ceil(captured / 4) * 4, little);
  const flags = options.get(Option.PACKET_FLAGS);
  const comment = options.get(Option.COMMENT);
  return {
    interface: number,
    time: (body.getUint32(4, little) * 2 ** 32 + body.getUint32(8, little)) /
      units,
    bytes: new Uint8Array(body.buffer, start, captured),
    size: body.getUint32(16, little),
    dir: flags !== undefined && flags.byteLength === 4 &&
        (flags.getUint32(0, little) & 3) === DIRECTIONS.out
      ? "out"
      : "in",
    ...(comment !== undefined && { comment: text(comment) }),
  };
}

function readOptions(
  body: DataView,
  from: number,
  little: boolean,
): Map<number, DataView> {
  const options = new Map<number, DataView>();
  for (let at = from; at + 4 <= body.byteLength;) {
    const code = body.getUint16(at, little);
    const length = body.getUint16(at + 2, little);
    if (code === Option.END || at + 4 + length > body.byteLength) break;
    options.set(
      code,
      new DataView(body.buffer, body.byteOffset + at + 4, length),
    );
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}

/** Returns the units of time per millisecond; the default is microseconds. */
function unitsPerMs(option: DataView | undefined): number {
  if (option === undefined || option.byteLength < 1) return 1000;
  const exponent = option.getUint8(0);
  const perSecond = exponent & 0x80 ? 2 ** (exponent & 0x7f) : 10 ** exponent;
  return perSecond / 1000;
}

function text(view: DataView | undefined): string {
  return view === undefined ? "" : new TextDecoder().decode(view);
}

function damaged(offset: number, why: string): CliError {
  return new CliError(`Damaged at offset ${offset}: ${why}`, { code: "no" });
}
