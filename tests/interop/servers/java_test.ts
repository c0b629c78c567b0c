/**
 * The preset `javaWriteUTF` with a Java program (Debian package
 * `default-jdk-headless`), as its client and as its server.
 *
 * @module
 */
import { type ByteStream, frames } from "@lengthwise/lengthwise/framing";
import {
  decodeModifiedUtf8,
  encodeModifiedUtf8,
  javaWriteUTF,
} from "@lengthwise/lengthwise/framing/presets";
import { connect, listen } from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { findProgram, startServer } from "./programs.ts";

const PEER = new URL("java/Peer.java", import.meta.url).pathname;
const TEXTS = [
  ...["", "\0", "a\0b", "\x7f\x80\u07ff\u0800\uffff", "Grüße 🙂"],
  ...["\ud83d", "\ude42\ud83d", "x".repeat(65_535), "\u0800".repeat(21_845)],
];

async function exchange(connection: ByteStream): Promise<void> {
  await using stream = frames(connection, javaWriteUTF());
  const replies = stream[Symbol.asyncIterator]();
  for (const text of TEXTS) {
    await stream.send(encodeModifiedUtf8(text));
    const { value } = await replies.next();
    const expected = text.split("").reverse().join("");
    assertEquals(decodeModifiedUtf8(value ?? new Uint8Array()), expected);
    assertEquals(value, encodeModifiedUtf8(expected));
  }
}

Deno.test("javaWriteUTF() exchanges text with a Java server", async () => {
  const java = findProgram("java", "default-jdk-headless");
  await using server = await startServer({
    user: undefined,
    command: (port) => [java, PEER, "server", `${port}`],
    ready: /ready/,
    stopSignal: "SIGTERM",
  });
  await exchange(await connect({ hostname: "127.0.0.1", port: server.port }));
});

Deno.test("javaWriteUTF() exchanges text with a Java client", async () => {
  const java = findProgram("java", "default-jdk-headless");
  await using listener = await listen({ hostname: "127.0.0.1", port: 0 });
  await using child = new Deno.Command(java, {
    args: [PEER, "client", `${listener.addr.port}`],
  }).spawn();
  await exchange(await listener.accept());
  assertEquals((await child.status).code, 0);
});
