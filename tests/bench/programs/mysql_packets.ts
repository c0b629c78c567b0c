/**
 * Splits MySQL packets with the preset, or with mysql2, for each line of input, and
 * prints the packets a second of processor time. `"lengthwise"` and `"mysql2"` read
 * the first byte of each payload; `"bytes"` is mysql2 with the payload as bytes,
 * which the preset returns. The argument is the length of a payload.
 *
 * @module
 */
import { PassThrough } from "node:stream";
import { mysql } from "../../../lib/framing/presets.ts";
import { buffers, input } from "../framing_decode.ts";
import { questions } from "../processes.ts";
import { expectCount, perProcessorSecond } from "../row.ts";

/** Not a literal, because the lock file of the project does not contain it. */
const MYSQL2: string = "npm:mysql2@3.24.6";

interface PacketParser {
  execute(chunk: Uint8Array): void;
}

interface Packet {
  readonly offset: number;
  readonly end: number;
  readInt8(): number;
  readBuffer(length: number): Uint8Array;
}

interface Connection {
  readonly packetParser: PacketParser & {
    readonly constructor: new (
      onPacket: (packet: Packet) => void,
    ) => PacketParser;
  };
  destroy(): void;
}

const { createConnection }: {
  createConnection: (options: { stream: PassThrough }) => Connection;
} = await import(MYSQL2);

// The package does not export the class, but each connection has one.
const connection = createConnection({ stream: new PassThrough() });
const { constructor: Parser } = connection.packetParser;
connection.destroy();

const [length = 128] = Deno.args.map(Number);
const packet = new Uint8Array(1 + length).fill(7);
packet[0] = 0; // the sequence number
const packets = input(mysql().encoder().encode(packet));
const reads = [...buffers(packets)];
const count = reads.reduce((sum, { length }) => sum + length, 0) /
  (4 + length);

function lengthwise(): void {
  const decoder = mysql().decoder();
  let sum = 0;
  for (const read of reads) {
    decoder.push(read);
    for (let frame; (frame = decoder.next()) !== undefined;) sum += frame[1]!;
  }
  expectCount("packets", sum, 7 * count);
}

function mysql2(): void {
  let sum = 0;
  const parser = new Parser((packet) => {
    sum += packet.readInt8();
  });
  for (const read of reads) parser.execute(read);
  expectCount("packets", sum, 7 * count);
}

function bytes(): void {
  let sum = 0;
  const parser = new Parser((packet) => {
    sum += packet.readBuffer(packet.end - packet.offset)[0]!;
  });
  for (const read of reads) parser.execute(read);
  expectCount("packets", sum, 7 * count);
}

const SUBJECTS: Record<string, () => void> = { lengthwise, mysql2, bytes };

console.log("true");
for await (const question of questions()) {
  console.log(await perProcessorSecond(count, SUBJECTS[String(question)]!));
}
