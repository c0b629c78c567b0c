/**
 * Decoding frames from 64 KiB reads in memory, as views, without a socket.
 *
 * @module
 */
import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";
import { Buffer } from "node:buffer";
import { decode, type LengthDecoderFunction } from "it-length-prefixed";
import { Parser } from "pg-protocol/dist/parser.js";
import { type Framing, u32be, varint } from "../../lib/framing/mod.ts";
import { grpcMessage, postgres } from "../../lib/framing/presets.ts";
import { compare, type Subject } from "./compare.ts";

const READ = 64 * 1024;
const FRAMES = 400_000;

/** Bytes of many frames, in reads; the last read ends with a frame. */
export interface Input {
  reads: Uint8Array[];
  times: number;
}

/** Compares decoders with u32 frames of four sizes in 64 KiB reads. */
export async function run(): Promise<void> {
  for (const size of [16, 64, 128, 1024]) {
    const u32 = input(u32be().encoder().encode(new Uint8Array(size)));
    await compare({
      title: `u32be, ${size} B payloads, decode as views`,
      unit: "frames",
      subjects: [
        { name: "hand-written loop, subarray", run: () => byHand(u32) },
        { name: "hand-written loop, new Uint8Array", run: () => byViews(u32) },
        ours(u32be(), u32),
        { name: "it-length-prefixed (u32)", run: () => lists(u32, u32Decoder) },
      ],
    });
  }
  for (const size of [16, 128, 1024]) {
    const payload = new Uint8Array(size);
    const varints = input(varint().encoder().encode(payload));
    const grpc = input(grpcMessage().encoder().encode(prefixed(0, payload)));
    const copyData = input(
      postgres().encoder().encode(prefixed(0x64, payload)),
    );
    await compare({
      title: `varint, ${size} B payloads`,
      unit: "frames",
      subjects: [
        { name: "it-length-prefixed", run: () => lists(varints) },
        ours(varint(), varints),
      ],
    });
    await compare({
      title: `gRPC messages, ${size} B payloads`,
      unit: "frames",
      subjects: [
        { name: "@grpc/grpc-js StreamDecoder", run: () => byGrpc(grpc) },
        ours(grpcMessage(), grpc),
      ],
    });
    await compare({
      title: `PostgreSQL CopyData messages, ${size} B payloads`,
      unit: "frames",
      subjects: [
        { name: "pg-protocol Parser", run: () => byPg(copyData) },
        ours(postgres(), copyData),
      ],
    });
  }
}

/** Repeats one frame, split into reads at any position. */
export function input(frame: Uint8Array): Input {
  // As many frames as a read has bytes, so the last read ends with a frame.
  const count = Math.ceil(16 * READ / frame.length);
  const bytes = new Uint8Array(count * frame.length);
  for (let i = 0; i < count; i++) bytes.set(frame, i * frame.length);
  const reads: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += READ) {
    reads.push(bytes.subarray(at, at + READ));
  }
  return { reads, times: Math.ceil(FRAMES / count) };
}

function prefixed(first: number, payload: Uint8Array): Uint8Array {
  return new Uint8Array([first, ...payload]);
}

export function ours(framing: Framing, { reads, times }: Input): Subject {
  return {
    name: "lengthwise",
    run(): number {
      let count = 0;
      const decoder = framing.decoder();
      for (let i = 0; i < times; i++) {
        for (const read of reads) {
          decoder.push(read);
          for (let frame; (frame = decoder.next()) !== undefined;) {
            if (frame.length > 0) count++;
          }
        }
      }
      decoder.end();
      return count;
    },
  };
}

/** A hand-written decoder: views of the read; split frames are joined. */
export function byHand({ reads, times }: Input): number {
  let count = 0;
  let rest = new Uint8Array(0);
  const take = (payload: Uint8Array): void => {
    if (payload.length > 0) count++;
  };
  for (let i = 0; i < times; i++) {
    for (const read of reads) {
      let at = 0;
      if (rest.length > 0) {
        const joined = new Uint8Array(
          rest.length + Math.min(2048, read.length),
        );
        joined.set(rest);
        joined.set(read.subarray(0, joined.length - rest.length), rest.length);
        const end = 4 + new DataView(joined.buffer).getUint32(0);
        take(joined.subarray(4, end));
        at = end - rest.length;
      }
      const view = new DataView(read.buffer, read.byteOffset, read.length);
      while (at + 4 <= read.length) {
        const end = at + 4 + view.getUint32(at);
        if (end > read.length) break;
        take(read.subarray(at + 4, end));
        at = end;
      }
      rest = read.slice(at);
    }
  }
  return count;
}

/** The same with `new Uint8Array(buffer, …)`, which is faster than `subarray()`. */
export function byViews({ reads, times }: Input): number {
  let count = 0;
  let rest = new Uint8Array(0);
  for (let i = 0; i < times; i++) {
    for (const read of reads) {
      const { buffer, byteOffset, length } = read;
      let at = 0;
      if (rest.length > 0) {
        const joined = new Uint8Array(rest.length + Math.min(2048, length));
        joined.set(rest);
        joined.set(read.subarray(0, joined.length - rest.length), rest.length);
        const size = new DataView(joined.buffer).getUint32(0);
        if (new Uint8Array(joined.buffer, 4, size).length > 0) count++;
        at = 4 + size - rest.length;
      }
      const view = new DataView(buffer, byteOffset, length);
      while (at + 4 <= length) {
        const size = view.getUint32(at);
        if (at + 4 + size > length) break;
        const payload = new Uint8Array(buffer, byteOffset + at + 4, size);
        if (payload.length > 0) count++;
        at += 4 + size;
      }
      rest = read.slice(at);
    }
  }
  return count;
}

const u32Decoder: LengthDecoderFunction = Object.assign(
  (list: Parameters<LengthDecoderFunction>[0]) => list.getUint32(0),
  { bytes: 4 },
);

export function lists(
  { reads, times }: Input,
  lengthDecoder?: LengthDecoderFunction,
): number {
  function* source(): Generator<Uint8Array> {
    for (let i = 0; i < times; i++) yield* reads;
  }
  let count = 0;
  const options = lengthDecoder === undefined ? {} : { lengthDecoder };
  for (const list of decode(source(), options)) {
    if (list.byteLength > 0) count++;
  }
  return count;
}

export function byGrpc(input: Input): number {
  const decoder = new StreamDecoder(-1);
  let count = 0;
  for (const read of buffers(input)) count += decoder.write(read).length;
  return count;
}

export function byPg(input: Input): number {
  const parser = new Parser();
  let count = 0;
  for (const read of buffers(input)) parser.parse(read, () => void count++);
  return count;
}

export function* buffers({ reads, times }: Input): Generator<Buffer> {
  for (let i = 0; i < times; i++) {
    for (const { buffer, byteOffset, length } of reads) {
      yield Buffer.from(buffer, byteOffset, length);
    }
  }
}
