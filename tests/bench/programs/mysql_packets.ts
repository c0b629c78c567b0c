/**
 * Splits MySQL packets with the preset, or with mysql2, for each line of input, and
 * prints the packets a second. The argument is the length of a payload.
 *
 * @module
 */
import { PassThrough } from "node:stream";
import { mysql } from "../../../lib/framing/presets.ts";
import { buffers, input, ours } from "../framing_decode.ts";
import { questions } from "../processes.ts";
import { expectCount, perProcessorSecond } from "../row.ts";

/** Not a literal, because the lock file of the project does not contain it. */
const MYSQL2: string = "npm:mysql2@3.24.6";

interface PacketParser {
  execute(chunk: Uint8Array): void;
}

interface Connection {
  readonly packetParser: PacketParser & {
    readonly constructor: new (
      onPacket: (packet: unknown) => void,
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
packet[0] = 0;
const packets = input(mysql().encoder().encode(packet));
const library = ours(mysql(), packets);
const count = await library.run();

let last: unknown;
const SUBJECTS: Record<string, () => Promise<void>> = {
  async lengthwise() {
    expectCount("packets", await library.run(), count);
  },
  mysql2() {
    let found = 0;
    const parser = new Parser((packet) => {
      last = packet; // or the compiler removes the packet
      found++;
    });
    for (const read of buffers(packets)) parser.execute(read);
    if (last === undefined) throw new Error("The packets have no content");
    expectCount("packets", found, count);
    return Promise.resolve();
  },
};

console.log("true");
for await (const question of questions()) {
  console.log(await perProcessorSecond(count, SUBJECTS[String(question)]!));
}
