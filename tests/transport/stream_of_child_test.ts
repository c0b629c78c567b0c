import { assertEquals, assertThrows } from "@std/assert";
import { PassThrough } from "node:stream";
import { formatAddress } from "../../lib/transport/address.ts";
import { failureCode } from "../../lib/transport/error_mapping.ts";
import { streamConnection } from "../../lib/transport/stream_connection.ts";

Deno.test("streamConnection() takes web streams", {
  permissions: "none",
}, async () => {
  const there = new TransformStream<Uint8Array>();
  const back = new TransformStream<Uint8Array>();
  const near = streamConnection({
    stdin: there.writable,
    stdout: back.readable,
  });
  assertEquals(formatAddress(near.remoteAddr), "child-process");
  const reader = there.readable.getReader();
  const [{ value }] = await Promise.all([
    reader.read(),
    near.write(Uint8Array.of(7)),
  ]);
  assertEquals(value, Uint8Array.of(7));
  near.close();
  near.close(); // does not linger
});

Deno.test("streamConnection() still reads what a child sent before it exited", async () => {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const near = streamConnection({ stdin, stdout });
  stdout.write(Uint8Array.of(1));
  const broken = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  const failed = new Promise((resolve) => stdin.once("close", resolve));
  stdin.destroy(broken);
  stdout.end(Uint8Array.of(2));
  await failed;
  const write = near.write(Uint8Array.of(3));
  assertEquals(await write.catch(failureCode), "reset");
  const buffer = new Uint8Array(4);
  let count = 0;
  for (let n; (n = await near.read(buffer.subarray(count))) !== null;) {
    count += n;
  }
  assertEquals(buffer.subarray(0, count), Uint8Array.of(1, 2));
  near.close();
});

Deno.test("streamConnection() rejects streams that are not piped", () => {
  const { readable, writable } = new TransformStream<Uint8Array>();
  const wrong: Parameters<typeof streamConnection>[0][] = [
    { stdin: null, stdout: readable },
    { stdin: writable, stdout: null },
    { stdin: writable, stdout: new PassThrough() },
  ];
  for (const streams of wrong) {
    assertThrows(() => streamConnection(streams), TypeError, "piped");
  }
});
