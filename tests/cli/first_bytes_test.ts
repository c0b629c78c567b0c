import { assertEquals } from "@std/assert";
import { withFirstBytes } from "../../lib/cli/first_bytes.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const range = (from: number, to: number) =>
  Uint8Array.from({ length: to - from }, (_, i) => from + i);

Deno.test(
  "withFirstBytes() keeps the first 16 bytes of all reads",
  none,
  async () => {
    const [near, far] = memoryPair();
    const connection = withFirstBytes(near);
    assertEquals(connection.head, new Uint8Array());
    const buffer = new Uint8Array(100);
    for (const [from, to] of [[0, 5], [5, 15], [15, 40], [40, 50]] as const) {
      await far.write(range(from, to));
      const count = await connection.read(buffer);
      assertEquals(buffer.subarray(0, count!), range(from, to));
      assertEquals(connection.head, range(0, Math.min(to, 16)));
    }
    await far.closeWrite();
    assertEquals(await connection.read(buffer), null);
    assertEquals(connection.head, range(0, 16));
    await connection.write(range(0, 3));
    assertEquals(await far.read(buffer), 3);
    await connection.closeWrite();
    assertEquals(await far.read(buffer), null);
    connection.close();
    far.close();
  },
);
