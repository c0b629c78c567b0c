import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { frames, lines, u32be } from "@lengthwise/lengthwise/framing";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import { readExactly, TransportError } from "@lengthwise/lengthwise/transport";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test(
  "detach() returns a connection that reads the rest first",
  none,
  async () => {
    const [near, far] = memoryPair();
    const first = frames(near, lines());
    await far.write(bytes("go\n\0\0\0\x01"));
    for await (const line of first) {
      assertEquals(line, bytes("go"));
      const { connection, rest, stream } = await first.detach();
      assertStrictEquals(connection, near);
      assertEquals(rest, bytes("\0\0\0\x01"));
      await far.write(bytes("x"));
      await using second = frames(stream, u32be());
      const reader = second[Symbol.asyncIterator]();
      assertEquals((await reader.next()).value, bytes("x"));
      await second.send(bytes("yes"));
      const reply = new Uint8Array(7);
      await readExactly(far, reply);
      assertEquals(reply, bytes("\0\0\0\x03yes"));
      await far.closeWrite();
    }
    assertEquals(near.closed, true);
    far.close();
  },
);

Deno.test(
  "the connection with its rest has the members of the connection",
  none,
  async () => {
    const [near, far] = memoryPair();
    const first = frames(near, lines());
    await far.write(bytes("go\nrest"));
    for await (const _line of first) {
      const { stream } = await first.detach();
      assertEquals(stream.remoteAddr, near.remoteAddr);
      assertEquals([stream.bytesRead, stream.closed], [7, false]);
      assertStrictEquals(stream.write, stream.write);
      const small = new Uint8Array(3);
      assertEquals([await stream.read(small), small], [3, bytes("res")]);
      assertEquals([await stream.read(small), small[0]], [1, 0x74]);
      await far.write(bytes("more"));
      assertEquals([await stream.read(small), small], [3, bytes("mor")]);
      stream.close();
      assertEquals(near.closed, true);
    }
    far.close();
  },
);

Deno.test(
  "detach() returns the connection itself if nothing is left",
  none,
  async () => {
    const [near, far] = memoryPair();
    const { stream } = await frames(near, lines()).detach();
    assertStrictEquals(stream, near);
    near.close();
    far.close();
  },
);

Deno.test(
  "the connection with its rest returns nothing after it was closed",
  none,
  async () => {
    for (const way of ["close", "dispose"] as const) {
      const [near, far] = memoryPair();
      const first = frames(near, lines());
      await far.write(bytes("go\nrest"));
      await first.read();
      const { stream } = await first.detach();
      if (way === "close") stream.close();
      else stream[Symbol.dispose]();
      assertEquals(near.closed, true);
      await assertRejects(() => stream.read(new Uint8Array(4)), TransportError);
      far.close();
    }
  },
);

Deno.test(
  "the readable stream of a socket with its rest has the rest first",
  { permissions: { net: ["127.0.0.1"] } },
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    for (const mode of ["text", "byob", "cancel"] as const) {
      const connecting = Deno.connect({ hostname: "127.0.0.1", port });
      const far = await listener.accept();
      await far.write(bytes("go\nrest"));
      const first = frames(await connecting, lines());
      await first.read();
      const { stream, rest } = await first.detach();
      assertStrictEquals(stream.readable, stream.readable);
      await far.write(bytes(" more"));
      far.close();
      if (mode === "text") {
        const small = new Uint8Array(1);
        assertEquals([await stream.read(small), small], [1, bytes("r")]);
        assertEquals(await new Response(stream.readable).text(), "est more");
      } else if (mode === "byob") {
        const reader = stream.readable.getReader({ mode: "byob" });
        const got = await reader.read(new Uint8Array(3));
        assertEquals(got.value, bytes("res"));
        assertEquals((await reader.read(new Uint8Array(9))).value, bytes("t"));
        const more = await reader.read(new Uint8Array(9));
        assertEquals(more.value, bytes(" more"));
        assertEquals((await reader.read(new Uint8Array(9))).done, true);
      } else await stream.readable.cancel();
      assertEquals(rest, bytes("rest"));
    }
  },
);

Deno.test(
  "the readable stream of a connection with its rest drops empty chunks",
  none,
  async () => {
    const [near, far] = memoryPair();
    const chunks = [bytes(" a"), new Uint8Array(0), bytes("nd")];
    const first = frames(
      Object.assign(near, { readable: ReadableStream.from(chunks) }),
      lines(),
    );
    await far.write(bytes("go\nrest"));
    await first.read();
    const { stream } = await first.detach();
    assertEquals(await new Response(stream.readable).text(), "rest and");
    stream.close();
    far.close();
  },
);
