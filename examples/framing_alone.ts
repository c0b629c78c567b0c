#!/usr/bin/env -S deno run --allow-read=/tmp/lengthwise-example.journal --allow-write=/tmp/lengthwise-example.journal
/**
 * The framing layer on its own, without a socket: a journal on disk with one
 * frame per record. A crash may leave the last record incomplete. The next
 * reader of the journal finds all complete records and discards the rest.
 *
 * @module
 */
import {
  FrameError,
  type Framing,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";

const PATH = "/tmp/lengthwise-example.journal";
const framing: Framing = varintPrefixed({ maxFrameLength: 64 * 1024 });

/** Appends a record in one write. */
async function append(record: string): Promise<void> {
  const frame = framing.encoder().encode(new TextEncoder().encode(record));
  await Deno.writeFile(PATH, frame, { append: true });
}

/** Passes each record to `handle`; returns the offset after the last one. */
async function replay(handle: (record: string) => void): Promise<number> {
  const decoder = framing.decoder();
  let size = 0;
  for await (const chunk of (await Deno.open(PATH)).readable) {
    size += chunk.length;
    decoder.push(chunk);
    for (let frame; (frame = decoder.next()) !== undefined;) {
      handle(new TextDecoder().decode(frame));
    }
  }
  try {
    decoder.end();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    console.log(`  ${error.message}`);
  }
  return size - decoder.rest().length;
}

await Deno.writeFile(PATH, new Uint8Array());
for (const record of ["deposit 100", "withdraw 30", "deposit 5"]) {
  await append(record);
}

const { size } = await Deno.stat(PATH);
await Deno.truncate(PATH, size - 4); // simulates a crash during a write
console.log("after the crash:");
const end = await replay((record) => console.log(`  ${record}`));

await Deno.truncate(PATH, end);
await append("deposit 7");
console.log("after the repair:");
await replay((record) => console.log(`  ${record}`));
await Deno.remove(PATH);
