/**
 * Copies, views and web streams of the runtime without a framing, which limit the
 * rows of frames and lines.
 *
 * @module
 */
import { FrameDecoderStream, lines } from "../../lib/framing/mod.ts";
import { compare } from "./compare.ts";
import { byHand, encodeInto, payloadsOf } from "./framing_encode.ts";

const COUNT = 400_000;
const SIZE = 128;
const BATCH = 64 * 1024;
const LIMIT = 4 * 1024 * 1024;
const LINES = 50_000;
const LINE = 100;

const payloads = payloadsOf(SIZE);
/** Results, so that the compiler cannot remove the work. */
let seen: unknown;

/** Compares the work of the rows with parts of it. */
export async function run(): Promise<void> {
  await compare({
    title: `${SIZE} B payloads, in processor time`,
    unit: "frames",
    time: "processor",
    subjects: [
      { name: "hand-written loop, setUint32 and set", run: loop },
      { name: "lengthwise encodeInto()", run: () => encodeInto(payloads) },
      { name: "its checks and its copy, but no header", run: copies },
      { name: "views, without a decoder", run: views },
    ],
  });
  await compare({
    title: `lines of ${LINE} B in web streams, in processor time`,
    unit: "frames",
    time: "processor",
    subjects: [
      { name: "prepared views, one pull for each", run: () => read(view) },
      { name: "prepared views, one pull for 64", run: () => read(view, 64) },
      { name: "copies, one pull for each", run: () => read(copy) },
      { name: "copies, one pull for 64", run: () => read(copy, 64) },
      { name: "copies, without a stream", run: copiesAlone },
      { name: "lengthwise FrameDecoderStream", run: decoded },
    ],
  });
}

const loop = (): number => byHand(payloads);

class Copier {
  limit = LIMIT;

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const end = offset + 4 + payload.length;
    if (
      !(payload.length <= this.limit && offset >= 0 && end <= target.length)
    ) throw new RangeError("The payload is too long");
    target.set(payload, offset + 4);
    return end;
  }
}

function copies(): number {
  const copier = new Copier();
  const batch = new Uint8Array(BATCH);
  let at = 0;
  for (let i = 0; i < COUNT; i++) {
    const payload = payloads[i % 64]!;
    if (at + 4 + payload.length > BATCH) at = 0;
    at = copier.encodeInto(payload, batch, at);
  }
  return COUNT;
}

function views(): number {
  const { buffer } = new Uint8Array(BATCH);
  let sum = 0;
  for (let i = 0, at = 0; i < COUNT; i++, at += SIZE) {
    if (at + SIZE > BATCH) at = 0;
    sum += new Uint8Array(buffer, at, SIZE)[0]!;
  }
  seen = sum;
  return COUNT;
}

const bytes = new TextEncoder().encode(
  `${"x".repeat(LINE - 1)}\n`.repeat(LINES),
);

function view(index: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer, index * LINE, LINE - 1);
}

function copy(index: number): Uint8Array<ArrayBuffer> {
  return view(index).slice();
}

function copiesAlone(): number {
  for (let i = 0; i < LINES; i++) seen = copy(i);
  return LINES;
}

async function read(
  line: (index: number) => Uint8Array,
  batch = 1,
): Promise<number> {
  let index = 0;
  return await counted(
    new ReadableStream({
      pull(controller): void {
        if (index === LINES) return controller.close();
        for (let i = 0; i < batch && index < LINES; i++) {
          controller.enqueue(line(index++));
        }
      },
    }, { highWaterMark: 0 }),
  );
}

async function decoded(): Promise<number> {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += BATCH) {
    chunks.push(bytes.subarray(at, at + BATCH));
  }
  return await counted(
    ReadableStream.from(chunks).pipeThrough(new FrameDecoderStream(lines())),
  );
}

async function counted(stream: ReadableStream<Uint8Array>): Promise<number> {
  let count = 0;
  for await (const line of stream) count += line.length === LINE - 1 ? 1 : 0;
  if (count !== LINES || seen === false) throw new Error("Lines are missing");
  return count;
}
