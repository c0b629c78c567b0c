#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An upload with progress, cut in the middle, and resumed where the server had
 * got to: a client stream whose opening says from where, and a connection that
 * breaks on purpose.
 *
 * @module
 */
import {
  CallError,
  type ClientSession,
  clientStream,
  connect,
  createServer,
  protocol,
  transport,
  unary,
} from "@lengthwise/lengthwise";

const Files = protocol({
  name: "files",
  server: {
    /** Bytes that the server has of a file. */
    size: unary<{ name: string }, number>(),
    /** Chunks from `offset` on; gives the size of the whole. */
    upload: clientStream<
      Uint8Array,
      { bytes: number; sha256: string },
      Record<never, never>,
      { name: string; offset: number }
    >(),
  },
});

const CHUNK = 32 * 1024;
const stored = new Map<string, Uint8Array<ArrayBuffer>>();

const server = createServer(Files, {
  size: ({ name }) => stored.get(name)?.length ?? 0,
  async upload(chunks, { opening: { name, offset } }) {
    let file = (stored.get(name) ?? new Uint8Array()).slice(0, offset);
    for await (const chunk of chunks) {
      const longer = new Uint8Array(file.length + chunk.length);
      longer.set(file);
      longer.set(chunk, file.length);
      stored.set(name, file = longer); // what has come stays, whatever becomes of the call
    }
    return { bytes: file.length, sha256: await sha256(file) };
  },
});

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A connection that breaks after so many bytes, as a real one may. */
async function dial(breakAfter?: number): Promise<ClientSession<typeof Files>> {
  const [near, far] = transport.memoryPair(
    breakAfter === undefined
      ? {}
      : { toServer: { fault: { kind: "cut", after: breakAfter } } },
  );
  server.accept(far);
  return await connect(Files, near);
}

async function upload(
  session: ClientSession<typeof Files>,
  name: string,
  file: Uint8Array<ArrayBuffer>,
): Promise<{ bytes: number; sha256: string }> {
  const offset = await session.remote.size({ name });
  console.log(`upload from byte ${offset}`);
  const call = session.remote.upload(undefined, { opening: { name, offset } });
  for (let at = offset; at < file.length; at += CHUNK) {
    await call.send(file.subarray(at, at + CHUNK)); // waits while the server is behind
    const percent = Math.round(
      (100 * Math.min(at + CHUNK, file.length)) / file.length,
    );
    if (percent % 25 === 0) console.log(`  ${percent} % sent`);
  }
  await call.end();
  return await call.result;
}

const file = crypto.getRandomValues(new Uint8Array(65_536));
const large = new Uint8Array(16 * file.length);
for (let at = 0; at < large.length; at += file.length) large.set(file, at);

const first = await dial(400_000);
try {
  await upload(first, "large.bin", large);
} catch (error) {
  if (!(error instanceof CallError)) throw error;
  console.log(`cut: ${error.code} (processed: ${error.processed})`);
}
await first.close();

const second = await dial();
const { bytes, sha256: hash } = await upload(second, "large.bin", large);
console.log(
  `${bytes} bytes have arrived, ${
    hash === await sha256(large) ? "whole" : "and are wrong"
  }`,
);
await second.close();
await server.shutdown();
