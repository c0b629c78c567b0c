import {
  connect,
  listen,
  readExactly,
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("webStreams() keeps reading after writable has closed, on TCP", async () => {
  await using listener = await listen({ port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect(listener.addr),
  ]);
  const { readable, writable } = webStreams(client);
  const writer = writable.getWriter();
  await writer.write(text("question"));
  await writer.close();
  assertEquals(
    await new Response(webStreams(server).readable).text(),
    "question",
  );
  await writeAll(server, text("answer"));
  await server.closeWrite();
  assertEquals(await new Response(readable).text(), "answer");
  assert(client.closed, "both sides have ended");
  server.close();
});

Deno.test("webStreams() keeps writable open after the peer's end", async () => {
  const [client, server] = memoryPair();
  const { readable, writable } = webStreams(client);
  await server.closeWrite();
  assertEquals(await new Response(readable).text(), "");
  const writer = writable.getWriter();
  await writer.write(text("still here"));
  await writer.close();
  const buffer = new Uint8Array(10);
  assert(await readExactly(server, buffer));
  assertEquals(new TextDecoder().decode(buffer), "still here");
  assert(client.closed);
});

Deno.test("webStreams() supports readers with their own buffer", async () => {
  const [client, server] = memoryPair();
  await writeAll(server, text("abc"));
  await server.closeWrite();
  const reader = webStreams(client).readable.getReader({ mode: "byob" });
  const first = await reader.read(new Uint8Array(2));
  assertEquals(first, { done: false, value: text("ab") });
  const second = await reader.read(new Uint8Array(2));
  assertEquals(second, { done: false, value: text("c") });
  assert((await reader.read(new Uint8Array(2))).done);
});

Deno.test("webStreams() limits chunks to chunkSize", async () => {
  const [client, server] = memoryPair();
  await writeAll(server, new Uint8Array(10));
  await server.closeWrite();
  const sizes: number[] = [];
  for await (const chunk of webStreams(client, { chunkSize: 4 }).readable) {
    sizes.push(chunk.length);
  }
  assertEquals(sizes, [4, 4, 2]);
  assertThrows(() => webStreams(server, { chunkSize: 0 }), RangeError);
});

Deno.test("webStreams() closes the connection when readable is cancelled and writable closed", async () => {
  const [client] = memoryPair();
  const { readable, writable } = webStreams(client);
  await readable.cancel();
  assertEquals(client.closed, false);
  await writable.close();
  assert(client.closed);
});

Deno.test("webStreams() closes the connection at once when writable is aborted", async () => {
  const [client, server] = memoryPair();
  const { writable } = webStreams(client);
  await writable.abort(new Error("enough"));
  assert(client.closed);
  assertEquals(await server.read(new Uint8Array(1)), null);
});

Deno.test("webStreams() passes on the error of a broken connection and closes it", async () => {
  const [client] = memoryPair({
    toClient: { fault: { kind: "reset", after: 0 } },
  });
  const { readable, writable } = webStreams(client);
  await assertRejects(() => new Response(readable).text(), Error, "reset");
  assert(client.closed);
  await assertRejects(() => writable.getWriter().write(text("x")), Error);
});

Deno.test("webStreams() applies backpressure to a writer that is faster than the peer", async () => {
  const [client, server] = memoryPair({ capacity: 8 });
  const writer = webStreams(client).writable.getWriter();
  const write = writer.write(new Uint8Array(20));
  let done = false;
  write.then(() => done = true);
  await readExactly(server, new Uint8Array(8));
  assertEquals(done, false);
  await readExactly(server, new Uint8Array(12));
  await write;
  client.close();
});

Deno.test("webStreams() closes the connection when writable is aborted during a blocked write", async () => {
  const [client, server] = memoryPair({ capacity: 10 });
  const { writable } = webStreams(client);
  const writer = writable.getWriter();
  await writer.ready;
  const writing = assertRejects(() => writer.write(new Uint8Array(100)));
  // The first ten bytes have been sent: the write is in progress.
  await server.read(new Uint8Array(1));
  await writer.abort(new Error("enough"));
  await writing;
  assert(client.closed);
});

Deno.test("webStreams() keeps writable open when readable is cancelled during a read", async () => {
  for (const late of ["bytes", "end"]) {
    const [client, server] = memoryPair();
    const { readable, writable } = webStreams(client);
    const reader = readable.getReader();
    const reading = reader.read();
    // After a turn of the event loop, the stream waits for the connection.
    await new Promise((resolve) => setTimeout(resolve));
    await reader.cancel();
    assert((await reading).done);
    if (late === "bytes") await writeAll(server, text("never read"));
    else await server.closeWrite();
    const writer = writable.getWriter();
    await writer.write(text("still here"));
    const buffer = new Uint8Array(10);
    assert(await readExactly(server, buffer));
    assertEquals(new TextDecoder().decode(buffer), "still here");
    assert(!client.closed);
    await writer.close();
    assert(client.closed);
  }
});
