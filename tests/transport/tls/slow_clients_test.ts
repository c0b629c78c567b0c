/**
 * Clients that send their handshake a few bytes at a time do not delay others.
 *
 * @module
 */
import { assertServes, listenLoopback } from "./tls_pair.ts";

Deno.test("clients that never finish their ClientHello do not delay others", async () => {
  await using listener = await listenLoopback({
    maxHandshakes: 8,
    onHandshakeError() {},
  });
  const port = listener.addr.port ?? 0;
  // The header of a record of 512 bytes and of its ClientHello, and no more.
  const start = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3);
  const silent: Deno.TcpConn[] = [];
  for (let i = 0; i < 40; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(start.subarray(0, i % start.length));
    silent.push(conn);
  }
  let trickling = true;
  const trickle = (async () => {
    for (let at = 0; trickling; at++) {
      await Promise.allSettled(
        silent.map((conn) => conn.write(start.subarray(at % 11, at % 11 + 1))),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await assertServes(listener);
  trickling = false;
  await trickle;
  for (const conn of silent) conn.close();
});
