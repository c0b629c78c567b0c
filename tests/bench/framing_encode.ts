/**
 * Encoding frames into a batch in memory: the cost between a payload and the write
 * of many frames.
 *
 * @module
 */
import { encode } from "it-length-prefixed";
import type { Connection } from "../../lib/transport/connection.ts";
import { frames, u32be } from "../../lib/framing/mod.ts";
import { compare, type Subject } from "./compare.ts";

const BATCH = 64 * 1024;
const FRAMES = 400_000;
const LIMIT = 4 * 1024 * 1024;

/** Returns payloads of one length; a loop encodes one after the other. */
export function payloadsOf(size: number): readonly Uint8Array[] {
  return Array.from({ length: 64 }, (_, i) => new Uint8Array(size).fill(i));
}

/** Compares u32 encoding at four sizes with a hand-written loop. */
export async function run(): Promise<void> {
  for (const size of [16, 64, 128, 1024]) {
    const payload = new Uint8Array(size).fill(7);
    const payloads = payloadsOf(size);
    await compare({
      title: `u32be, ${size} B payloads, encode into 64 KiB batches`,
      unit: "frames",
      subjects: [
        {
          name: "hand-written loop, setUint32 and set",
          run: () => byHand(payloads),
        },
        { name: "lengthwise encodeInto()", run: () => encodeInto(payloads) },
        { name: "lengthwise seal(), payload in place", run: () => seal(size) },
        throughPump("lengthwise frames().write()", payload),
        throughPump("lengthwise frames().begin() … commit()", payload, size),
        { name: "it-length-prefixed", run: () => lists(payload) },
      ],
    });
  }
}

/** The fastest loop that rejects long payloads, as encoders do. */
export function byHand(payloads: readonly Uint8Array[]): number {
  const batch = new Uint8Array(BATCH);
  const view = new DataView(batch.buffer);
  let at = 0;
  for (let i = 0; i < FRAMES; i++) {
    const payload = payloads[i % 64]!;
    const { length } = payload;
    if (length > LIMIT) throw new RangeError(`${length} bytes are too long`);
    if (at + 4 + length > BATCH) at = 0;
    view.setUint32(at, length);
    batch.set(payload, at + 4);
    at += 4 + length;
  }
  return FRAMES;
}

export function encodeInto(payloads: readonly Uint8Array[]): number {
  const encoder = u32be({ maxFrameLength: LIMIT }).encoder();
  const batch = new Uint8Array(BATCH);
  let at = 0;
  for (let i = 0; i < FRAMES; i++) {
    const payload = payloads[i % 64]!;
    if (at + encoder.maxEncodedLength(payload.length) > BATCH) at = 0;
    at = encoder.encodeInto(payload, batch, at);
  }
  return FRAMES;
}

function seal(size: number): number {
  const inPlace = u32be().encoder().inPlace!;
  const batch = new Uint8Array(BATCH);
  let at = 0;
  for (let i = 0; i < FRAMES; i++) {
    if (at + inPlace.headroom + size > BATCH) at = 0;
    batch[at + inPlace.headroom] = i; // the payload is written here
    at = inPlace.seal(batch, at, at + inPlace.headroom + size);
  }
  return FRAMES;
}

/** Uses the pump, with a connection that accepts everything immediately. */
function throughPump(
  name: string,
  payload: Uint8Array,
  inPlace?: number,
): Subject {
  return {
    name,
    async run(): Promise<number> {
      const stream = frames(sink, u32be());
      const perTurn = Math.floor(BATCH / (payload.length + 4));
      for (let i = 0; i < FRAMES; i++) {
        if (inPlace === undefined) {
          stream.write(payload);
        } else {
          const room = stream.begin(inPlace);
          room.buffer[room.start] = i;
          stream.commit(room.start + inPlace);
        }
        if (i % perTurn === 0) await stream.flush();
      }
      await stream.flush();
      stream.close();
      return FRAMES;
    },
  };
}

const sink: Connection = {
  localAddr: { transport: "sink" },
  remoteAddr: { transport: "sink" },
  read: () => Promise.resolve(null),
  write: (data) => Promise.resolve(data.length),
  closeWrite: () => Promise.resolve(),
  close() {},
  [Symbol.dispose]() {},
};

function lists(payload: Uint8Array): number {
  let at = 0;
  const options = { lengthEncoder: u32Encoder };
  for (let i = 0; i < FRAMES; i++) {
    at += encode.single(payload, options).byteLength;
  }
  return at > 0 ? FRAMES : 0;
}

const u32Encoder = Object.assign((value: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}, { bytes: 4 });
