import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  formatAddress,
  readExactly,
  streamConnection,
  TransportError,
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { checkTransport, memoryPair } from "@lengthwise/lengthwise/testing";
import { frames, readLines, u32be } from "@lengthwise/lengthwise/framing";

/** Returns two connections over a pair of identity streams. */
function pair() {
  const queue = new ByteLengthQueuingStrategy({ highWaterMark: 65_536 });
  const buffer = () =>
    new TransformStream<Uint8Array, Uint8Array>({}, queue, queue);
  const [there, back] = [buffer(), buffer()];
  return [
    streamConnection({ readable: back.readable, writable: there.writable }),
    streamConnection({ readable: there.readable, writable: back.writable }),
  ] as const; // a pair
}

Deno.test("streamConnection() passes checkTransport()", {
  permissions: "none",
}, async (t) => {
  await checkTransport(pair, { step: (name, check) => t.step(name, check) });
});

Deno.test("streamConnection() is the inverse of webStreams()", {
  permissions: "none",
}, async () => {
  const [near, far] = memoryPair();
  const connection = streamConnection(webStreams(near));
  await using stream = frames(connection, u32be());
  await using other = frames(far, u32be());
  const large = new Uint8Array(200_000).fill(7);
  const sent = stream.send(large);
  for await (const frame of other) {
    assertEquals(frame, large);
    break;
  }
  await sent;
  assertEquals(connection.remoteAddr, { transport: "streams" });
  assertEquals(formatAddress(connection.remoteAddr), "streams");
});

Deno.test("streamConnection() does not pass on memory of its caller", {
  permissions: "none",
}, async () => {
  const [near, far] = pair();
  const data = Uint8Array.of(1, 2, 3);
  const written = near.write(data);
  const buffer = new Uint8Array(3);
  assertEquals(await far.read(buffer.subarray(0, 1)), 1);
  await written;
  data.fill(9);
  await readExactly(far, buffer.subarray(1));
  assertEquals(buffer, Uint8Array.of(1, 2, 3));
  near.close();
  far.close();
});

Deno.test("streamConnection() rejects locked streams and reports failed ones", {
  permissions: "none",
}, async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  readable.getReader().releaseLock();
  writable.getWriter();
  assertThrows(() => streamConnection({ readable, writable }), TypeError);
  assertEquals(readable.locked, false);
  const failing = streamConnection({
    readable: new ReadableStream({ pull: () => Promise.reject("torn") }),
    writable: new WritableStream({ write: () => Promise.reject("torn") }),
  });
  await assertRejects(() => failing.read(new Uint8Array(1)), TransportError);
  await assertRejects(() => failing.write(new Uint8Array(1)), TransportError);
  failing.close();
  const texts = streamConnection({
    // @ts-expect-error -- text instead of bytes
    readable: ReadableStream.from(["text"]),
    writable: new WritableStream(),
  });
  await assertRejects(
    () => texts.read(new Uint8Array(1)),
    TransportError,
    "a chunk must be a Uint8Array: current value is of type string",
  );
  texts.close();
});

Deno.test("streamConnection() carries lines of a child process", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "await Deno.stdin.readable.pipeTo(Deno.stdout.writable)"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await using connection = streamConnection({
    readable: child.stdout,
    writable: child.stdin,
  });
  const long = "x".repeat(300_000);
  const text = new TextEncoder().encode(`one\n${long}\nlast`);
  const wrote = writeAll(connection, text).then(() => connection.closeWrite());
  assertEquals(await Array.fromAsync(readLines(connection)), [
    "one",
    long,
    "last",
  ]);
  await wrote;
  assertEquals((await child.status).success, true);
});
