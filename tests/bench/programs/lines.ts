/**
 * Splits the lines of a stream into text for each line of input, and prints the
 * lines a second of processor time: `"readLines"` and `"frames"` those of a web
 * stream, the latter first as bytes of their own; `"split2"` those of a stream of
 * Node.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Duplex, Readable } from "node:stream";
import {
  FrameDecoderStream,
  lines,
  readLines,
} from "../../../lib/framing/mod.ts";
import { questions } from "../processes.ts";
import { expectCount, perProcessorSecond } from "../row.ts";

const LINES = 100_000;
const READ = 64 * 1024;
const LINE = "x".repeat(99);

/** Not a literal, because the lock file of the project does not contain it. */
const SPLIT2: string = "npm:split2@4.2.0";
const { default: split2 }: { default: () => Duplex } = await import(SPLIT2);

const bytes = new TextEncoder().encode(`${LINE}\n`.repeat(LINES));
const chunks: Uint8Array[] = [];
for (let at = 0; at < bytes.length; at += READ) {
  chunks.push(bytes.subarray(at, at + READ));
}
const buffers = chunks.map((one) =>
  Buffer.from(one.buffer, one.byteOffset, one.length)
);

const text = new TextDecoder();

const SUBJECTS: Record<string, () => Promise<void>> = {
  async readLines() {
    let count = 0;
    for await (const text of readLines(ReadableStream.from(chunks))) {
      if (text.length !== LINE.length) throw new Error("A line is damaged");
      count++;
    }
    expectCount("lines", count, LINES);
  },
  async frames() {
    let count = 0;
    const frames = ReadableStream.from(chunks)
      .pipeThrough(new FrameDecoderStream(lines()));
    for await (const frame of frames) {
      if (text.decode(frame).length !== LINE.length) {
        throw new Error("A line is damaged");
      }
      count++;
    }
    expectCount("lines", count, LINES);
  },
  async split2() {
    let count = 0;
    for await (const text of Readable.from(buffers).pipe(split2())) {
      if (text.length !== LINE.length) throw new Error("A line is damaged");
      count++;
    }
    expectCount("lines", count, LINES);
  },
};

console.log("true");
for await (const question of questions()) {
  console.log(await perProcessorSecond(LINES, SUBJECTS[String(question)]!));
}
