import { assertEquals } from "@std/assert";
import { relay } from "./programs/relay.ts";
import { writeWhole } from "./programs/bare.ts";

Deno.test("relay() forwards bytes and ends in both directions", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const link = relay(listener.addr.port, {
    delay: 1,
    rate: 25e6,
    queue: 64_000,
  });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: link.port }),
    listener.accept(),
  ]);
  const down = new Uint8Array(300_000).map((_, at) => at % 251);
  const up = new Uint8Array(200_000).map((_, at) => at % 241);
  const send = async (conn: Deno.Conn, bytes: Uint8Array) => {
    await writeWhole(conn, bytes);
    await conn.closeWrite();
  };
  const [, , atNear, atFar] = await Promise.all([
    send(far, down),
    send(near, up),
    readAll(near),
    readAll(far),
  ]);
  assertEquals(atNear, down);
  assertEquals(atFar, up);
  near.close();
  far.close();
  await link.close();
});

async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const buffer = new Uint8Array(65_536);
  for (let n; (n = await conn.read(buffer)) !== null;) {
    chunks.push(buffer.slice(0, n));
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
