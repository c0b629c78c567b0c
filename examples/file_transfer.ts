#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=/tmp/lengthwise-example.sent,/tmp/lengthwise-example.stored --allow-write=/tmp/lengthwise-example.sent,/tmp/lengthwise-example.stored
/**
 * An upload that reports its progress and resumes after a lost connection. It
 * is a client stream whose opening holds the offset at which to resume.
 *
 * @module
 */
import {
  CallError,
  type ClientSession,
  clientStream,
  connect,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import { connect as dial } from "@lengthwise/lengthwise/transport";

const Files = protocol({
  name: "files",
  server: {
    /** Number of a file's bytes that the server already has. */
    size: unary<{ name: string }, number>(),
    /** Uploads chunks from `offset` on; returns the file's size and hash. */
    upload: clientStream<
      Uint8Array,
      { bytes: number; sha256: string },
      Record<never, never>,
      { name: string; offset: number }
    >(),
  },
});

const CHUNK = 32 * 1024;

// ── the server ─────────────────────────────────────────────────────────────

await using server = await serve(Files, { port: 0 }).handle({
  async size({ name }, context) {
    if (!isPlain(name)) {
      throw context.refuse("Not a valid file name", { code: "invalid" });
    }
    return (await Deno.stat(pathOf(name))).size;
  },
  async upload(chunks, context) {
    const { name, offset } = context.opening;
    if (!isPlain(name)) {
      throw context.refuse("Not a valid file name", { code: "invalid" });
    }
    using file = await Deno.open(pathOf(name), { write: true });
    await file.truncate(offset);
    await file.seek(offset, Deno.SeekMode.Start);
    for await (const chunk of chunks) { // stored chunks are kept even if the call fails
      for (let at = 0; at < chunk.length;) {
        at += await file.write(chunk.subarray(at));
      }
    }
    const bytes = await Deno.readFile(pathOf(name));
    return { bytes: bytes.length, sha256: await sha256(bytes) };
  },
});

/** Returns whether a client's file name is safe in a path. */
function isPlain(name: string): boolean {
  return /^\w+$/.test(name);
}

function pathOf(name: string): string {
  return `/tmp/lengthwise-example.${name}`;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

// ── the client ─────────────────────────────────────────────────────────────

/** Sends the part of the file that the server lacks. */
async function upload(
  { remote }: ClientSession<typeof Files>,
  path: string,
  onProgress: (percent: number) => void,
): Promise<{ bytes: number; sha256: string }> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const name = "stored";
  const offset = await remote.size({ name });
  console.log(`upload from byte ${offset}`);
  await using call = remote.upload(undefined, { opening: { name, offset } });
  await file.seek(offset, Deno.SeekMode.Start);
  const chunk = new Uint8Array(CHUNK);
  for (let at = offset, read; (read = await file.read(chunk)) !== null;) {
    await call.send(chunk.subarray(0, read)); // waits while the server is busy
    onProgress(Math.floor(100 * (at += read) / size));
  }
  await call.end();
  return await call.result;
}

const SENT = pathOf("sent");
const large = new Uint8Array(1024 * 1024).map((_, at) => (at * at) % 251);
await Deno.writeFile(SENT, large);
await Deno.writeFile(pathOf("stored"), new Uint8Array());

{
  const connection = await dial(server.addr);
  await using session = await connect(Files, connection);
  try {
    await upload(session, SENT, (percent) => {
      if (percent >= 40) connection.close(); // simulates a network failure
    });
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    console.log(
      `connection lost: ${error.code} (processed: ${error.processed})`,
    );
  }
}

await using session = await connect(Files, server.addr);
let reported = 0;
const { bytes, sha256: hash } = await upload(session, SENT, (percent) => {
  if (percent >= reported + 25) {
    console.log(`  ${reported = percent} % sent`);
  }
});
console.log(
  `${bytes} bytes arrived, ${
    hash === await sha256(large) ? "intact" : "damaged"
  }`,
);
for (const name of ["sent", "stored"]) await Deno.remove(pathOf(name));
